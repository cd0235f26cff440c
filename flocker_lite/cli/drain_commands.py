"""The commands that empty a node, and fill it again: drain, return."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from flocker_lite.cli import completion, lookup
from flocker_lite.cli.move_commands import WAIT_SECONDS, follow
from flocker_lite.cli.output import Column, clean
from flocker_lite.cli.progress import line_of, progress_of
from flocker_lite.cli.session import EXIT_FAILED, EXIT_INTERRUPTED, Session, parsed, with_session
from flocker_lite.cli.units import seconds
from flocker_lite.client import Client
from flocker_lite.client.client import OVER, Item
from flocker_lite.client.errors import TimedOut

REDRAWN_SECONDS = 1.0

_ITEMS = (
    Column("ITEM", lambda item: name_of(item)),
    Column("TO", lambda item: item.get("to")),
    Column("PHASE", lambda item: item["phase"]),
    Column("ERROR", lambda item: item.get("error")),
)


@click.command()
@click.argument("node", shell_complete=completion.nodes)
@click.option("--parallel", type=click.IntRange(1, 1000), help="How many move at a time.")
@click.option("--deadline", help="Begin no move after this time, for example 1h.")
@click.option("--max-pause", help="Leave here what would pause for longer, for example 0.5s.")
@click.option("--dry-run", is_flag=True, help="Print what would go where and change nothing.")
@click.option("--stop", is_flag=True, help="Begin no more moves of a drain that goes on.")
@click.option("--wait/--no-wait", default=True, help="Wait until the drain is over.")
@click.option("--timeout", default=f"{WAIT_SECONDS:g}s", help="How long to wait.")
@with_session
def drain(
    session: Session,
    node: str,
    parallel: int | None,
    deadline: str | None,
    max_pause: str | None,
    dry_run: bool,
    stop: bool,
    wait: bool,
    timeout: str,
) -> None:
    """Move everything that is on a node to others, for example before maintenance.

    What cannot go is named with the reason, and stays. `flockerctl return` brings all back.
    """
    client = session.client
    found = lookup.find(node, client.configured_nodes(), lookup.node_names, "node")
    if stop:
        client.stop_drain(found["uuid"])
        session.say(f"{found['host']}: no more moves begin; it stays cordoned")
        return
    options = {
        "parallel": parallel,
        "deadline_seconds": parsed(seconds, deadline),
        "max_pause_seconds": parsed(seconds, max_pause),
    }
    given = {key: value for key, value in options.items() if value is not None}
    wait_seconds = parsed(seconds, timeout) or 0.0
    told = client.drain_node(found["uuid"], dry_run, **given)
    if dry_run:
        session.show(told["drain"]["items"], _ITEMS, f"nothing is on {found['host']}")
        return
    if wait:
        _follow(session, client, told, wait_seconds)


def name_of(item: Item) -> str:
    """What leaves, in a few words."""
    if item.get("application"):
        return f"application {item['application']}"
    if item.get("containers"):
        return f"container {item['containers'][0]}"
    return f"dataset {item.get('dataset_id')}"


def _follow(session: Session, client: Client, node: Item, timeout_seconds: float) -> None:
    """Print each news of the drain until it is over; SystemExit if something had to stay."""
    ends = time.monotonic() + timeout_seconds
    said: dict[str, str] = {}
    progress = progress_of(session)
    try:
        for nodes, moves in _news(session, client, timeout_seconds):
            node = next(each for each in nodes if each["uuid"] == node["uuid"])
            for item in node["drain"]["items"]:
                if said.get(name_of(item)) != item["phase"]:
                    said[name_of(item)] = item["phase"]
                    _say(session, item)
            if "ended_at" in node["drain"]:
                break
            leaving = [each for each in moves if each.get("from") == node["host"]]
            if leaving:
                lines = [line_of(each, each.get("container") or "dataset") for each in leaving]
                progress.tell(lines, ())
    except KeyboardInterrupt:
        click.echo(
            f"\nthe drain goes on; `flockerctl drain {node['host']} --stop` stops it", err=True
        )
        raise SystemExit(EXIT_INTERRUPTED) from None
    finally:
        progress.close()
    items = node["drain"]["items"]
    if session.output in ("json", "yaml"):
        session.show([node], (), "")
    stay = [item for item in items if item["phase"] == "failed"]
    gone, stayed = len(items) - len(stay), len(stay) + node["drain"]["left"]
    if stayed:
        session.say(f"{node['host']}: {gone} moved, {stayed} stayed")
        raise SystemExit(EXIT_FAILED)
    _wait_for_last_requests(session, client, node["host"], ends - time.monotonic())
    session.say(f"{node['host']} is empty: {gone} moved")


def _wait_for_last_requests(
    session: Session, client: Client, host: str, timeout_seconds: float
) -> None:
    """Wait until nothing runs there: one without data goes on for a moment after its move."""
    said: set[str] = set()
    for states in client.watch("/state/containers", timeout_seconds):
        there = {each["name"] for each in states if each["host"] == host and each["running"]}
        for name in sorted(there - said):
            session.say(clean(f"container {name} still ends its last requests on {host}"))
        said |= there
        if not there:
            return


def _news(
    session: Session, client: Client, timeout_seconds: float
) -> Iterator[tuple[list[Item], list[Item]]]:
    """The nodes at each change; on a terminal each second, with the moves under way."""
    if not session.is_terminal:
        yield from ((nodes, []) for nodes in client.watch("/configuration/nodes", timeout_seconds))
        return
    ends = time.monotonic() + timeout_seconds
    while True:
        yield client.configured_nodes(), client.moves(phase="open")
        if time.monotonic() > ends:
            raise TimedOut(f"not within {timeout_seconds:g} s")
        time.sleep(REDRAWN_SECONDS)


def _say(session: Session, item: Item) -> None:
    if session.output in ("json", "yaml", "name"):
        return
    match item["phase"]:
        case "failed":
            session.say(clean(f"{name_of(item)} stays: {item.get('error')}"))
        case "done":
            session.say(clean(f"{name_of(item)} is on {item.get('to')}"))
        case _:
            session.say(clean(f"{name_of(item)} moves to {item.get('to')}"))


@click.command(name="return")
@click.argument("node", shell_complete=completion.nodes)
@click.option("--wait/--no-wait", default=True, help="Wait until everything is back.")
@click.option("--timeout", default=f"{WAIT_SECONDS:g}s", help="How long to wait.")
@with_session
def bring_back(session: Session, node: str, wait: bool, timeout: str) -> None:
    """Open a node again, and move back what its drain moved away."""
    client = session.client
    found = lookup.find(node, client.configured_nodes(), lookup.node_names, "node")
    wait_seconds = parsed(seconds, timeout) or 0.0
    client.bring_back(found["uuid"])
    moves = {
        each["move_id"]: each.get("container") or each.get("dataset_id", "")
        for each in client.moves()
        if each["to"] == found["host"] and each["phase"] not in OVER
    }
    session.say(f"{found['host']} is open again, {len(moves)} moves bring back what was there")
    if wait and moves:
        follow(session, client, moves, wait_seconds)
