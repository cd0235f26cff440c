"""Handlers that change /configuration/registries; no response has a password."""

from __future__ import annotations

from flocker_lite.control.http import bodies
from flocker_lite.control.http.request_response import Request, Response, written
from flocker_lite.control.interfaces import IControl
from flocker_lite.model import registries
from flocker_lite.model.records import Registry


async def log_in(control: IControl, request: Request) -> Response:
    """Have nodes log in to a registry, for the images that they pull from it."""
    body = request.body
    registry = registries.canonical(body["registry"])
    login = Registry(registry, body["user"], body["password"], request.now)
    edit = await control.edit(lambda before: registries.set_registry(before, login), request.tags)
    stored = edit.configuration.registries[registry]
    return written(201, bodies.registry_body(stored), edit)


async def forget(control: IControl, request: Request) -> Response:
    """Have them log in no more."""
    registry = request.parameters["registry"]
    edit = await control.edit(
        lambda before: registries.forget_registry(before, registry), request.tags
    )
    return written(200, None, edit)
