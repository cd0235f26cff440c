"""IFence in memory: it outlives an agent as the process does, and goes down with the machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from zope.interface import implementer

from flocker_lite.interfaces import IFence
from flocker_lite.model.records import DatasetId


@implementer(IFence)
@dataclass
class MemoryFence:
    """Calls `end(dataset_id)` for each when the time is over; `clock` is set before it is armed."""

    end: Callable[[DatasetId], None]
    clock: Any = None
    armed: dict[str, Any] = field(default_factory=dict)

    async def arm(self, container: str, dataset_ids: frozenset[DatasetId], seconds: float) -> None:
        await self.disarm(container)
        self.armed[container] = self.clock.callLater(seconds, self._end, container, dataset_ids)

    async def disarm(self, container: str) -> None:
        call = self.armed.pop(container, None)
        if call is not None and call.active():
            call.cancel()

    def crash(self) -> None:
        """The machine goes down, and all that runs on it."""
        for call in self.armed.values():
            if call.active():
                call.cancel()
        self.armed.clear()

    def _end(self, container: str, dataset_ids: frozenset[DatasetId]) -> None:
        self.armed.pop(container, None)
        for dataset_id in sorted(dataset_ids):
            self.end(dataset_id)
