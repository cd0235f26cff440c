"""GET /state/doctor and /state/nodes/<node>/doctor: what is wrong, each with its remedy.

The agent says what it sees on its node; what the control service knows of the node is beside that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping

from flocker_lite import __version__
from flocker_lite.control.http.bodies import Body
from flocker_lite.control.http.request_response import Handler, Request, Response
from flocker_lite.control.interfaces import IControl
from flocker_lite.errors import NotFound
from flocker_lite.model import edits
from flocker_lite.model.diagnosis import Diagnosis, Finding
from flocker_lite.model.records import Node
from flocker_lite.model.versions import NEWEST
from flocker_lite.protocol.observations import NoObservation, ObservationUnknown

CLOCK_OFFSET_SECONDS_MAX = 2.0
DAY_SECONDS = 86_400.0
CERTIFICATE_DAYS = 30


async def examine_node(control: IControl, request: Request) -> Response:
    """What is wrong with a node; a node whose agent cannot say so gets that as a finding."""
    try:
        node_id = edits.find_node(control.configuration, request.parameters["uuid"])
    except edits.UnknownNode:
        raise NotFound("Node not found.") from None
    node = control.configuration.nodes[node_id]
    findings, facts = [], {}
    if control.is_away(node_id):
        findings.append(_away(control.absences.of_node(node_id)))
        offset = control.node_records.clock_offsets.get(node_id)
    else:
        asked_at = request.now
        try:
            told = await control.diagnosis(node_id)
        except NoObservation as error:
            told = Diagnosis(findings=(_silent(error),))
        findings += told.findings
        facts = dict(told.facts)
        offset = told.clock - (asked_at + request.now) / 2 if told.clock else None
    machine = control.node_records.machines.get(node_id)
    findings += [
        *_versions(node, machine.release if machine is not None else ""),
        *_clock(offset),
    ]
    body: Body = {"host": node.address, "uuid": node_id, **_body(facts, findings)}
    if offset is not None:
        body["clock_offset_seconds"] = round(offset, 3)
    return Response(200, body)


def examine_control(examine: Callable[[], Awaitable[Diagnosis]]) -> Handler:
    """The handler that says what is wrong with the control service itself."""

    async def respond(control: IControl, request: Request) -> Response:
        told = await examine()
        findings = [*told.findings, *_users_certificate(request)]
        body: Body = {
            "release": __version__,
            "protocol": NEWEST,
            "time": request.now,
            **_body(told.facts, findings),
        }
        if request.certificate_ends_at is not None:
            body["your_certificate_expires_at"] = request.certificate_ends_at
        return Response(200, body)

    return respond


def _body(facts: Mapping[str, str], findings: Iterable[Finding]) -> Body:
    return {
        "checks": [{"check": name, "fact": facts[name]} for name in sorted(facts)],
        "findings": [
            {
                "check": each.check,
                "severe": each.severe,
                "text": each.text,
                "remedy": each.remedy,
            }
            for each in sorted(findings, key=lambda finding: not finding.severe)
        ],
    }


def _away(why: str | None) -> Finding:
    text = why or "its agent is not connected"
    remedy = "see whether the machine is up, and its agent's log (journalctl -u flocker-agent)"
    return Finding("agent", text, remedy)


def _silent(error: NoObservation) -> Finding:
    text = f"the agent does not say what it sees: {error}"
    if isinstance(error, ObservationUnknown):
        return Finding("agent", text, "upgrade that agent", severe=False)
    return Finding("agent", text, "ask again; see its log (journalctl -u flocker-agent)")


def _versions(node: Node, release: str) -> list[Finding]:
    if node.protocol < NEWEST:
        text = f"its agent speaks protocol {node.protocol}, the control service {NEWEST}"
        remedy = "upgrade that agent: until then newer fields are refused for this node"
        return [Finding("release", text, remedy, severe=False)]
    if release and release != __version__:
        text = f"its agent is release {release}, the control service {__version__}"
        return [Finding("release", text, "upgrade the older one", severe=False)]
    return []


def _clock(offset_seconds: float | None) -> list[Finding]:
    if offset_seconds is None or abs(offset_seconds) <= CLOCK_OFFSET_SECONDS_MAX:
        return []
    way = "ahead of" if offset_seconds > 0 else "behind"
    text = f"its clock is {abs(offset_seconds):.1f} s {way} the control service's"
    remedy = "run an NTP client, such as chrony, on both: certificates and leases need the time"
    return [Finding("clock", text, remedy)]


def _users_certificate(request: Request) -> list[Finding]:
    if request.certificate_ends_at is None:
        return []
    days = (request.certificate_ends_at - request.now) / DAY_SECONDS
    if days >= CERTIFICATE_DAYS:
        return []
    text = f"your own certificate expires in {days:.0f} days"
    return [Finding("certificate", text, "renew it with `flocker-ca renew`", severe=days < 1)]
