"""IEndings in memory; it outlives an agent as the file does."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyrsistent import PMap, pmap
from zope.interface import implementer

from flocker_lite.interfaces import IEndings
from flocker_lite.model.state import Ending


@implementer(IEndings)
@dataclass
class MemoryEndings:
    """What one node remembers; raises `error` instead of remembering while there is one."""

    remembered: PMap[str, Ending] = field(default_factory=pmap)
    error: Exception | None = None

    async def remember(self, endings: PMap[str, Ending]) -> None:
        if self.error is not None:
            raise self.error
        self.remembered = endings
