"""IFencingRecord in memory, which outlives the agent as a file does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from zope.interface import implementer

from flocker_lite.interfaces.fencing import FencingRecord, IFencingRecord


@implementer(IFencingRecord)
@dataclass
class MemoryFencingRecord:
    """`writes` counts them; `error`, if set, is raised instead of writing."""

    record: FencingRecord = field(default_factory=FencingRecord)
    writes: int = 0
    error: Exception | None = None

    async def update(self, change: Callable[[FencingRecord], FencingRecord]) -> None:
        if self.error is not None:
            raise self.error
        self.record = change(self.record)
        self.writes += 1
