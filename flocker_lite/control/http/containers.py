"""Handlers that change /configuration/containers."""

from __future__ import annotations

from dataclasses import replace

from pyrsistent import pmap

from flocker_lite.control.http import bodies, moves
from flocker_lite.control.http.named_nodes import with_addresses
from flocker_lite.control.http.request_response import Request, Response, written
from flocker_lite.control.interfaces import IControl
from flocker_lite.errors import Conflict
from flocker_lite.model import dataset_names, edits
from flocker_lite.model.fields import revised
from flocker_lite.model.open_moves import move_of_container
from flocker_lite.model.records import Configuration, Edit, NodeId


async def create(control: IControl, request: Request) -> Response:
    """Configure a container."""
    asked = await with_addresses(request, "failover")

    def create(before: Configuration) -> Edit:
        body = dataset_names.with_ids(before, asked)
        return edits.create_container(before, bodies.container_from_body(body))

    edit = await control.edit(request.placing(request.body["host"], create), request.tags)
    return _stored(201, edit, request.body["name"])


async def update(control: IControl, request: Request) -> Response:
    """Move a container with the datasets of its volumes, or change its other fields."""
    name = request.parameters["name"]
    if request.body.get("name", name) != name:
        raise Conflict("A container cannot be renamed: create another one, and delete this.")

    asked = await with_addresses(request, "failover")

    def update(before: Configuration) -> Edit:
        body = dataset_names.with_ids(before, asked)
        return edits.update_container(before, name, lambda container: revised(container, body))

    function = request.placing(request.body.get("host"), update)
    then = moves.options(request.body, container=name)
    if request.query.get("dry_run"):
        return await moves.dry_run(control, function, then, container=name)
    edit = await control.edit(function, request.tags, then)
    answer = _stored(200, edit, name)
    move = move_of_container(edit.configuration, name)
    left = moves.stays_behind(control, move) if move is not None else []
    return replace(answer, body={**answer.body, "stays_behind": left}) if left else answer


async def restart(control: IControl, request: Request) -> Response:
    """Have it restarted once, or started if it has ended."""
    name = request.parameters["name"]
    edit = await control.edit(lambda before: edits.restart_container(before, name), request.tags)
    return _stored(200, edit, name)


async def retry(control: IControl, request: Request) -> Response:
    """Have what failed tried again now, without the wait."""
    name = request.parameters["name"]
    edit = await control.edit(lambda before: edits.retry_container(before, name), request.tags)
    return _stored(200, edit, name)


async def delete(control: IControl, request: Request) -> Response:
    """Delete a container; the response lists its Docker volumes, which are removed with it."""
    name = request.parameters["name"]
    removed = [
        {"host": bodies.address(control.configuration, node_id), "path": path}
        for node_id, path in _outside_of_datasets(control, name)
    ]
    edit = await control.edit(lambda before: edits.delete_container(before, name), request.tags)
    return written(200, {"removed_volumes": removed} if removed else None, edit)


def _outside_of_datasets(control: IControl, name: str) -> list[tuple[NodeId, str]]:
    """The nodes and paths at which the container has or had Docker volumes."""
    cluster = control.cluster
    here = {
        (node_id, path)
        for node_id, state in cluster.containers.get(name, pmap()).items()
        for path in state.stays_behind
    }
    left = {
        (node_id, each.path)
        for node_id, kept in cluster.kept.get(name, pmap()).items()
        for each in kept.volumes
    }
    return sorted(here | left)


def _stored(status: int, edit: Edit, name: str) -> Response:
    configuration = edit.configuration
    body = bodies.container_body(configuration, configuration.containers[name])
    return written(status, body, edit)
