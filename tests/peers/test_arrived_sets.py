"""The snapshot sets that arrived at a standby."""

from __future__ import annotations

from dataclasses import replace

from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import PeerRefused
from flocker_lite.interfaces.peer_requests import ArrivedSnapshot, SnapshotSetComplete
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.state import LocalDataset, Snapshot
from flocker_lite.peers.arrived_sets import ArrivedSets
from flocker_lite.testing.memory_copy_notes import MemoryCopyNotes
from flocker_lite.testing.memory_storage import Copy, MemoryStorage

D, E = (f"dddddddd-0000-4000-8000-00000000000{number}" for number in (1, 2))


class ArrivedSetsTests(SynchronousTestCase):
    """ArrivedSets"""

    def setUp(self) -> None:
        self.storage, self.notes = MemoryStorage(), MemoryCopyNotes()
        self.sets = ArrivedSets(self.storage, self.notes)

    def has(self, dataset_id: str, guid: str) -> None:
        held = Lease(Role.REPLICA, 1)
        local = LocalDataset(dataset_id, held, False, f"/flocker/{dataset_id}")
        snapshots = (Snapshot(f"flocker-lite-1-{guid}", guid),)
        self.storage.copies[dataset_id] = Copy(replace(local, snapshots=snapshots), (), pmap())

    def complete(self, dataset_id: str, guid: str, epoch: int = 1) -> Deferred[None]:
        arrived = (ArrivedSnapshot(dataset_id, guid),)
        return Deferred.fromCoroutine(
            self.sets.complete(SnapshotSetComplete(epoch, float(guid), arrived))
        )

    def test_written_down(self) -> None:
        """The newest set of each dataset."""
        for dataset_id, guid in ((D, "1"), (D, "2"), (E, "3"), (D, "4")):
            self.has(dataset_id, guid)
            self.successResultOf(self.complete(dataset_id, guid))
            assert self.sets.guids(dataset_id) == {guid}
        assert self.notes.sets.keys() == {D, E}

    def test_what_is_gone(self) -> None:
        """It is forgotten when something comes."""
        self.has(D, "1")
        self.successResultOf(self.complete(D, "1"))
        del self.storage.copies[D]
        self.has(E, "2")
        self.successResultOf(self.complete(E, "2"))
        assert self.notes.sets.keys() == {E}

    def test_refused(self) -> None:
        """What is not here, and what is older than what is complete."""
        self.failureResultOf(self.complete(D, "1"), PeerRefused)
        self.has(D, "1")
        self.failureResultOf(self.complete(D, "2"), PeerRefused)
        self.successResultOf(self.complete(D, "1", epoch=2))
        self.failureResultOf(self.complete(D, "1", epoch=1), PeerRefused)
