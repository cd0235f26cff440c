"""IUsage in memory: each running container uses what a test says."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyrsistent import PMap, pmap
from zope.interface import implementer

from flocker_lite.interfaces.usage import IUsage
from flocker_lite.model.usage import ContainerUsage
from flocker_lite.testing.memory_containers import MemoryContainers

USUAL = ContainerUsage(0.0, 10_000_000, None, 100, 200, 300, 400)


@implementer(IUsage)
@dataclass
class MemoryUsage:
    """The `containers` of a node; `of` has those that use something unusual."""

    containers: MemoryContainers
    of: dict[str, ContainerUsage] = field(default_factory=dict)

    async def measure(self) -> PMap[str, ContainerUsage]:
        made = self.containers.made.items()
        return pmap({name: self.of.get(name, USUAL) for name, each in made if each.local.running})
