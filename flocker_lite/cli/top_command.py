"""The command `flockerctl top`: what the nodes and their containers use now."""

from __future__ import annotations

import time
from collections.abc import Mapping

import click

from flocker_lite.cli import completion, lookup
from flocker_lite.cli.output import Column, in_order, rendered
from flocker_lite.cli.screen import Screen
from flocker_lite.cli.session import EXIT_INTERRUPTED, Session, parsed, with_session
from flocker_lite.cli.units import seconds, shown_bytes
from flocker_lite.client.client import Item
from flocker_lite.client.errors import ClientError, NotFound

EVERY_SECONDS = 2.0
NODES = (
    Column("NODE", lambda node: node["host"]),
    Column("LOAD", lambda node: _load(node)),
    Column("MEMORY USED", lambda node: _used(node, "memory")),
    Column("POOL USED", lambda node: _used(node, "storage")),
    Column("CONTAINERS", lambda node: len(node.get("containers", ())) or None),
    Column("ERROR", lambda node: node.get("error")),
)
CONTAINERS = (
    Column("CONTAINER", lambda item: item["name"]),
    Column("NODE", lambda item: item["host"]),
    Column("CPU", lambda item: _percent(item.get("cpu_share"))),
    Column("MEMORY", lambda item: _memory(item)),
    Column("NET IN", lambda item: _flow(item, "received")),
    Column("NET OUT", lambda item: _flow(item, "sent")),
    Column("DISK READ", lambda item: _flow(item, "read")),
    Column("DISK WRITTEN", lambda item: _flow(item, "written")),
)
_FLOWS = ("received", "sent", "read", "written")


@click.command()
@click.argument("node", required=False, shell_complete=completion.nodes)
@click.option("-w", "--watch", is_flag=True, help="Measure again and again, until Ctrl-C.")
@click.option("--every", default=f"{EVERY_SECONDS:g}s", help="How often, with --watch.")
@with_session
def top(session: Session, node: str | None, watch: bool, every: str) -> None:
    """Show what the nodes and the containers use, the busiest first.

    Network and disks are bytes since the container started; with --watch, bytes per second.
    """
    client, pause_seconds = session.client, parsed(seconds, every)
    host = {} if node is None else {"host": lookup.node_host(node, client.nodes())}
    screen = Screen(session)
    before: dict[tuple[str, str], Item] = {}
    try:
        while True:
            try:
                found = client.usage(**host)
            except NotFound:
                raise ClientError(
                    "the control service is too old to know what containers use: upgrade it"
                ) from None
            now = time.monotonic()
            items = busiest(found, before, now)
            _show(session, screen, found, items)
            if not watch:
                return
            before = {(each["host"], each["name"]): {**each, "at": now} for each in items}
            time.sleep(pause_seconds)
    except KeyboardInterrupt:
        raise SystemExit(EXIT_INTERRUPTED) from None
    finally:
        screen.close()


def busiest(nodes: list[Item], before: Mapping[tuple[str, str], Item], now: float) -> list[Item]:
    """The containers of all nodes, the busiest first, with rates since they were seen `before`."""
    items = [
        {**each, "host": node["host"]} for node in nodes for each in node.get("containers", ())
    ]
    for item in items:
        earlier = before.get((item["host"], item["name"]))
        if earlier is not None and now > earlier["at"]:
            item.update(_rates(earlier, item, now - earlier["at"]))
    return sorted(items, key=lambda item: (-item.get("cpu_share", 0.0), item["name"]))


def _rates(earlier: Item, item: Item, passed_seconds: float) -> Item:
    found = {}
    for flow in _FLOWS:
        key = f"{flow}_bytes"
        if key in item and key in earlier:
            # A container that was started again counts from zero.
            more = max(item[key] - earlier[key], 0)
            found[f"{flow}_bytes_per_second"] = more / passed_seconds
    return found


def _show(session: Session, screen: Screen, nodes: list[Item], items: list[Item]) -> None:
    nodes = in_order(nodes, NODES[0])
    if not session.is_for_person:
        if session.output in ("json", "yaml"):
            session.show(nodes, NODES, "")
        else:
            session.show(items, CONTAINERS, "")
        return
    texts = [
        rendered(nodes, NODES, session.output, False, "no node is known"),
        rendered(items, CONTAINERS, session.output, False, "no container runs"),
    ]
    screen.show("\n\n".join(texts))


def _load(node: Item) -> str:
    load, cpus = node.get("machine", {}).get("load"), node.get("cpus")
    if load is None:
        return "-"
    return f"{load:.2f}" if cpus is None else f"{load:.2f} of {cpus}"


def _used(node: Item, what: str) -> str:
    machine = node.get("machine", {})
    free, size = machine.get(f"{what}_free_bytes"), machine.get(f"{what}_size_bytes")
    if free is None or not size:
        return "-"
    return f"{shown_bytes(size - free)} of {shown_bytes(size)} ({(size - free) / size:.0%})"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share * 100:.1f}%"


def _memory(item: Item) -> str:
    limit = item.get("memory_limit_bytes")
    used = shown_bytes(item.get("memory_bytes"))
    return used if limit is None else f"{used} of {shown_bytes(limit)}"


def _flow(item: Item, flow: str) -> str:
    rate = item.get(f"{flow}_bytes_per_second")
    return shown_bytes(item.get(f"{flow}_bytes")) if rate is None else f"{shown_bytes(rate)}/s"
