"""IVolumeRecords in memory: what a node has written down of its Docker's volumes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from pyrsistent import PMap, pmap
from zope.interface import implementer

from flocker_lite.interfaces import IVolumeRecords
from flocker_lite.model.records import DatasetId
from flocker_lite.model.volumes import KnownVolume


@implementer(IVolumeRecords)
@dataclass
class MemoryVolumeRecords:
    """The records of one node; they outlive its agent."""

    known: PMap[str, KnownVolume] = field(default_factory=pmap)
    stopped: PMap[DatasetId, tuple[str, ...]] = field(default_factory=pmap)

    awaited: Mapping[DatasetId, Mapping[str, Collection[str] | None]] = field(default_factory=dict)

    def note_awaited(
        self, awaited: Mapping[DatasetId, Mapping[str, Collection[str] | None]]
    ) -> None:
        self.awaited = awaited

    async def write(self, volume: KnownVolume) -> None:
        self.known = self.known.set(volume.name, volume)

    async def forget(self, name: str) -> None:
        self.known = self.known.discard(name)

    async def note_stopped(self, dataset_id: DatasetId, instances: tuple[str, ...]) -> None:
        others = self.stopped.discard(dataset_id)
        self.stopped = others.set(dataset_id, instances) if instances else others
