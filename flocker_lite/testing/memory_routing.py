"""IRouting in memory, with the levers that tests and simulations pull."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from zope.interface import implementer

from flocker_lite.interfaces import IRouting
from flocker_lite.model.state import Held, Relayed, Route, Rule


@implementer(IRouting)
@dataclass
class MemoryRouting:
    """One node's routes.

    `before` is called with a method's name before the method does anything, and awaited: a
    simulation lets time pass there, or raises.
    """

    routes: frozenset[Rule] = frozenset()
    before: Callable[[str], Awaitable[None]] | None = None
    _failures: dict[str, list[Exception]] = field(default_factory=dict)

    def fail_next(self, method: str, error: Exception) -> None:
        """The next call of that method, after those already told to, raises this instead."""
        self._failures.setdefault(method, []).append(error)

    def crash(self) -> None:
        """The node loses power: what the kernel held is gone."""
        self._failures.clear()
        self.routes = frozenset()

    def goes_to(self, port: int) -> Route | Held | None:
        """What becomes of a new connection to this port of the node; None when it stays here.

        A connection of the version of IP that the cluster's nodes are known by, that is.
        """
        there = (rule for rule in self.routes if rule.port == port)
        return next((rule for rule in there if not isinstance(rule, Relayed)), None)

    async def discover(self) -> frozenset[Rule]:
        await self._begin("discover")
        return self.routes

    async def replace(self, routes: frozenset[Rule]) -> None:
        await self._begin("replace")
        self.routes = routes

    async def _begin(self, method: str) -> None:
        if self.before is not None:
            await self.before(method)
        if failures := self._failures.get(method):
            raise failures.pop(0)
