"""IListeners in memory, which a test fills."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyrsistent import PMap, pmap
from zope.interface import implementer

from flocker_lite.interfaces import IListeners
from flocker_lite.model.state import Listener


@implementer(IListeners)
@dataclass
class MemoryListeners:
    """`listening` has the listener of each port of the node; `discover` raises `error` if set."""

    listening: dict[str, Listener] = field(default_factory=dict)
    error: Exception | None = None

    async def discover(self) -> PMap[str, Listener]:
        if self.error is not None:
            raise self.error
        return pmap(self.listening)
