"""What a node writes down of the copies of datasets, as a record."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from pyrsistent import PMap, pmap

from flocker_lite.model.identities import DatasetId
from flocker_lite.model.replication import StandbyBase, dataset_of
from flocker_lite.model.snapshot_sets import SnapshotSet


@dataclass(frozen=True, slots=True)
class CopyNotes:
    """The newest complete set of each dataset, and what each standby has by `replication_key`."""

    sets: PMap[DatasetId, SnapshotSet] = field(default_factory=pmap)
    bases: PMap[str, StandbyBase] = field(default_factory=pmap)

    def with_set(self, complete: SnapshotSet, present: Collection[DatasetId]) -> CopyNotes:
        """With the set as the newest one of each of its datasets, and only `present` datasets."""
        kept = {each: known for each, known in self.sets.items() if each in present}
        return CopyNotes(pmap({**kept, **dict.fromkeys(complete.snapshots, complete)}), self.bases)

    def with_bases(
        self, bases: Mapping[str, StandbyBase], present: Collection[DatasetId]
    ) -> CopyNotes:
        """With what these standbys have now, and only of `present` datasets."""
        kept = {key: known for key, known in self.bases.items() if dataset_of(key) in present}
        return CopyNotes(self.sets, pmap({**kept, **bases}))
