"""IFence in memory: it outlives an agent as the process does, and goes down with the machine.

It surprises as the real one does: it kills what it guards without a look at any lease, so also
what has become primary this very moment; and it may end at any instant, when a part of it dies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from zope.interface import implementer

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IFence
from flocker_lite.model.records import DatasetId


@dataclass
class _Armed:
    """What is ended once the call is due."""

    dataset_ids: frozenset[DatasetId]
    call: Any
    instances: set[str] = field(default_factory=set)


@implementer(IFence)
@dataclass
class MemoryFence:
    """`kill(instance)` kills a container, `end(dataset_id)` what else is on probation.

    `clock` is set before it is armed. `lost` is the agent's, and forgotten when that dies.
    """

    end: Callable[[DatasetId], None]
    clock: Any = None
    kill: Callable[[str], None] = lambda _: None
    lost: Callable[[str], None] = lambda _: None
    armed: dict[str, _Armed] = field(default_factory=dict)

    async def arm(self, container: str, dataset_ids: frozenset[DatasetId], seconds: float) -> None:
        before = self.armed.get(container)
        if before is not None and before.dataset_ids != dataset_ids:
            await self.disarm(container)
            before = None
        call = self.clock.callLater(seconds, self.lose, container)
        if before is not None:
            before.call.cancel()
            before.call = call
        else:
            self.armed[container] = _Armed(dataset_ids, call)

    async def guard(self, container: str, instance: str) -> None:
        armed = self.armed.get(container)
        if armed is None:
            raise FlockerError(f"container {container} has no fence")
        armed.instances.add(instance)

    async def disarm(self, container: str) -> None:
        armed = self.armed.pop(container, None)
        if armed is not None:
            armed.call.cancel()

    def crash(self) -> None:
        """The machine goes down, and all that runs on it."""
        for armed in self.armed.values():
            armed.call.cancel()
        self.armed.clear()

    def lose(self, container: str) -> None:
        """The time is over, or a part of it was killed: the rest of it ends what it guards."""
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
