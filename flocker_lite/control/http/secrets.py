"""Handlers that change /configuration/secrets; no response has a value."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from flocker_lite.control.http import bodies
from flocker_lite.control.http.request_response import HTTPError, Request, Response, written
from flocker_lite.control.interfaces import IControl
from flocker_lite.model import secrets
from flocker_lite.model.records import Edit

VALUE_BYTES_MAX = 65_536

_TOO_LONG = f"The value of a secret has at most {VALUE_BYTES_MAX} bytes."


async def create(control: IControl, request: Request) -> Response:
    """Keep a new secret."""
    name, data = request.body["name"], _data(request.body)
    edit = await control.edit(
        lambda before: secrets.create_secret(before, name, data, request.now), request.tags
    )
    return _stored(201, edit, name)


async def change(control: IControl, request: Request) -> Response:
    """Give a secret another value; the containers that use it are replaced."""
    name, data = request.parameters["name"], _data(request.body)
    edit = await control.edit(
        lambda before: secrets.change_secret(before, name, data, request.now), request.tags
    )
    return _stored(200, edit, name)


async def delete(control: IControl, request: Request) -> Response:
    """Forget a secret that no container uses."""
    name = request.parameters["name"]
    edit = await control.edit(lambda before: secrets.delete_secret(before, name), request.tags)
    return written(200, None, edit)


def _data(body: Mapping[str, Any]) -> str:
    """The value in base64; HTTPError, which does not quote it, when it is too long."""
    value = body["value"].encode() if "value" in body else b64decode(body["base64"])
    if len(value) > VALUE_BYTES_MAX:
        raise HTTPError(400, _TOO_LONG)
    return b64encode(value).decode()


def _stored(status: int, edit: Edit, name: str) -> Response:
    return written(status, bodies.secret_body(edit.configuration.secrets[name]), edit)
