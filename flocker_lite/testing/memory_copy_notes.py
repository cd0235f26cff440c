"""ICopyNotes in memory; they outlive an agent, like the file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from pyrsistent import PMap
from zope.interface import implementer

from flocker_lite.interfaces import ICopyNotes
from flocker_lite.model.copy_notes import CopyNotes
from flocker_lite.model.records import DatasetId
from flocker_lite.model.replication import StandbyBase
from flocker_lite.model.snapshot_sets import SnapshotSet


@implementer(ICopyNotes)
@dataclass
class MemoryCopyNotes:
    """The notes of one node."""

    record: CopyNotes = field(default_factory=CopyNotes)

    @property
    def sets(self) -> PMap[DatasetId, SnapshotSet]:
        return self.record.sets

    @property
    def bases(self) -> PMap[str, StandbyBase]:
        return self.record.bases

    async def note_set(self, complete: SnapshotSet, present: Collection[DatasetId]) -> None:
        self.record = self.record.with_set(complete, present)

    async def note_bases(
        self, bases: Mapping[str, StandbyBase], present: Collection[DatasetId]
    ) -> None:
        self.record = self.record.with_bases(bases, present)
