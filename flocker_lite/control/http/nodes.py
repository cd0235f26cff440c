"""Handlers that change /configuration/nodes."""

from __future__ import annotations

from flocker_lite.control.http import bodies
from flocker_lite.control.http.request_response import Request, Response, written
from flocker_lite.control.interfaces import IControl
from flocker_lite.model import draining, node_edits
from flocker_lite.model.drain import PARALLEL_DEFAULT
from flocker_lite.model.forced_forgetting import Losses, forget_by_force
from flocker_lite.model.quantities import duration_seconds
from flocker_lite.model.records import Configuration, Edit, Forgotten

ALL_AT_ONCE = 10**6
"""A dry run says of everything where it would go."""


async def update(control: IControl, request: Request) -> Response:
    """Cordon a node, open it again, or let one in again that was forgotten."""
    where, schedulable = request.parameters["node"], request.body.get("schedulable")
    if schedulable is None:
        return await _readmit(control, request)
    edit = await control.edit(
        lambda before: node_edits.set_schedulable(before, where, schedulable), request.tags
    )
    return _answer(edit, where)


async def _readmit(control: IControl, request: Request) -> Response:
    where = request.parameters["node"]
    found: list[Forgotten] = []

    def readmit(before: Configuration) -> Edit:
        edit, tombstone = node_edits.readmit(before, where, control.cluster.datasets)
        found[:] = [tombstone]
        return edit

    edit = await control.edit(readmit, request.tags)
    return written(200, bodies.forgotten_body(found[0]), edit)


async def drain(control: IControl, request: Request) -> Response:
    """Begin to move everything to other nodes, or say what would go where."""
    where, body, dry_run = request.parameters["node"], request.body, request.query.get("dry_run")
    options = {
        key: duration_seconds(body[key])
        for key in ("deadline_seconds", "max_pause_seconds")
        if body.get(key) is not None
    }
    parallel = ALL_AT_ONCE if dry_run else body.get("parallel", PARALLEL_DEFAULT)

    def begin(before: Configuration) -> Edit:
        reports = control.reports
        return draining.begin(before, where, request.now, reports, parallel, **options)

    if dry_run:
        planned = control.planned(begin).configuration
        node = node_edits.existing_node(planned, where)
        return Response(200, {"dry_run": True, **bodies.node_body(planned, node)})
    return _answer(await control.edit(begin, request.tags), where)


async def stop_drain(control: IControl, request: Request) -> Response:
    """Begin no more moves of a drain."""
    where, now = request.parameters["node"], request.now
    edit = await control.edit(lambda before: draining.stop(before, where, now), request.tags)
    return _answer(edit, where)


async def bring_back(control: IControl, request: Request) -> Response:
    """Open a node again, and move back what its drain moved away."""
    where = request.parameters["node"]
    edit = await control.edit(lambda before: draining.bring_back(before, where), request.tags)
    return _answer(edit, where)


def _answer(edit: Edit, where: str) -> Response:
    node = node_edits.existing_node(edit.configuration, where)
    return written(200, bodies.node_body(edit.configuration, node), edit)


async def forget(control: IControl, request: Request) -> Response:
    """Forget a node that is gone for good; by force with what is only there."""
    where, lost = request.parameters["node"], Losses()

    def forget_it(before: Configuration) -> Edit:
        nonlocal lost
        connected = {node_id for node_id in before.nodes if not control.is_away(node_id)}
        machines = control.reports.machines
        if not request.query.get("force"):
            holders = control.cluster.datasets
            return node_edits.forget_node(before, where, connected, holders, request.now, machines)
        facts, moment = control.failovers.facts, control.failovers.moment()
        edit, lost = forget_by_force(before, where, connected, facts, moment, machines)
        return edit

    before = control.configuration
    node = node_edits.existing_node(before, where)
    if request.query.get("dry_run"):
        control.planned(forget_it)
        body = bodies.forgetting_body(before, node, lost, request.now)
        return Response(200, {"dry_run": True, **body})
    edit = await control.edit(forget_it, request.tags)
    return written(200, bodies.forgetting_body(before, node, lost, request.now), edit)
