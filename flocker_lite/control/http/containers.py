"""Handlers that change /configuration/containers."""

from __future__ import annotations

from flocker_lite.control.http import bodies, moves
from flocker_lite.control.http.exchange import Answer, Call, written
from flocker_lite.control.interfaces import IControl
from flocker_lite.model import edits
from flocker_lite.model.records import Configuration, Edit


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
    return _stored(200, edit, name)


async def delete(control: IControl, call: Call) -> Answer:
    """Have it no more."""
    name = call.parameters["name"]
    edit = await control.edit(lambda before: edits.delete_container(before, name), call.tags)
    return written(200, None, edit)


def _stored(status: int, edit: Edit, name: str) -> Answer:
    configuration = edit.configuration
    body = bodies.container_body(configuration, configuration.containers[name])
    return written(status, body, edit)
