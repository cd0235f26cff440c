"""IAdoptionNotes in memory; they outlive an agent, like the file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pyrsistent import PMap, pmap
from zope.interface import implementer

from flocker_lite.interfaces import IAdoptionNotes
from flocker_lite.model.adoption import AdoptionNote


@implementer(IAdoptionNotes)
@dataclass
class MemoryAdoptionNotes:
    """The notes of one node; each write first calls and awaits `before` with the step."""

    notes: PMap[str, AdoptionNote] = field(default_factory=pmap)
    before: Callable[[str, str], Awaitable[None]] | None = None

    async def write(self, name: str, note: AdoptionNote) -> None:
        if self.before is not None:
            await self.before("write", note.step)
        self.notes = self.notes.set(name, note)

    async def forget(self, name: str) -> None:
        if self.before is not None:
            await self.before("forget", name)
        self.notes = self.notes.discard(name)
