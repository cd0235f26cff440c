"""IListeners in memory: whoever a test lets listen."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyrsistent import PMap, pmap
from zope.interface import implementer

from flocker_lite.interfaces import IListeners
from flocker_lite.model.state import Listener


@implementer(IListeners)
@dataclass
class MemoryListeners:
    """`listening` has who is at each port of the node; with an `error` that is not to be had."""

    listening: dict[int, Listener] = field(default_factory=dict)
    error: Exception | None = None

    async def discover(self) -> PMap[int, Listener]:
        if self.error is not None:
            raise self.error
        return pmap(self.listening)
