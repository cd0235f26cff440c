"""IRouting in memory, which tests and simulations can control."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from zope.interface import implementer

from flocker_lite.interfaces import IRouting
from flocker_lite.model.container_fields.ports import UDP, port_key
from flocker_lite.model.state import Held, Relayed, Route, Rule, key_of


@implementer(IRouting)
@dataclass
class MemoryRouting:
    """One node's routes.

    Each method first calls and awaits `before` with its own name: a simulation lets time pass
    there, or raises.
    """

    routes: frozenset[Rule] = frozenset()
    before: Callable[[str], Awaitable[None]] | None = None
    flows: dict[tuple[str, int], Route | None] = field(default_factory=dict)
    _failures: dict[str, list[Exception]] = field(default_factory=dict)

    def fail_next(self, method: str, error: Exception) -> None:
        """Make the next call of that method raise this; repeated calls queue up."""
        self._failures.setdefault(method, []).append(error)

    def crash(self) -> None:
        """The node loses power: the kernel's rules are gone."""
        self._failures.clear()
        self.flows.clear()
        self.routes = frozenset()

    def goes_to(self, port: int) -> Route | Held | None:
        """The rule for a new connection to this port of the node; None when the node serves it.

        The connection has the version of IP of the cluster's addresses.
        """
        there = (rule for rule in self.routes if key_of(rule) == port_key(port))
        return next((rule for rule in there if not isinstance(rule, Relayed)), None)

    async def discover(self) -> frozenset[Rule]:
        await self._begin("discover")
        return self.routes

    async def replace(self, routes: frozenset[Rule]) -> None:
        await self._begin("replace")
        self.routes = routes

    def sends(self, client: str, port: int) -> Route | None:
        """Where the client's datagram to this UDP port goes; None when the node serves it.

        As in the kernel, later datagrams go where the first went, until the flow is forgotten.
        """
        key = port_key(port, UDP)
        there = (rule for rule in self.routes if isinstance(rule, Route) and key_of(rule) == key)
        return self.flows.setdefault((client, port), next(there, None))

    async def forget(self, ports: frozenset[int]) -> None:
        await self._begin("forget")
        self.flows = {flow: rule for flow, rule in self.flows.items() if flow[1] not in ports}

    async def _begin(self, method: str) -> None:
        if self.before is not None:
            await self.before(method)
        if failures := self._failures.get(method):
            raise failures.pop(0)
