"""GET /state/usage: what the nodes and their containers use, asked of all agents at once."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from flocker_lite.control.http import bodies
from flocker_lite.control.http.bodies import Body
from flocker_lite.control.http.request_response import Request, Response
from flocker_lite.control.http.state import machine_body
from flocker_lite.control.interfaces import IControl
from flocker_lite.model import edits
from flocker_lite.model.records import NodeId
from flocker_lite.model.usage import ContainerUsage
from flocker_lite.protocol.observations import NoObservation

_FIGURES = (
    "cpu_share",
    "memory_bytes",
    "memory_limit_bytes",
    "received_bytes",
    "sent_bytes",
    "read_bytes",
    "written_bytes",
)


async def measure(control: IControl, request: Request) -> Response:
    """One body for each node; one whose agent does not say it has an error instead."""
    nodes = list(control.configuration.nodes)
    if "host" in request.query:
        nodes = [edits.find_node(control.configuration, request.query["host"])]
    asking = [Deferred.fromCoroutine(_of_node(control, node_id)) for node_id in nodes]
    return Response(200, [await each for each in asking])


async def _of_node(control: IControl, node_id: NodeId) -> Body:
    body: Body = {"host": bodies.address(control.configuration, node_id), "uuid": node_id}
    try:
        told = await control.usage(node_id)
    except NoObservation as error:
        return {**body, "error": str(error)}
    body["machine"] = machine_body(told.machine)
    if told.cpus is not None:
        body["cpus"] = told.cpus
    body["containers"] = [
        {"name": name, **_container(told.containers[name])} for name in sorted(told.containers)
    ]
    return body


def _container(usage: ContainerUsage) -> Body:
    figures = {name: getattr(usage, name) for name in _FIGURES}
    return {name: figure for name, figure in figures.items() if figure is not None}
