"""Host names of nodes: resolved once, when a request names one, to an address of the cluster."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias
from uuid import UUID

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.threads import deferToThreadPool

from flocker_lite.model.editing import UnknownNode
from flocker_lite.model.nodes import canonical_address, is_address, node_at
from flocker_lite.model.records import Configuration

RESOLVE_SECONDS_MAX = 5.0

Resolve: TypeAlias = Callable[[str], Awaitable[tuple[str, ...]]]
"""The IP addresses of a host name, the preferred one first; none when it has none."""


def resolver(reactor: Any) -> Resolve:
    """The resolver of the operating system, in one of the reactor's threads."""

    def look_up(name: str) -> tuple[str, ...]:
        try:
            found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return ()
        return tuple(dict.fromkeys(str(address[0]) for *_, address in found))

    async def resolve(name: str) -> tuple[str, ...]:
        looking: Deferred[tuple[str, ...]] = deferToThreadPool(
            reactor, reactor.getThreadPool(), look_up, name
        )
        try:
            return await looking.addTimeout(RESOLVE_SECONDS_MAX, reactor)
        except TimeoutError:
            return ()

    return resolve


async def address_of(
    where: str, configuration: Configuration, resolve: Resolve, accept_unknown_nodes: bool
) -> str:
    """An address or a UUID for what a request calls a node; UnknownNode when there is none."""
    if is_address(where) or _is_uuid(where):
        return where
    addresses = [canonical_address(address) for address in await resolve(where)]
    for address in addresses:
        if node_at(configuration, address) is not None:
            return address
    if accept_unknown_nodes and addresses:
        return addresses[0]
    raise UnknownNode()


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
