"""The commands of a move: move and cancel, and how a running move is shown."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

import click

from flocker_lite.cli import completion, lookup
from flocker_lite.cli.list_commands import move_lines
from flocker_lite.cli.output import clean
from flocker_lite.cli.progress import Progress, progress_of, shown_prediction
from flocker_lite.cli.session import (
    EXIT_INTERRUPTED,
    EXIT_ROLLED_BACK,
    Session,
    errors_as_exit_codes,
    parsed,
    with_session,
)
from flocker_lite.cli.units import seconds, shown_bytes, shown_seconds, size_bytes
from flocker_lite.client import Client
from flocker_lite.client.client import OVER, Item
from flocker_lite.client.errors import NotFound

WAIT_SECONDS = 24 * 3600.0

_PAUSE_BAR = re.compile(r"#+$")


_OPTIONS = (
    click.option("--max-pause", help="Push until the pause is this short, for example 0.5s."),
    click.option("--deadline", help="How long to try, for example 10m."),
    click.option(
        "--on-miss",
        type=click.Choice(["force", "continue", "abort"]),
        help="What to do after that.",
    ),
    click.option("--bandwidth", help="Bytes per second for the push, for example 20M."),
    click.option("--wait/--no-wait", default=True, help="Wait until the move is over."),
    click.option("--timeout", default=f"{WAIT_SECONDS:g}s", help="How long to wait."),
)

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class MoveOptions:
    """How to move, and how long to wait for it, as the command line says."""

    asked: Item
    """`move` of a request, with the options that were given; {} without any."""
    wait: bool
    timeout_seconds: float


def with_move_options(command: Command) -> Command:
    """Give a command the options of a move, and of waiting for it, as `options: MoveOptions`."""

    @wraps(command)
    def answer(
        *arguments: Any,
        max_pause: str | None,
        deadline: str | None,
        on_miss: str | None,
        bandwidth: str | None,
        wait: bool,
        timeout: str,
        **others: Any,
    ) -> Any:
        with errors_as_exit_codes():
            given = {
                "max_pause_seconds": parsed(seconds, max_pause),
                "deadline_seconds": parsed(seconds, deadline),
                "on_miss": on_miss,
                "bandwidth_limit": parsed(size_bytes, bandwidth),
            }
            timeout_seconds = parsed(seconds, timeout)
        given = {key: value for key, value in given.items() if value is not None}
        options = MoveOptions({"move": given} if given else {}, wait, timeout_seconds)
        return command(*arguments, options=options, **others)

    for option in reversed(_OPTIONS):
        answer = option(answer)
    return cast(Command, answer)


@click.command()
@click.argument("name", shell_complete=completion.containers)
@click.option("--to", "node", required=True, shell_complete=completion.nodes, help="The node.")
@click.option("--dry-run", is_flag=True, help="Print a forecast and change nothing.")
@with_move_options
@with_session
def move(
    session: Session,
    name: str,
    node: str,
    dry_run: bool,
    options: MoveOptions,
) -> None:
    """Move a container and its data to another node, or a dataset that no container uses.

    Ctrl-C stops the display; the move goes on.
    """
    client = session.client
    host = lookup.node_host(node, client.nodes())
    what = MoveSubject.find(client, name)
    if dry_run:
        _show_forecast(session, what.ask(client, host, options.asked, dry_run=True))
        return
    what.ask(client, host, options.asked, dry_run=False)
    found = what.newest_move(client)
    if found is None or found.get("to") != host:
        session.say(f"{what.name} is already on {host}")
        return
    if not options.wait:
        click.echo(found["move_id"])
        return
    follow(session, client, {found["move_id"]: ""}, options.timeout_seconds)


class MoveSubject:
    """What the user wants to move: a container, or a dataset that no container uses."""

    def __init__(self, kind: str, identity: str, name: str) -> None:
        self.kind = kind
        self.identity = identity
        self.name = name

    @classmethod
    def find(cls, client: Client, word: str) -> MoveSubject:
        """Find a container by its name, or else a dataset by its name or id."""
        containers = client.containers()
        try:
            item = lookup.find(word, containers, lookup.container_names, "container")
            return cls("container", item["name"], item["name"])
        except NotFound as not_found:
            datasets = [each for each in client.datasets() if not each["deleted"]]
            try:
                item = lookup.find(word, datasets, lookup.dataset_names, "dataset")
            except NotFound:
                raise not_found from None
            return cls("dataset_id", item["dataset_id"], word)

    def ask(self, client: Client, host: str, options: Item, dry_run: bool) -> Item:
        """Ask for the move, or for its forecast."""
        if self.kind == "container":
            return client.update_container(self.identity, dry_run, host=host, **options)
        return client.update_dataset(self.identity, dry_run, primary=host, **options)

    def newest_move(self, client: Client) -> Item | None:
        """Its newest move, which may be over."""
        return next(iter(self.moves(client)), None)

    def moves(self, client: Client) -> list[Item]:
        """Its moves, newest first."""
        return client.moves(**{self.kind: self.identity})

    def dataset_ids(self, client: Client) -> list[str]:
        """The ids of all of its data."""
        if self.kind != "container":
            return [self.identity]
        [made] = [each for each in client.containers() if each["name"] == self.identity]
        return [volume["dataset_id"] for volume in made.get("volumes", ())]

    def standbys(self, client: Client) -> tuple[list[str], str]:
        """The addresses of the nodes that stand by for all of its data, and where it is now."""
        ids = self.dataset_ids(client)
        datasets = [each for each in client.datasets() if each["dataset_id"] in ids]
        where = datasets[0]["primary"] if datasets else ""
        named = [set(each.get("replicas", {}).get("nodes", ())) for each in datasets]
        common = set.intersection(*named) if named else set()
        return sorted(common - {where}), where


def _show_forecast(session: Session, forecast: Item) -> None:
    if session.output in ("json", "yaml"):
        session.show([forecast], (), "")
        return
    known = {
        "from": forecast.get("from"),
        "to": forecast.get("to"),
        "bytes to send": shown_bytes(forecast.get("expected_bytes")),
        "that is": "only what is new" if forecast.get("incremental") else "everything",
        "push": shown_seconds(forecast.get("push_seconds")),
        "pause": shown_prediction(forecast),
    }
    for key, travels in (("travels", True), ("stays", False)):
        own = [each for each in forecast.get("properties", ()) if each["travels"] is travels]
        if own:
            known[key] = ", ".join(sorted({f"{each['name']}={each['value']}" for each in own}))
    for key, value in known.items():
        click.echo(f"{key:<14} {clean(value)}")
    if forecast.get("warning"):
        click.echo(f"{'warning':<14} {clean(forecast['warning'])}")


def follow(
    session: Session, client: Client, moves: Mapping[str, str], timeout_seconds: float
) -> None:
    """Show these moves, one after the other, until all are over.

    The keys are their ids, the values what to call them when there are several. SystemExit when one
    of them was not done.
    """
    progress, ends = progress_of(session), time.monotonic() + timeout_seconds
    found: list[Item] = []
    try:
        for move_id, name in moves.items():
            left_seconds = max(ends - time.monotonic(), 0.0)
            found.append(_shown_to_its_end(client, move_id, name, left_seconds, progress))
    except KeyboardInterrupt:
        for move_id in moves:
            click.echo(
                f"\nthe move goes on; `flockerctl moves {move_id}` shows it, "
                f"`flockerctl cancel {move_id}` cancels it",
                err=True,
            )
        raise SystemExit(EXIT_INTERRUPTED) from None
    finally:
        progress.close()
    if session.output in ("json", "yaml"):
        session.show(found, (), "")
    else:
        for last in found:
            for line in move_lines(last):
                session.say(_PAUSE_BAR.sub(lambda bar: session.painted(bar[0], "cyan"), line))
            name = moves[last["move_id"]]
            click.echo(f"move {last['move_id']}{f' of {name}' if name else ''}: {last['phase']}")
    if any(last["phase"] != "done" for last in found):
        raise SystemExit(EXIT_ROLLED_BACK)


def _shown_to_its_end(
    client: Client, move_id: str, name: str, timeout_seconds: float, progress: Progress
) -> Item:
    last: Item = {"phase": "preparing"}
    for item in client.follow_move(move_id, timeout_seconds):
        last = item
        progress.show(item, name)
    return last


@click.command()
@click.argument("name", shell_complete=completion.moves)
@with_session
def cancel(session: Session, name: str) -> None:
    """Cancel a move, named by its id, its container or its dataset."""
    client = session.client
    found: list[Any] = [item for item in client.moves() if item["phase"] not in OVER]
    item = lookup.find(name, found, lookup.move_names, "move under way")
    cancelled = client.cancel_move(item["move_id"])
    if cancelled["phase"] not in OVER:
        what = f"{item.get('kind', 'move')} {item['move_id']}"
        session.say(f"{what} is being cancelled: its node puts everything back")
        return
    session.say(f"move {item['move_id']} is cancelled; everything stays on {item['from']}")
