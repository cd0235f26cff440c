"""The snapshot sets that arrived at this node as a standby."""

from __future__ import annotations

from dataclasses import dataclass

from pyrsistent import pmap

from flocker_lite.errors import PeerRefused
from flocker_lite.interfaces import ICopyNotes, IStorage
from flocker_lite.interfaces.standby_requests import SnapshotSetComplete
from flocker_lite.model.lease import Role
from flocker_lite.model.records import DatasetId
from flocker_lite.model.snapshot_sets import SnapshotSet


@dataclass(frozen=True)
class ArrivedSets:
    """Writes down which sets are complete here; without `notes`, none is."""

    storage: IStorage
    notes: ICopyNotes | None

    def guids(self, dataset_id: DatasetId) -> frozenset[str]:
        """The snapshots of a copy here that must stay until the next set is complete."""
        complete = self.notes.sets.get(dataset_id) if self.notes is not None else None
        guid = complete.snapshots.get(dataset_id) if complete is not None else None
        return frozenset() if guid is None else frozenset({guid})

    async def complete(self, request: SnapshotSetComplete) -> None:
        """Write it down, once each of its snapshots is known to be here; else PeerRefused."""
        if self.notes is None:
            raise PeerRefused("this node stands by for nobody")
        snapshots = {each.dataset_id: each.guid for each in request.snapshots}
        for dataset_id, guid in snapshots.items():
            copy = await self.storage.look(dataset_id)
            if copy is None or copy.lease is None or copy.lease.role is not Role.REPLICA:
                raise PeerRefused(f"{dataset_id}: there is no replica of it here")
            if all(snapshot.guid != guid for snapshot in copy.snapshots):
                raise PeerRefused(f"{dataset_id}: the copy here has no snapshot {guid}")
        complete = SnapshotSet(request.epoch, request.taken_at, pmap(snapshots))
        first = min(snapshots, default="")
        before = self.notes.sets.get(first)
        if before is not None and before.epoch > complete.epoch:
            raise PeerRefused(f"{first}: a set of epoch {before.epoch} is complete here")
        await self.notes.note_set(complete, {*snapshots, *await self.storage.discover()})
