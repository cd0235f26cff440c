"""Handlers that have what was set aside of copies destroyed."""

from __future__ import annotations

from pyrsistent import pmap

from flocker_lite.control.http import state
from flocker_lite.control.http.exchange import Answer, Call, written
from flocker_lite.control.interfaces import EditFunction, IControl
from flocker_lite.model import discards
from flocker_lite.model.nodes import find_node
from flocker_lite.model.records import Configuration, DatasetId, Edit, NodeId
from flocker_lite.model.state import AsideState


async def discard(control: IControl, call: Call) -> Answer:
    """Have one destroyed; it is shown until it is gone."""
    name, where = call.parameters["name"], call.query.get("host")
    reports: dict[NodeId, AsideState] = {}

    def wish(before: Configuration) -> Edit:
        reports.update(control.cluster.set_aside.get(name, pmap()))
        return discards.discard(before, name, reports, where)

    edit = await control.edit(wish, call.tags)
    node_id = min(reports) if where is None else find_node(edit.configuration, where)
    body = state.aside_body(edit.configuration, name, node_id, reports[node_id])
    return written(200, body, edit)


def of_dataset(control: IControl, call: Call, dataset_id: DatasetId) -> EditFunction:
    """The edit that has all destroyed that was set aside of a dataset, if the request says so."""

    def discard_all(before: Configuration) -> Edit:
        wanted = {
            name: [node for node, copy in reports.items() if copy.dataset_id == dataset_id]
            for name, reports in control.cluster.set_aside.items()
        }
        there = {name: nodes for name, nodes in wanted.items() if nodes}
        return discards.discard_all(before, there)

    return discard_all if call.query.get("set_aside") == "delete" else Edit
