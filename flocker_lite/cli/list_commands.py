"""The commands that only read: status, the lists, moves, events."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import click

from flocker_lite.cli import completion, lookup
from flocker_lite.cli.health import findings
from flocker_lite.cli.output import Column, clean, in_order
from flocker_lite.cli.session import EXIT_FAILED, Session, with_session
from flocker_lite.cli.units import shown_bytes, shown_day, shown_seconds
from flocker_lite.client import Client
from flocker_lite.client.client import Item

NODES = (
    Column("NODE", lambda node: node["host"]),
    Column("STATE", lambda node: _node_state(node)),
    Column("CERTIFICATE EXPIRES", lambda node: shown_day(node.get("certificate_expires_at"))),
    Column("PROTOCOL", lambda node: node.get("protocol"), wide=True),
    Column("ALLOWS", lambda node: ", ".join(node.get("allow", ())), wide=True),
    Column("UUID", lambda node: node["uuid"], wide=True),
)
DATASETS = (
    Column("DATASET", lambda item: item.get("metadata", {}).get("name") or item["dataset_id"]),
    Column("PRIMARY", lambda item: item["primary"]),
    Column("STATE", lambda item: _dataset_state(item)),
    Column("LIMIT", lambda item: shown_bytes(item.get("maximum_size"))),
    Column("ID", lambda item: item["dataset_id"]),
    Column("ERROR", lambda item: _errors(item)),
)
CONTAINERS = (
    Column("CONTAINER", lambda item: item["name"]),
    Column("NODE", lambda item: item["host"]),
    Column("STATE", lambda item: _container_state(item)),
    Column("IMAGE", lambda item: item["image"]),
    Column("PORTS", lambda item: _ports(item)),
    Column("RESTARTS", lambda item: _total(item, "restarts"), wide=True),
    Column("VOLUMES", lambda item: _volumes(item), wide=True),
    Column("ERROR", lambda item: _errors(item)),
)
SET_ASIDE = (
    Column("NAME", lambda item: item["name"]),
    Column("NODE", lambda item: item["host"]),
    Column("REASON", lambda item: item["reason"]),
    Column("SINCE", lambda item: shown_day(item.get("since"))),
    Column("SIZE", lambda item: shown_bytes(item.get("bytes"))),
    Column("DATASET", lambda item: item["dataset_id"], wide=True),
    Column("STATE", lambda item: "deleting" if item.get("deleting") else "kept"),
    Column("ERROR", lambda item: item.get("error")),
)
MOVES = (
    Column("MOVE", lambda item: item.get("move_id")),
    Column("OF", lambda item: item.get("container") or item.get("dataset_id")),
    Column("FROM", lambda item: item.get("from")),
    Column("TO", lambda item: item.get("to")),
    Column("PHASE", lambda item: item["phase"]),
    Column("SENT", lambda item: shown_bytes(item.get("sent_bytes"))),
    Column("PREDICTED", lambda item: shown_seconds(item.get("predicted_pause_seconds"))),
    Column("PAUSE", lambda item: shown_seconds(item.get("pause_seconds") or None)),
    Column("ERROR", lambda item: item.get("error")),
)


def _node_state(node: Item) -> str:
    where = "away" if node.get("away") else "here"
    return where if node.get("schedulable", True) else f"{where}, cordoned"


@click.command()
@with_session
def status(session: Session) -> None:
    """Print what is wrong, then a summary; exit with 1 if something is wrong."""
    client = session.client
    nodes, datasets, containers = client.nodes(), client.datasets(), client.containers()
    moves = client.moves(phase="open")
    wrong = findings(nodes, datasets, containers, moves, time.time())
    healthy = not any(each.severe for each in wrong)
    if session.output in ("json", "yaml"):
        body = {
            "healthy": healthy,
            "findings": [
                {"about": each.about, "text": each.text, "severe": each.severe} for each in wrong
            ],
            "nodes": len(nodes),
            "datasets": len(datasets),
            "containers": len(containers),
            "moves": len(moves),
        }
        session.show([body], (), "")
    else:
        for each in wrong:
            click.echo(f"{'!' if each.severe else '-'} {clean(each)}")
        running = sum(item["running"] for item in containers)
        session.say(
            f"{'healthy' if healthy else 'NOT HEALTHY'}: {len(nodes)} nodes, {running} of "
            f"{len(containers)} containers running, {len(datasets)} datasets, "
            f"{len(moves)} moves under way"
        )
        if moves:
            session.show(moves, MOVES, "")
    if not healthy:
        raise SystemExit(EXIT_FAILED)


def _list_command(
    name: str, columns: Sequence[Column], what: str, empty: str, get: Callable[[Client], list[Item]]
) -> click.Command:
    @click.command(name, help=what)
    @click.option("-w", "--watch", is_flag=True, help="Print the list again at each change.")
    @with_session
    def command(session: Session, watch: bool) -> None:
        client = session.client
        session.show(in_order(get(client), columns[0]), columns, empty)
        if watch:
            collection = f"state/{name.replace('-', '_')}"
            for event in client.events():
                if event.get("event") != "alive" and event.get("collection") in (None, collection):
                    session.show(in_order(get(client), columns[0]), columns, empty)

    return command


nodes = _list_command(
    "nodes",
    NODES,
    "List the nodes.",
    "no agent is connected: see docs/install.rst",
    lambda client: client.nodes(),
)
datasets = _list_command(
    "datasets",
    DATASETS,
    "List the datasets and their states.",
    "no datasets yet: `flockerctl run -v NAME:/path` creates one",
    lambda client: [item for item in client.datasets() if not item["deleted"] or item["state"]],
)
containers = _list_command(
    "containers",
    CONTAINERS,
    "List the containers and their states.",
    "no containers yet: `flockerctl run IMAGE --on NODE` starts one",
    lambda client: client.containers(),
)
set_aside = _list_command(
    "set-aside",
    SET_ASIDE,
    "List the copies that were set aside because no other copy has their data.",
    "nothing is set aside",
    lambda client: client.set_aside(),
)


@click.command()
@click.argument("move", required=False, shell_complete=completion.moves)
@with_session
def moves(session: Session, move: str | None) -> None:
    """List the moves, newest first; or show one move with its rounds and its pause."""
    found = session.client.moves()
    if move is None:
        session.show(found, MOVES, "no moves yet")
        return
    item = _newest(found, move)
    session.show([item], MOVES, "")
    if session.output in ("table", "wide") and not session.quiet:
        for line in move_lines(item):
            click.echo(line)


@click.command()
@click.option("--since", type=int, help="Continue after this generation.")
@click.option("--once", is_flag=True, help="Print the current generation and exit.")
@with_session
def events(session: Session, since: int | None, once: bool) -> None:
    """Print each change as it happens, one line per change."""
    for event in session.client.events(since):
        if session.output == "json":
            click.echo(json.dumps(event, sort_keys=True))
        elif event["event"] == "change":
            click.echo(_event_line(event))
        elif event["event"] == "reset":
            click.echo(f"{event['generation']}  earlier changes are forgotten")
        if once:
            session.say(str(event["generation"]))
            return


def move_lines(item: Item) -> list[str]:
    """The details of one move that its row in the table does not show."""
    lines = []
    for number, done in enumerate(item.get("rounds", ()), 1):
        dirty = done.get("dirty_bytes_per_second")
        written = f", written at {shown_bytes(dirty)}/s" if dirty is not None else ""
        lines.append(
            f"  round {number}: {shown_bytes(done['bytes'])} in "
            f"{shown_seconds(done['seconds'])}{written}"
        )
    pause = item.get("pause") or {}
    longest = max(pause.values(), default=0)
    for step, duration in pause.items():
        bar = "#" * round(30 * duration / longest) if longest else ""
        lines.append(f"  {clean(step):<10} {shown_seconds(duration):>8}  {bar}".rstrip())
    if pause:
        predicted = item.get("predicted_pause_seconds")
        beside = f" (predicted {shown_seconds(predicted)})" if predicted is not None else ""
        lines.append(f"  total pause {shown_seconds(item.get('pause_seconds'))}{beside}")
    return lines


def _newest(found: list[Item], word: str) -> Item:
    """The newest move that the word names; `found` has the newest first."""
    of_it = [item for item in found if word in lookup.move_names(item)]
    return of_it[0] if of_it else lookup.find(word, found, lookup.move_names, "move")


def _event_line(event: Item) -> str:
    what = f"{event['generation']}  {event['collection']} {event['id']}"
    items = event.get("items", [])
    if not items:
        return clean(f"{what}: gone")
    words = []
    for item in items:
        where = item.get("host") or item.get("primary") or item.get("to")
        state = item.get("phase") or {True: "running", False: "not running"}.get(
            item.get("running", ""), ""
        )
        words.append(" ".join(str(word) for word in (where, state, item.get("error")) if word))
    return clean(f"{what}: {'; '.join(words)}")


def _errors(item: Item) -> str | None:
    errors = [state["error"] for state in item["state"] if state.get("error")]
    return "; ".join(dict.fromkeys(errors)) or None


def _dataset_state(item: Item) -> str:
    if item["deleted"]:
        return "being deleted"
    seen = [state["primary"] for state in item["state"] if state.get("primary")]
    if not seen:
        return "not seen"
    return "there" if seen == [item["primary"]] else f"on {', '.join(seen)}"


def _container_state(item: Item) -> str:
    where = [state["host"] for state in item["state"] if state.get("running")]
    if where:
        runs = "running" if item["host"] in where else f"running on {', '.join(where)}"
        health = [state["health"] for state in item["state"] if "health" in state]
        return f"{runs} ({health[0]})" if health else runs
    if item.get("stopped"):
        return "stopped"
    codes = [state["exit_code"] for state in item["state"] if "exit_code" in state]
    if codes:
        return f"ended with {codes[0]}"
    return "not running" if item["state"] else "not seen"


def _ports(item: Item) -> str | None:
    words = [_port(each) for each in item.get("ports", ())]
    return ",".join(words) or None


def _port(port: Item) -> str:
    where = port.get("host_ip")
    host = "" if where is None else f"[{where}]:" if ":" in where else f"{where}:"
    protocol = f"/{port['protocol']}" if "protocol" in port else ""
    return f"{host}{port['external']}:{port['internal']}{protocol}"


def _volumes(item: Item) -> str | None:
    words = [f"{each['dataset_id'][:8]}:{each['mountpoint']}" for each in item.get("volumes", ())]
    return ",".join(words) or None


def _total(item: Item, key: str) -> Any:
    return sum(state.get(key, 0) for state in item["state"])
