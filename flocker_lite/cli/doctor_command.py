"""The command `flockerctl doctor`: everything that is wrong, each finding with its remedy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import click

from flocker_lite.cli import completion, health, lookup
from flocker_lite.cli.output import Column, clean, in_order
from flocker_lite.cli.session import EXIT_FAILED, Session, with_session
from flocker_lite.client import Client
from flocker_lite.client.client import Item
from flocker_lite.client.errors import Conflict, NotFound

CONTROL = "control service"
SLOW_SECONDS = 1.0
AT_ONCE = 8
"""Each agent looks for about a second."""

_HOSTS = Column("NODE", lambda node: node["host"])
_FINDINGS = (
    Column("ABOUT", lambda item: item["about"]),
    Column("CHECK", lambda item: item["check"]),
    Column("WRONG", lambda item: item["text"]),
    Column("REMEDY", lambda item: item["remedy"]),
)


@click.command()
@click.argument("node", required=False, shell_complete=completion.nodes)
@with_session
def doctor(session: Session, node: str | None) -> None:
    """Check the control service and the nodes, or only NODE; exit with 1 if something is wrong.

    Each finding says what to do about it. A finding with `!` is severe, one with `-` is a hint.
    """
    client = session.client
    nodes = in_order(client.nodes(), _HOSTS)
    chosen = nodes if node is None else [lookup.find(node, nodes, lookup.node_names, "node")]
    found = []
    for told in _examined(session, client, chosen, with_control=node is None):
        found.append(told)
        for line in lines_of(told):
            session.say(line)
    findings = [{"about": told["about"], **each} for told in found for each in told["findings"]]
    findings += [] if node is not None else _differences(nodes)
    severe = sum(each["severe"] for each in findings)
    if session.output in ("json", "yaml"):
        session.show(found, (), "")
    elif not session.is_for_person:
        session.show(findings, _FINDINGS, "")
    for each in findings[sum(len(told["findings"]) for told in found) :]:
        for line in _lines(each):
            session.say(line)
    hints = len(findings) - severe
    session.say(f"{severe} severe findings, {hints} hints" if findings else "all is well")
    if severe:
        raise SystemExit(EXIT_FAILED)


def _examined(
    session: Session, client: Client, nodes: list[Item], with_control: bool
) -> Iterator[Item]:
    """What each of them says, in order; with many nodes, some are asked at the same time."""
    if with_control:
        yield {"about": CONTROL, **_of_control(client)}
    if len(nodes) <= AT_ONCE:
        yield from (_of_node(client, node) for node in nodes)
        return
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(lambda node: _of_node(session.client, node), nodes)


def lines_of(told: Item) -> list[str]:
    """What was found of one machine, for a person."""
    facts = "; ".join(f"{each['check']} {each['fact']}" for each in told["checks"])
    head = f"{told['about']}: {facts}" if facts else told["about"]
    return [clean(head), *(line for each in told["findings"] for line in _lines(each))]


def _lines(finding: Item) -> list[str]:
    mark = "!" if finding["severe"] else "-"
    what = f"  {mark} {finding['check']}: {finding['text']}"
    return [clean(what), clean(f"      do: {finding['remedy']}")]


def _of_control(client: Client) -> Item:
    began = time.time()
    try:
        told = client.examine_control()
    except (NotFound, Conflict):
        return _too_old([])
    took = time.time() - began
    findings = [*told["findings"]]
    offset = told["time"] - (began + took / 2)
    if abs(offset) > health.CLOCK_SECONDS_MAX + took / 2:
        way = "ahead of" if offset > 0 else "behind"
        text = f"its clock is {abs(offset):.1f} s {way} that of this machine"
        findings.append(_hint("clock", text, "run an NTP client on both"))
    if took > SLOW_SECONDS:
        text = f"it took {took:.1f} s to answer"
        findings.append(_hint("answer", text, "see its machine: load, memory, disk"))
    return {**told, "findings": findings}


def _of_node(client: Client, node: Item) -> Item:
    about = f"node {node['host']}"
    try:
        return {"about": about, **client.examine_node(node["uuid"])}
    except (NotFound, Conflict):
        known = health.findings([node], [], [], [], time.time())
        found = [
            {
                "check": "state",
                "severe": each.severe,
                "text": each.text,
                "remedy": "see docs/install.rst",
            }
            for each in known
        ]
        return {"about": about, **_too_old(found), "host": node["host"], "uuid": node["uuid"]}


def _too_old(findings: list[Item]) -> Item:
    """What can be said where the control service does not know the question."""
    text = "the control service is too old to be examined; this is only what it reports"
    return {
        "checks": [],
        "findings": [*findings, _hint("release", text, "upgrade the control service")],
    }


def _differences(nodes: list[Item]) -> list[dict[str, Any]]:
    """Where the nodes differ from each other, and should not."""
    found = []
    machines = [node.get("machine", {}) for node in nodes if not node.get("away")]
    kinds = sorted({each["storage"] for each in machines if each.get("storage")})
    if len(kinds) > 1:
        text = f"the nodes have different kinds of storage: {', '.join(kinds)}"
        remedy = "datasets move only between nodes of one kind"
        found.append({"about": "cluster", **_hint("storage", text, remedy)})
    releases = sorted({each["release"] for each in machines if each.get("release")})
    if len(releases) > 1:
        text = f"the agents are of different releases: {', '.join(releases)}"
        found.append({"about": "cluster", **_hint("release", text, "upgrade the older ones")})
    return found


def _hint(check: str, text: str, remedy: str) -> Item:
    return {"check": check, "severe": False, "text": text, "remedy": remedy}
