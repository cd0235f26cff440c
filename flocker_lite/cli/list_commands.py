"""The commands that only read: the lists, moves, events."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import click

from flocker_lite.cli import audit_command, completion, lookup
from flocker_lite.cli.health import failover_state
from flocker_lite.cli.output import Column, clean, in_order
from flocker_lite.cli.progress import shown_prediction
from flocker_lite.cli.session import Session, with_session
from flocker_lite.cli.units import shown_bytes, shown_day, shown_seconds, shown_time
from flocker_lite.cli.watching import watch as watch_list
from flocker_lite.client import Client
from flocker_lite.client.client import Item

NODES = (
    Column("NODE", lambda node: node["host"]),
    Column("STATE", lambda node: _node_state(node)),
    Column("STORAGE FREE", lambda node: _free(node, "storage")),
    Column("MEMORY FREE", lambda node: _free(node, "memory")),
    Column("LOAD", lambda node: node.get("machine", {}).get("load")),
    Column("RELEASE", lambda node: node.get("machine", {}).get("release"), wide=True),
    Column("SYSTEM", lambda node: node.get("machine", {}).get("system"), wide=True),
    Column("KERNEL", lambda node: node.get("machine", {}).get("kernel"), wide=True),
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
    Column("COPIES", lambda item: _copies(item), wide=True),
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
    Column("FAILOVER", lambda item: _failover(item), wide=True),
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
FORGOTTEN_NODES = (
    Column("NODE", lambda item: item["host"]),
    Column("UUID", lambda item: item["uuid"]),
    Column("FORGOTTEN", lambda item: shown_time(item["forgotten_at"])),
    Column("LAST TRIED", lambda item: shown_time(item.get("knocked_at"))),
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


def _free(node: Item, what: str) -> str:
    machine = node.get("machine", {})
    free, size = machine.get(f"{what}_free_bytes"), machine.get(f"{what}_size_bytes")
    return "-" if free is None else f"{shown_bytes(free)} of {shown_bytes(size)}"


def _node_state(node: Item) -> str:
    where = "away" if node.get("away") else "here"
    if node.get("away_since"):
        where = f"away since {shown_time(node['away_since'])}"
    if node.get("draining"):
        return f"{where}, draining"
    return where if node.get("schedulable", True) else f"{where}, cordoned"


def _list_command(
    name: str, columns: Sequence[Column], what: str, empty: str, get: Callable[[Client], list[Item]]
) -> click.Command:
    @click.command(name, help=what)
    @click.option("-w", "--watch", is_flag=True, help="Print the list again at each change.")
    @with_session
    def command(session: Session, watch: bool) -> None:
        client = session.client
        if not watch:
            session.show(in_order(get(client), columns[0]), columns, empty)
            return
        collection = f"state/{name.replace('-', '_')}"
        watch_list(
            session, client, collection, columns, lambda: in_order(get(client), columns[0]), empty
        )

    return command


nodes = _list_command(
    "nodes",
    NODES,
    "List the nodes.",
    "no agent is connected: see docs/install.rst",
    lambda client: client.nodes(),
)
forgotten_nodes = _list_command(
    "forgotten-nodes",
    FORGOTTEN_NODES,
    "List the nodes that were forgotten, and are refused until `readmit`.",
    "no node was forgotten",
    lambda client: client.forgotten_nodes(),
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
@click.option("-w", "--watch", is_flag=True, help="Print the list again at each change.")
@with_session
def moves(session: Session, move: str | None, watch: bool) -> None:
    """List the moves, newest first; or show one move with its rounds and its pause."""
    client, empty = session.client, "no moves yet"
    if watch:
        watch_list(session, client, "state/moves", MOVES, lambda: _chosen(client, move), empty)
        return
    if move is None:
        session.show(client.moves(), MOVES, empty)
        return
    item = _newest(client.moves(), move)
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
        is_predicted = item.get("predicted_pause_seconds") is not None
        beside = f", predicted {shown_prediction(item)}" if is_predicted else ""
        lines.append(f"  total pause {shown_seconds(item.get('pause_seconds'))}{beside}")
    if item.get("failover"):
        lost = shown_seconds(item["failover"]["loses_seconds"])
        lines.append(f"  lost at most what was written in {lost} before the failover")
    return lines


def _chosen(client: Client, word: str | None) -> list[Item]:
    """All moves, or the newest that the word names."""
    found = client.moves()
    return found if word is None else [_newest(found, word)]


def _newest(found: list[Item], word: str) -> Item:
    """The newest move that the word names; `found` has the newest first."""
    of_it = [item for item in found if word in lookup.move_names(item)]
    return of_it[0] if of_it else lookup.find(word, found, lookup.move_names, "move")


def _event_line(event: Item) -> str:
    what = f"{event['generation']}  {event['collection']} {event['id']}"
    items = event.get("items", [])
    if not items:
        return clean(f"{what}: gone")
    if event["collection"] == "state/audit":
        return clean(f"{what}: {audit_command.line(items[0])}")
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


def _copies(item: Item) -> str | None:
    """Each copy besides the primary, with its lag or what goes on with it."""
    copies = next((state["copies"] for state in item["state"] if "copies" in state), ())
    return "; ".join(_copy(each) for each in copies if each["role"] != "primary") or None


def _copy(copy: Item) -> str:
    words = [copy["host"], copy["role"]]
    if copy.get("dropping"):
        words.append("dropping")
    elif "lag_seconds" in copy and "rpo_met" in copy:
        words.append(f"lag {shown_seconds(copy['lag_seconds'])}")
        words += [] if copy["rpo_met"] else ["(RPO missed)"]
    if copy.get("phase") == "seeding":
        sent, expected = copy.get("sent_bytes"), copy.get("expected_bytes")
        words.append(f"seeding {shown_bytes(sent)} of {shown_bytes(expected)}")
    if copy.get("error"):
        words.append(f"- {copy['error']}")
    return " ".join(words)


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


def _failover(item: Item) -> str | None:
    """Who fails it over; and, where it should do so by itself, whether it would."""
    mode = (item.get("failover") or {}).get("mode")
    found = failover_state(item)
    if found is None:
        return mode
    return f"{mode}, armed" if found["armed"] else f"{mode}, not armed: {found.get('reason')}"


def _total(item: Item, key: str) -> Any:
    return sum(state.get(key, 0) for state in item["state"])
