"""Handlers that change /configuration/nodes."""

from __future__ import annotations

from flocker_lite.control.http import bodies
from flocker_lite.control.http.request_response import Request, Response, written
from flocker_lite.control.interfaces import IControl
from flocker_lite.model import node_edits
from flocker_lite.model.records import Configuration, Edit


async def update(control: IControl, request: Request) -> Response:
    """Cordon a node, or open it again."""
    where, schedulable = request.parameters["node"], request.body["schedulable"]
    edit = await control.edit(
        lambda before: node_edits.set_schedulable(before, where, schedulable), request.tags
    )
    node = node_edits.existing_node(edit.configuration, where)
    return written(200, bodies.node_body(node), edit)


async def forget(control: IControl, request: Request) -> Response:
    """Forget a node that is gone for good."""
    where = request.parameters["node"]

    def forget_it(before: Configuration) -> Edit:
        connected = {node_id for node_id in before.nodes if not control.is_away(node_id)}
        return node_edits.forget_node(before, where, connected, control.cluster.datasets)

    edit = await control.edit(forget_it, request.tags)
    return written(200, None, edit)
