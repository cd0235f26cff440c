"""Handlers that change /configuration/leases."""

from __future__ import annotations

from flocker_lite.control.http import bodies
from flocker_lite.control.http.request_response import Request, Response, written
from flocker_lite.control.interfaces import IControl
from flocker_lite.model import edits
from flocker_lite.model.records import Configuration, Edit, UserLease
from flocker_lite.model.user_leases import current_lease


async def acquire(control: IControl, request: Request) -> Response:
    """Lease a dataset to a node (201), or renew the lease (200)."""
    now = request.now
    lease = bodies.lease_from_body(request.body, now)
    held: list[UserLease | None] = []

    def acquire(before: Configuration) -> Edit:
        held.append(current_lease(before, lease.dataset_id, now))
        return edits.acquire_lease(before, lease, now)

    edit = await control.edit(acquire, request.tags)
    acquired = edit.configuration.leases[lease.dataset_id]
    return written(201 if held[0] is None else 200, bodies.lease_body(acquired, now), edit)


async def release(control: IControl, request: Request) -> Response:
    """End a lease, whichever node holds it."""
    now = request.now
    dataset_id = request.parameters["dataset_id"].lower()
    held: list[UserLease | None] = []

    def release(before: Configuration) -> Edit:
        held.append(current_lease(before, dataset_id, now))
        return edits.release_lease(before, dataset_id, now)

    edit = await control.edit(release, request.tags)
    assert held[0] is not None
    return written(200, bodies.lease_body(held[0], now), edit)
