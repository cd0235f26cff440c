"""Waits until containers run that were just created, changed or moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, TypeVar, cast

import click

from flocker_lite.cli.progress import progress_of, show_start
from flocker_lite.cli.session import EXIT_INTERRUPTED, Session, parsed
from flocker_lite.cli.units import seconds
from flocker_lite.client import Client
from flocker_lite.client.client import Item
from flocker_lite.client.errors import TimedOut

WAIT_SECONDS = 120.0

Command = TypeVar("Command", bound=Callable[..., Any])


def with_waiting(command: Command) -> Command:
    """Give a command the options of a wait, as `wait_seconds: float | None`."""

    @click.option("--wait/--no-wait", default=True, help="Wait until the containers run.")
    @click.option("--timeout", default=f"{WAIT_SECONDS:g}s", help="How long to wait.")
    @wraps(command)
    def answer(*arguments: Any, wait: bool, timeout: str, **others: Any) -> Any:
        wait_seconds = parsed(seconds, timeout) if wait else None
        return command(*arguments, wait_seconds=wait_seconds, **others)

    return cast(Command, answer)


def wait_until_running(
    session: Session,
    client: Client,
    names: Sequence[str],
    timeout_seconds: float,
    changed: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Wait until all of these run where they should, or have ended and need not run again.

    `changed` has the fields of each that have to be as they are configured now.
    """
    configured = {item["name"]: item for item in client.configured_containers()}
    wanted = [name for name in names if configured.get(name, {}).get("running", True)]
    errors: list[str] = []
    progress = progress_of(session)
    try:
        for states in client.watch("/state/containers", timeout_seconds):
            of_each = {name: _of(name, states) for name in wanted}
            wanted = [
                name
                for name, of_it in of_each.items()
                if not _is_up(configured.get(name, {}), of_it, (changed or {}).get(name, ()))
            ]
            if not wanted:
                return
            errors = [
                f"{name}: {state['error']}" if len(names) > 1 else state["error"]
                for name in wanted
                for state in of_each[name]
                if state.get("error")
            ]
            show_start(progress, of_each[wanted[0]], wanted[0] if len(names) > 1 else "")
    except TimedOut as error:
        why = f": {'; '.join(errors)}" if errors else ""
        which = f"container {wanted[0]} does" if len(wanted) == 1 else f"{', '.join(wanted)} do"
        keeps = "its node keeps" if len(wanted) == 1 else "their nodes keep"
        raise TimedOut(f"{which} not run yet: {error}{why}; {keeps} trying") from None
    except KeyboardInterrupt:
        undone = f", `flockerctl delete {names[0]}` takes it back" if len(names) == 1 else ""
        click.echo(f"\nthe nodes go on; `flockerctl containers` shows it{undone}", err=True)
        raise SystemExit(EXIT_INTERRUPTED) from None
    finally:
        progress.close()


def _of(name: str, states: Sequence[Item]) -> list[Item]:
    return [state for state in states if state["name"] == name]


def _is_up(configured: Item, states: Sequence[Item], fields: Sequence[str]) -> bool:
    for state in states:
        is_there = state.get("host") == configured.get("host", state.get("host"))
        is_new = all(state.get(field) == configured.get(field) for field in fields)
        is_done = "exit_code" in state and _runs_once(configured)
        if is_there and is_new and not state.get("error") and (state["running"] or is_done):
            return True
    return False


def _runs_once(configured: Item) -> bool:
    return bool(configured.get("restart_policy", {}).get("name") in ("never", "on-failure"))
