"""Handlers that have a standby take over from a primary that may be dead."""

from __future__ import annotations

from flocker_lite.control.failovers import GroupOf
from flocker_lite.control.http import bodies, move_bodies
from flocker_lite.control.http.bodies import Body
from flocker_lite.control.http.request_response import Request, Response, written
from flocker_lite.control.interfaces import IControl
from flocker_lite.model.failover_edits import container_group, dataset_group
from flocker_lite.model.failover_prospects import Prospect
from flocker_lite.model.open_moves import move_of_dataset
from flocker_lite.model.records import Configuration


async def of_container(control: IControl, request: Request) -> Response:
    """Fail over a container with its datasets."""
    name = request.parameters["name"]
    return await _fail_over(control, request, lambda before: container_group(before, name))


async def of_dataset(control: IControl, request: Request) -> Response:
    """Fail over a dataset that no container uses."""
    dataset_id = request.parameters["dataset_id"].lower()
    return await _fail_over(control, request, lambda before: dataset_group(before, dataset_id))


async def _fail_over(control: IControl, request: Request, group_of: GroupOf) -> Response:
    where, force = request.body.get("host"), request.body.get("force", False)
    if request.query.get("dry_run"):
        found = control.failovers.prospect(group_of, where)
        return Response(200, prospect_body(control.configuration, found))
    edit = await control.failovers.fail_over(group_of, where, force, request.tags)
    after = edit.configuration
    move = move_of_dataset(after, group_of(after).dataset_ids[0])
    assert move is not None
    return written(200, move_bodies.open_body(after, move, (), request.now), edit)


def prospect_body(configuration: Configuration, found: Prospect) -> Body:
    """The answer to a dry run."""
    to = found.destination
    body: Body = {
        "dry_run": True,
        "old_primary": bodies.address(configuration, found.old_primary),
        "to": bodies.address(configuration, to) if to is not None else None,
        "possible": found.why_not is None,
        "loses_seconds": found.loses_seconds,
        "loses_since": found.loses_since,
        "proved_stopped": found.proved_stopped,
        "why_not": found.why_not,
        "needs_force": found.needs_force,
    }
    return {key: value for key, value in body.items() if value is not None}
