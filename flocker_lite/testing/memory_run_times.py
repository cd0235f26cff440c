"""IRunTimes in memory; it outlives an agent, like the file."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyrsistent import PMap, pmap
from zope.interface import implementer

from flocker_lite.interfaces.run_times import IRunTimes
from flocker_lite.model.state import RunTimes


@implementer(IRunTimes)
@dataclass
class MemoryRunTimes:
    """What one node remembers; while `error` is set, `remember` raises it."""

    remembered: PMap[str, RunTimes] = field(default_factory=pmap)
    error: Exception | None = None

    async def remember(self, times: PMap[str, RunTimes]) -> None:
        if self.error is not None:
            raise self.error
        self.remembered = times
