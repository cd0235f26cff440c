"""Resolves a node's host name in a request to an address of the cluster."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from threading import Thread
from typing import Any, TypeAlias
from uuid import UUID

from twisted.internet.defer import Deferred, TimeoutError

from flocker_lite.interfaces.reactor import IThreadReactor
from flocker_lite.model.editing import UnknownNode
from flocker_lite.model.nodes import canonical_address, is_address, node_at
from flocker_lite.model.records import Configuration

RESOLVE_SECONDS_MAX = 5.0

LOOKUPS_MAX = 16
"""Lookups at one time, including those that have timed out but still run."""

Resolve: TypeAlias = Callable[[str], Awaitable[tuple[str, ...]]]
"""Finds the IP addresses of a host name, the preferred one first."""


class HostResolver:
    """The resolver of the operating system, which may be slow for each name when DNS is down.

    Each lookup has a daemon thread of its own, so that nothing else waits for a free thread, and
    no lookup delays the end of the service.
    """

    def __init__(
        self, reactor: IThreadReactor, ask: Callable[..., Any] = socket.getaddrinfo
    ) -> None:
        self._reactor = reactor
        self._ask = ask
        self._going_on = 0

    async def resolve(self, name: str) -> tuple[str, ...]:
        """The addresses; none if the lookup takes too long, or too many others are running."""
        if self._going_on >= LOOKUPS_MAX:
            return ()
        self._going_on += 1
        found: Deferred[tuple[str, ...]] = Deferred()
        Thread(target=self._look_up, args=(name, found), daemon=True).start()
        try:
            return await found.addTimeout(RESOLVE_SECONDS_MAX, self._reactor)
        except TimeoutError:
            return ()

    def _look_up(self, name: str, found: Deferred[tuple[str, ...]]) -> None:
        addresses: tuple[str, ...] = ()
        with suppress(OSError, UnicodeError):
            answers = self._ask(name, None, type=socket.SOCK_STREAM)
            addresses = tuple(dict.fromkeys(str(address[0]) for *_, address in answers))
        self._reactor.callFromThread(self._over, found, addresses)

    def _over(self, found: Deferred[tuple[str, ...]], addresses: tuple[str, ...]) -> None:
        self._going_on -= 1
        if not found.called:
            found.callback(addresses)


async def address_of(
    where: str, configuration: Configuration, resolve: Resolve, accept_unknown_nodes: bool
) -> str:
    """The address or UUID of the node that a request names; UnknownNode if there is none."""
    if is_address(where) or _is_uuid(where):
        return where
    addresses = [canonical_address(address) for address in await resolve(where)]
    for address in addresses:
        if node_at(configuration, address) is not None:
            return address
    if accept_unknown_nodes and addresses:
        return addresses[0]
    raise UnknownNode(where, configuration.nodes.values())


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
