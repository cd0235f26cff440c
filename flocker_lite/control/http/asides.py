"""Handlers that destroy copies that were set aside."""

from __future__ import annotations

from pyrsistent import pmap

from flocker_lite.control.http import state
from flocker_lite.control.http.request_response import Request, Response, written
from flocker_lite.control.interfaces import EditFunction, IControl
from flocker_lite.model import discards
from flocker_lite.model.nodes import find_node
from flocker_lite.model.records import Configuration, DatasetId, Edit, NodeId
from flocker_lite.model.state import AsideState


async def discard(control: IControl, request: Request) -> Response:
    """Destroy one copy; it is shown until it is gone."""
    name, where = request.parameters["name"], request.query.get("host")
    reports: dict[NodeId, AsideState] = {}

    def revise(before: Configuration) -> Edit:
        reports.update(control.cluster.set_aside.get(name, pmap()))
        return discards.discard(before, name, reports, where)

    edit = await control.edit(revise, request.tags)
    node_id = min(reports) if where is None else find_node(edit.configuration, where)
    body = state.aside_body(edit.configuration, name, node_id, reports[node_id])
    return written(200, body, edit)


def of_dataset(control: IControl, request: Request, dataset_id: DatasetId) -> EditFunction:
    """The edit that destroys all copies set aside of a dataset, if the request says so."""

    def discard_all(before: Configuration) -> Edit:
        desired = {
            name: [node for node, copy in reports.items() if copy.dataset_id == dataset_id]
            for name, reports in control.cluster.set_aside.items()
        }
        there = {name: nodes for name, nodes in desired.items() if nodes}
        return discards.discard_all(before, there)

    return discard_all if request.query.get("set_aside") == "delete" else Edit
