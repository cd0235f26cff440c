"""The command `flockerctl status`: one screen, with what is wrong first."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import click

from flocker_lite.cli.health import Finding, findings
from flocker_lite.cli.list_commands import NODES
from flocker_lite.cli.output import Column, clean, in_order, rendered
from flocker_lite.cli.progress import line_of
from flocker_lite.cli.screen import Screen
from flocker_lite.cli.session import EXIT_FAILED, Session, with_session
from flocker_lite.cli.units import shown_day
from flocker_lite.client import Client
from flocker_lite.client.client import Item
from flocker_lite.client.errors import Conflict, NotFound

NODES_SHOWN_MAX = 12
MOVES_SHOWN_MAX = 8
FINDINGS_SHOWN_MAX = 20
"""The rest is counted, so that it stays one screen; with `-o wide` all is shown."""

_NAMES = (Column("ABOUT", lambda item: item["about"]),)
_COLUMNS = [column for column in NODES if column.title != "CERTIFICATE EXPIRES"]


@click.command()
@click.option("-w", "--watch", is_flag=True, help="Print it again at each change.")
@with_session
def status(session: Session, watch: bool) -> None:
    """Print what is wrong, then the nodes and the moves; exit with 1 if something is wrong."""
    client = session.client
    if watch:
        _watch(session, client)
        return
    text, is_healthy = _look(session, client)
    if text:
        click.echo(text)
    if not is_healthy:
        raise SystemExit(EXIT_FAILED)


def _watch(session: Session, client: Client) -> None:
    """Show it, and again whenever something in it has changed; it never ends."""
    screen = Screen(session)
    shown, _ = _look(session, client)
    screen.show(shown)
    try:
        for event in client.events():
            if event.get("event") == "alive" or event.get("collection") == "state/audit":
                continue
            text, _ = _look(session, client)
            if text != shown:
                screen.show(text)
            shown = text
    finally:
        screen.close()


def _look(session: Session, client: Client) -> tuple[str, bool]:
    """What there is to show now, and whether all is well."""
    nodes, datasets, containers = client.nodes(), client.datasets(), client.containers()
    moves = client.moves(phase="open")
    found = findings(nodes, datasets, containers, moves, time.time(), _set_aside(client))
    wrong = [*found, *_of_control(client)]
    wrong.sort(key=lambda each: not each.severe)
    is_healthy = not any(each.severe for each in wrong)
    running = sum(item["running"] for item in containers)
    summary = (
        f"{'healthy' if is_healthy else 'NOT HEALTHY'}: {len(nodes)} nodes, {running} of "
        f"{len(containers)} containers running, {len(datasets)} datasets, "
        f"{len(moves)} moves under way"
    )
    if session.output in ("json", "yaml"):
        body = {
            "healthy": is_healthy,
            "findings": [
                {"about": each.about, "text": each.text, "severe": each.severe} for each in wrong
            ],
            "nodes": len(nodes),
            "datasets": len(datasets),
            "containers": len(containers),
            "moves": len(moves),
        }
        text = rendered([body], (), session.output, session.quiet, "")
    elif not session.is_for_person:
        names = [{"about": each.about} for each in wrong]
        text = rendered(names, _NAMES, session.output, session.quiet, "")
    else:
        text = "\n".join(_screen(session.output, wrong, summary, nodes, moves))
    return text, is_healthy


def _set_aside(client: Client) -> list[Item]:
    """What is set aside; an older service tells nothing."""
    try:
        return client.set_aside()
    except NotFound:
        return []


def _screen(
    how: str, wrong: Sequence[Finding], summary: str, nodes: list[Item], moves: list[Item]
) -> Iterable[str]:
    is_wide = how == "wide"
    shown = wrong if is_wide else wrong[:FINDINGS_SHOWN_MAX]
    yield from (f"{'!' if each.severe else '-'} {clean(each)}" for each in shown)
    yield from _more(len(wrong) - len(shown), "findings", "status -o wide")
    yield summary
    if nodes:
        found = in_order(nodes, NODES[0])
        # Those with trouble must not be among the rest.
        found.sort(key=lambda node: not node.get("away"))
        rows = found if is_wide else found[:NODES_SHOWN_MAX]
        yield ""
        yield rendered(rows, NODES if is_wide else _COLUMNS, how, False, "")
        yield from _more(len(nodes) - len(rows), "nodes", "nodes")
    if moves:
        rows = moves if is_wide else moves[:MOVES_SHOWN_MAX]
        yield ""
        yield from (_move(each) for each in rows)
        yield from _more(len(moves) - len(rows), "moves", "moves")
    ends = [node["certificate_expires_at"] for node in nodes if "certificate_expires_at" in node]
    if ends:
        first = min(nodes, key=lambda node: node.get("certificate_expires_at", float("inf")))
        yield ""
        yield f"the first certificate to end: node {first['host']}, on {shown_day(min(ends))}"


def _move(item: Item) -> str:
    what = item.get("container") or item.get("dataset_id")
    way = f"from {item.get('from')} to {item.get('to')}"
    return clean(f"{item.get('kind', 'move')} of {what} {way}: {line_of(item)}")


def _more(count: int, what: str, command: str) -> list[str]:
    return [f"... and {count} more {what}: flockerctl {command}"] if count > 0 else []


def _of_control(client: Client) -> list[Finding]:
    """The certificates of the control service and of this user; an older service tells nothing."""
    try:
        told = client.examine_control()
    except (NotFound, Conflict):
        return []
    return [
        Finding("control service", f"{each['text']}: {each['remedy']}", each["severe"])
        for each in told["findings"]
        if each["check"] == "certificate" and not _is_lab(each, told)
    ]


def _is_lab(finding: Item, told: Item) -> bool:
    """Whether it only says that there are no certificates: nothing ends there."""
    facts = {each["check"]: each["fact"] for each in told["checks"]}
    return facts.get("certificate") == "none" and not finding["severe"]
