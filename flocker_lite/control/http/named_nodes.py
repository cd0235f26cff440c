"""The nodes that a field of several parts names in its key `nodes`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flocker_lite.control.http.request_response import Request


async def with_addresses(request: Request, field: str) -> Mapping[str, Any]:
    """The body, with an address or a UUID in place of each host name in that field's nodes."""
    value = request.body.get(field)
    return {**request.body, field: await addressed(request, value)} if value else request.body


async def addressed(request: Request, value: Mapping[str, Any]) -> Mapping[str, Any]:
    """The value of such a field likewise."""
    if "nodes" not in value:
        return value
    return {**value, "nodes": [await request.address_of(node) for node in value["nodes"]]}
