"""IFence in memory: it outlives an agent as the real processes do, and ends with the machine.

It surprises as the real one does. It kills its container whatever the lease says, even if the copy
has just become primary. And it may act at any instant, because one of its processes may die.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from zope.interface import implementer

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IFence
from flocker_lite.model.records import DatasetId


@dataclass
class _Armed:
    """One armed fence; `call` ends its trial when it is due."""

    dataset_ids: frozenset[DatasetId]
    call: Any
    instances: set[str] = field(default_factory=set)


@implementer(IFence)
@dataclass
class MemoryFence:
    """`kill(instance)` kills a container, `end(dataset_id)` other users of a copy on probation.

    Set `clock` before you arm a fence. `lost` belongs to the agent, and goes when the agent dies.
    """

    end: Callable[[DatasetId], None]
    clock: IReactorTime = field(default_factory=Clock)
    kill: Callable[[str], None] = lambda _: None
    lost: Callable[[str], None] = lambda _: None
    armed: dict[str, _Armed] = field(default_factory=dict)

    async def arm(self, container: str, dataset_ids: frozenset[DatasetId], seconds: float) -> None:
        before = self.armed.get(container)
        if before is not None and before.dataset_ids != dataset_ids:
            await self.disarm(container)
            before = None
        call = self.clock.callLater(seconds, self.expire, container)
        if before is not None:
            before.call.cancel()
            before.call = call
        else:
            self.armed[container] = _Armed(dataset_ids, call)

    async def add_instance(self, container: str, instance: str) -> None:
        armed = self.armed.get(container)
        if armed is None:
            raise FlockerError(f"container {container} has no fence")
        armed.instances.add(instance)

    async def disarm(self, container: str) -> None:
        armed = self.armed.pop(container, None)
        if armed is not None:
            armed.call.cancel()

    def crash(self) -> None:
        """The machine goes down, with all fences on it."""
        for armed in self.armed.values():
            armed.call.cancel()
        self.armed.clear()

    def expire(self, container: str) -> None:
        """The time is over, or one process of the fence died: the fence ends the trial."""
        armed = self.armed.pop(container, None)
        if armed is None:
            return
        if armed.call.active():
            armed.call.cancel()
        for instance in sorted(armed.instances):
            self.kill(instance)
        for dataset_id in sorted(armed.dataset_ids):
            self.end(dataset_id)
        self.lost(container)
