"""The commands for the lifecycle of a container: stop, start, restart, retry, logs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from flocker_lite.cli import completion, lookup
from flocker_lite.cli.progress import progress_of, show_start
from flocker_lite.cli.session import EXIT_INTERRUPTED, Session, parsed, with_session
from flocker_lite.cli.units import seconds
from flocker_lite.client import Client
from flocker_lite.client.client import Item
from flocker_lite.client.errors import TimedOut

TAIL_LINES = 100
WAIT_SECONDS = 120.0


def _life_command(
    name: str,
    what: str,
    act: Callable[[Client, str], Item],
    is_reached: Callable[[Item, list[Item]], bool],
) -> click.Command:
    """A command that requests a change, and waits until the nodes report it."""

    @click.command(name, help=what)
    @click.argument("names", nargs=-1, required=True, shell_complete=completion.containers)
    @click.option("--wait/--no-wait", default=True, help="Wait until the node has done it.")
    @click.option("--timeout", default=f"{WAIT_SECONDS:g}s", help="How long to wait.")
    @with_session
    def command(session: Session, names: tuple[str, ...], wait: bool, timeout: str) -> None:
        client, wait_seconds = session.client, parsed(seconds, timeout)
        known = client.containers()
        found = [lookup.find(each, known, lookup.container_names, "container") for each in names]
        asked = [act(client, each["name"]) for each in found]
        for container in asked if wait else ():
            _wait(session, client, container, is_reached, wait_seconds)
        for container in asked:
            session.say(container["name"])

    return command


def _wait(
    session: Session,
    client: Client,
    container: Item,
    is_reached: Callable[[Item, list[Item]], bool],
    timeout_seconds: float,
) -> None:
    errors: list[str] = []
    name = container["name"]
    progress = progress_of(session)
    try:
        for states in client.watch("/state/containers", timeout_seconds):
            of_it = [state for state in states if state["name"] == name]
            if is_reached(container, of_it):
                return
            errors = [state["error"] for state in of_it if state.get("error")]
            show_start(progress, of_it, name)
    except TimedOut as error:
        why = f": {'; '.join(errors)}" if errors else ""
        raise TimedOut(f"container {name}: {error}{why}; its node keeps trying") from None
    except KeyboardInterrupt:
        click.echo("\nits node goes on; `flockerctl containers` shows it", err=True)
        raise SystemExit(EXIT_INTERRUPTED) from None
    finally:
        progress.close()


def _is_stopped(_: Item, states: list[Item]) -> bool:
    return not any(state["running"] for state in states)


def _is_running(container: Item, states: list[Item]) -> bool:
    generation = container.get("restart_generation", 0)
    return any(
        state["running"] and state.get("restart_generation", 0) >= generation for state in states
    )


def _running(client: Client, name: str, desired: bool) -> Any:
    return client.update_container(name, running=desired)


stop = _life_command(
    "stop",
    "Stop containers and keep them: they stay stopped, after restarts and moves too.",
    lambda client, name: _running(client, name, False),
    _is_stopped,
)
start = _life_command(
    "start",
    "Start containers that were stopped.",
    lambda client, name: _running(client, name, True),
    _is_running,
)
restart = _life_command(
    "restart",
    "Restart containers once; those that have ended are started.",
    lambda client, name: client.restart_container(name),
    _is_running,
)
retry = _life_command(
    "retry",
    "Try again now what failed for containers, without the wait.",
    lambda client, name: client.retry_container(name),
    _is_running,
)


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Also print what it writes next, until it ends.")
@click.option(
    "-n",
    "--tail",
    type=click.IntRange(0, 10000),
    default=TAIL_LINES,
    show_default=True,
    help="How many of the last lines to print.",
)
@click.argument("name", shell_complete=completion.containers)
@with_session
def logs(session: Session, name: str, follow: bool, tail: int) -> None:
    """Print what a container writes to its standard output and standard error.

    This also works after the container has ended. It does not print what the container wrote on
    another node, before a move.
    """
    stream = sys.stdout.buffer
    for chunk in session.client.logs(name, tail, follow):
        stream.write(chunk)
        stream.flush()
