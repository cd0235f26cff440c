"""Handlers that change /configuration/containers."""

from __future__ import annotations

from dataclasses import replace

from pyrsistent import pmap

from flocker_lite.control.http import bodies, moves
from flocker_lite.control.http.exchange import Answer, Call, written
from flocker_lite.control.interfaces import IControl
from flocker_lite.model import edits
from flocker_lite.model.open_moves import move_of_container
from flocker_lite.model.records import Configuration, Edit, NodeId


async def create(control: IControl, call: Call) -> Answer:
    """Configure a container."""
    container = bodies.container_from_body(call.body)
    edit = await control.edit(
        call.placing(container.node, lambda before: edits.create_container(before, container)),
        call.tags,
    )
    return _stored(201, edit, container.name)


async def update(control: IControl, call: Call) -> Answer:
    """Want it on another node, with the datasets of its volumes, or made of something else."""
    name = call.parameters["name"]
    if call.body.get("name", name) != name:
        raise edits.Clash("A container cannot be renamed: create another one, and delete this.")

    def update(before: Configuration) -> Edit:
        return edits.update_container(
            before, name, lambda container: bodies.revised_container(container, call.body)
        )

    function = call.placing(call.body.get("host"), update)
    then = moves.options(call.body, container=name)
    if call.query.get("dry_run"):
        return await moves.dry_run(control, function, then, container=name)
    edit = await control.edit(function, call.tags, then)
    answer = _stored(200, edit, name)
    move = move_of_container(edit.configuration, name)
    left = moves.stays_behind(control, move) if move is not None else []
    return replace(answer, body={**answer.body, "stays_behind": left}) if left else answer


async def delete(control: IControl, call: Call) -> Answer:
    """Have it no more, nor what it has in volumes of Docker's; said, where that is seen."""
    name = call.parameters["name"]
    removed = [
        {"host": bodies.address(control.configuration, node_id), "path": path}
        for node_id, path in _outside_of_datasets(control, name)
    ]
    edit = await control.edit(lambda before: edits.delete_container(before, name), call.tags)
    return written(200, {"removed_volumes": removed} if removed else None, edit)


def _outside_of_datasets(control: IControl, name: str) -> list[tuple[NodeId, str]]:
    """Where the container has, or had, volumes of Docker's, and at which paths."""
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


def _stored(status: int, edit: Edit, name: str) -> Answer:
    configuration = edit.configuration
    body = bodies.container_body(configuration, configuration.containers[name])
    return written(status, body, edit)
