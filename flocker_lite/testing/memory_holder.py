"""IHolder in memory: which ports are held, and where held and relayed connections go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count

from zope.interface import implementer

from flocker_lite.model.state import PortState
from flocker_lite.routing.interfaces import IHolder

FIRST_LISTENER = 40_000


@implementer(IHolder)
@dataclass
class MemoryHolder:
    """`listeners` has the local port of each held external port; `forwarded` has the last address.

    `relayed` has the addresses for connections of the other version of IP. `counts` returns
    `states`. Without `two_versions` the node has one version of IP. While `relay_error` is set,
    it cannot listen.
    """

    listeners: dict[int, int] = field(default_factory=dict)
    forwarded: dict[int, str] = field(default_factory=dict)
    refused: list[int] = field(default_factory=list)
    relayed: dict[int, str] = field(default_factory=dict)
    states: dict[int, PortState] = field(default_factory=dict)
    two_versions: bool = True
    relay_error: Exception | None = None
    changed: Callable[[], None] = lambda: None
    _relays: dict[int, int] = field(default_factory=dict)

    def counts(self) -> Mapping[int, PortState]:
        return self.states

    async def hold(self, port: int) -> int:
        return self.listeners.setdefault(port, self._listener(port))

    def forward(self, port: int, address: str) -> None:
        if port in self.listeners:
            self.forwarded[port] = address

    def forward_and_close(self, port: int, address: str) -> None:
        self.forward(port, address)
        self.listeners.pop(port, None)

    async def relay(self, port: int, address: str) -> int | None:
        if self.relay_error is not None:
            raise self.relay_error
        if not self.two_versions:
            self.forward_and_close(port, address)
            return None
        listener = self._listener(port)
        self.forward(port, address)
        self.relayed[port] = address
        self._relays[port] = listener
        return listener

    def stop_relaying(self, port: int) -> None:
        self.relayed.pop(port, None)
        self._relays.pop(port, None)

    def refuse(self, port: int) -> None:
        if self.listeners.pop(port, None) is not None:
            self.refused.append(port)

    def close(self) -> None:
        self.listeners.clear()
        self.relayed.clear()
        self._relays.clear()

    def _listener(self, port: int) -> int:
        """The listener that the port has, or a free one."""
        known = {**self._relays, **self.listeners}
        taken = {*known.values()}
        free = next(number for number in count(FIRST_LISTENER) if number not in taken)
        return known.get(port, free)
