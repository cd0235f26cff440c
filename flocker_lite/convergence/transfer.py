"""One stream of a dataset to another node: from which snapshot, to which, and what may go after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from twisted.logger import Logger

from flocker_lite.convergence import resuming
from flocker_lite.convergence.changes import Doors
from flocker_lite.errors import Conflict, FlockerError, NotFound
from flocker_lite.interfaces import IPeer, IReceiving
from flocker_lite.model import increments, lease
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import LocalDataset, Round, Snapshot

_log = Logger()


@dataclass(frozen=True)
class Moved:
    """One dataset that is on the way from here; `lease` is what it is here and now."""

    dataset_id: DatasetId
    lease: lease.Lease


@dataclass
class Transfer:
    """A send to another node whose receiver already waits for its stream."""

    doors: Doors
    moved: Moved
    base: Snapshot | None
    snapshots: tuple[Snapshot, ...]
    receiving: IReceiving

    @classmethod
    async def open(cls, doors: Doors, peer: IPeer, moved: Moved) -> Transfer:
        local = await local_copy(doors, moved.dataset_id)
        base = await _base(peer, local)
        receiving = await peer.receive(
            moved.dataset_id, moved.lease.epoch, base.guid if base is not None else None
        )
        return cls(doors, moved, base, local.snapshots, receiving)

    async def send(self, snapshot: Snapshot) -> Round:
        began = self.doors.clock.seconds()
        sending = self.doors.storage.send(
            self.moved.dataset_id,
            self.base.name if self.base is not None else None,
            snapshot.name,
            self.receiving.fileno(),
        )
        await resuming.carry(sending, self.receiving)
        return Round(self.receiving.sent_bytes(), self.doors.clock.seconds() - began)


async def take_snapshots(
    doors: Doors, datasets: Mapping[DatasetId, tuple[Moved, tuple[Snapshot, ...]]]
) -> Mapping[DatasetId, Snapshot]:
    """One more of each, beside those that it has: all at one instant where this ZFS can."""
    return await doors.storage.snapshot_all(
        {
            dataset_id: increments.next_name(moved.lease.epoch, snapshots)
            for dataset_id, (moved, snapshots) in datasets.items()
        }
    )


async def _base(peer: IPeer, local: LocalDataset) -> Snapshot | None:
    """The snapshot to send from; has the peer keep a copy aside that cannot be continued."""
    evidence = ""
    for _ in range(2):
        copy = await peer.copy(local.dataset_id)
        match increments.next_send(local.snapshots, copy.exists, copy.newest):
            case increments.Full():
                return None
            case increments.Increment(base):
                return base
            case diverged:
                evidence = str(diverged)
        await peer.set_aside(local.dataset_id)
    raise Conflict(f"{local.dataset_id}: {evidence}")


async def prune(doors: Doors, peer: IPeer, dataset_id: DatasetId, newest: Snapshot) -> None:
    """Destroy what no push needs any more, at both ends; what cannot be is left to the next one."""
    try:
        local = await local_copy(doors, dataset_id)
        for snapshot in increments.prunable(local.snapshots, frozenset({newest.guid})):
            await doors.storage.destroy_snapshot(dataset_id, snapshot.name)
        await peer.prune(dataset_id, frozenset({newest.guid}))
    except FlockerError as error:
        _log.warn("snapshots of {dataset} stay: {error}", dataset=dataset_id, error=error)


async def local_copy(doors: Doors, dataset_id: DatasetId) -> LocalDataset:
    local = await doors.storage.look(dataset_id)
    if local is None:
        raise NotFound(f"{dataset_id}: the copy of this node is gone")
    return local
