"""The commands of a move: move and cancel, and how a running move is shown."""

from __future__ import annotations

from typing import Any

import click

from flocker_lite.cli import completion, lookup
from flocker_lite.cli.list_commands import move_lines
from flocker_lite.cli.output import clean
from flocker_lite.cli.progress import Progress, progress_of
from flocker_lite.cli.session import EXIT_ROLLED_BACK, Session, parsed, with_session
from flocker_lite.cli.units import seconds, shown_bytes, shown_seconds, size_bytes
from flocker_lite.client import Client
from flocker_lite.client.client import OVER, Item
from flocker_lite.client.errors import NotFound

WAIT_SECONDS = 24 * 3600.0


@click.command()
@click.argument("name", shell_complete=completion.containers)
@click.option("--to", "node", required=True, shell_complete=completion.nodes, help="The node.")
@click.option("--dry-run", is_flag=True, help="Print a forecast and change nothing.")
@click.option("--max-pause", help="Push until the pause is this short, for example 0.5s.")
@click.option("--deadline", help="How long to try, for example 10m.")
@click.option(
    "--on-miss", type=click.Choice(["force", "continue", "abort"]), help="What to do after that."
)
@click.option("--bandwidth", help="Bytes per second for the push, for example 20M.")
@click.option("--wait/--no-wait", default=True, help="Wait until the move is over.")
@click.option("--timeout", default=f"{WAIT_SECONDS:g}s", help="How long to wait.")
@with_session
def move(
    session: Session,
    name: str,
    node: str,
    dry_run: bool,
    max_pause: str | None,
    deadline: str | None,
    on_miss: str | None,
    bandwidth: str | None,
    wait: bool,
    timeout: str,
) -> None:
    """Move a container and its data to another node, or a dataset that no container uses.

    Ctrl-C stops the display; the move goes on.
    """
    options = {
        "max_pause_seconds": parsed(seconds, max_pause),
        "deadline_seconds": parsed(seconds, deadline),
        "on_miss": on_miss,
        "bandwidth_limit": parsed(size_bytes, bandwidth),
    }
    options = {key: value for key, value in options.items() if value is not None}
    wait_seconds = parsed(seconds, timeout)
    client = session.client
    host = lookup.node_host(node, client.nodes())
    what = _MoveSubject.find(client, name)
    if dry_run:
        _show_forecast(session, what.ask(client, host, options, dry_run=True))
        return
    what.ask(client, host, options, dry_run=False)
    found = what.newest_move(client)
    if found is None or found.get("to") != host:
        session.say(f"{what.name} is already on {host}")
        return
    if not wait:
        click.echo(found["move_id"])
        return
    _follow(session, client, found["move_id"], wait_seconds)


class _MoveSubject:
    """What the user wants to move: a container, or a dataset that no container uses."""

    def __init__(self, kind: str, identity: str, name: str) -> None:
        self.kind = kind
        self.identity = identity
        self.name = name

    @classmethod
    def find(cls, client: Client, word: str) -> _MoveSubject:
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
        moved = {"move": options} if options else {}
        if self.kind == "container":
            return client.update_container(self.identity, dry_run, host=host, **moved)
        return client.update_dataset(self.identity, dry_run, primary=host, **moved)

    def newest_move(self, client: Client) -> Item | None:
        """Its newest move, which may be over."""
        return next(iter(client.moves(**{self.kind: self.identity})), None)


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
        "pause": shown_seconds(forecast.get("predicted_pause_seconds")),
    }
    for key, travels in (("travels", True), ("stays", False)):
        own = [each for each in forecast.get("properties", ()) if each["travels"] is travels]
        if own:
            known[key] = ", ".join(sorted({f"{each['name']}={each['value']}" for each in own}))
    for key, value in known.items():
        click.echo(f"{key:<14} {clean(value)}")
    if forecast.get("warning"):
        click.echo(f"{'warning':<14} {clean(forecast['warning'])}")


def _follow(session: Session, client: Client, move_id: str, timeout_seconds: float) -> None:
    progress = progress_of(session)
    last: Item = {}
    try:
        last = _shown_to_its_end(client, move_id, timeout_seconds, progress)
    except KeyboardInterrupt:
        click.echo(
            f"\nthe move goes on; `flockerctl moves {move_id}` shows it, "
            f"`flockerctl cancel {move_id}` cancels it",
            err=True,
        )
        raise SystemExit(130) from None
    finally:
        progress.close()
    if session.output in ("json", "yaml"):
        session.show([last], (), "")
    else:
        for line in move_lines(last):
            session.say(line)
        click.echo(f"move {move_id}: {last['phase']}")
    if last["phase"] != "done":
        raise SystemExit(EXIT_ROLLED_BACK)


def _shown_to_its_end(
    client: Client, move_id: str, timeout_seconds: float, progress: Progress
) -> Item:
    last: Item = {"phase": "preparing"}
    for item in client.follow_move(move_id, timeout_seconds):
        last = item
        progress.show(item)
    return last


@click.command()
@click.argument("name", shell_complete=completion.moves)
@with_session
def cancel(session: Session, name: str) -> None:
    """Cancel a move, named by its id, its container or its dataset."""
    client = session.client
    found: list[Any] = [item for item in client.moves() if item["phase"] not in OVER]
    item = lookup.find(name, found, lookup.move_names, "move under way")
    client.cancel_move(item["move_id"])
    session.say(f"move {item['move_id']} is cancelled; everything stays on {item['from']}")
