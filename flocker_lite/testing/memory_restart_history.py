"""IRestartHistory in memory; it outlives an agent, like the file."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyrsistent import PMap, pmap
from zope.interface import implementer

from flocker_lite.interfaces import IRestartHistory
from flocker_lite.model.state import RestartHistory


@implementer(IRestartHistory)
@dataclass
class MemoryRestartHistory:
    """What one node remembers; while `error` is set, `remember` raises it."""

    remembered: PMap[str, RestartHistory] = field(default_factory=pmap)
    error: Exception | None = None

    async def remember(self, histories: PMap[str, RestartHistory]) -> None:
        if self.error is not None:
            raise self.error
        self.remembered = histories
