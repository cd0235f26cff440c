"""IHosts in memory, for the containers of a node that have networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pyrsistent import PMap, pmap
from zope.interface import implementer

from flocker_lite.interfaces import IHosts


@implementer(IHosts)
@dataclass
class MemoryHosts:
    """`containers` names those that exist; `led` has the names that each finds elsewhere."""

    containers: Callable[[], Iterable[str]]
    led: dict[str, tuple[str, ...]] = field(default_factory=dict)

    async def discover(self) -> PMap[str, tuple[str, ...]]:
        return pmap({name: self.led.get(name, ()) for name in self.containers()})

    async def lead(self, names: PMap[str, tuple[str, ...]]) -> None:
        there = set(self.containers())
        self.led.update({name: others for name, others in names.items() if name in there})
