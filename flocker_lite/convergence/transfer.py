"""One stream of a dataset to another node: from which snapshot, to which, and what may go after."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from twisted.logger import Logger

from flocker_lite.convergence import resuming
from flocker_lite.convergence.changes import Doors
from flocker_lite.errors import Conflict, FlockerError, NotFound
from flocker_lite.interfaces import IPeer, IReceiving
from flocker_lite.model import increments, lease
from flocker_lite.model.properties import travelling
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
        """One from the newest snapshot that both have."""
        local = await local_copy(doors, moved.dataset_id)
        base, _ = await _agreed(doors, peer, local)
        return await cls.begin(doors, peer, moved, base, local.snapshots)

    @classmethod
    async def begin(
        cls,
        doors: Doors,
        peer: IPeer,
        moved: Moved,
        base: Snapshot | None,
        snapshots: tuple[Snapshot, ...],
    ) -> Transfer:
        """One from that snapshot."""
        receiving = await peer.receive(
            moved.dataset_id, moved.lease.epoch, base.guid if base is not None else None
        )
        return cls(doors, moved, base, snapshots, receiving)

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


async def open_last(doors: Doors, peer: IPeer, moved: Moved) -> Transfer:
    """The one that a dataset is handed over with; a user may have taken snapshots by now."""

    async def under_way(transfer: Transfer, snapshot: Snapshot) -> None:
        pass

    async for done in bring_kept(doors, peer, moved, under_way):
        doors.moves.round(moved.dataset_id, done)
    return await Transfer.open(doors, peer, moved)


async def bring_kept(
    doors: Doors,
    peer: IPeer,
    moved: Moved,
    under_way: Callable[[Transfer, Snapshot], Awaitable[None]],
) -> AsyncIterator[Round]:
    """Send what is kept here and not there, one snapshot after the other; a round for each.

    Increments to other nodes start from these, and users' snapshots are among them. Nothing is
    lost when this is cut off: the next time it goes on with what is still not there.
    """
    local = await local_copy(doors, moved.dataset_id)
    base, steps = await _agreed(doors, peer, local)
    for step in steps:
        transfer = await Transfer.begin(doors, peer, moved, base, local.snapshots)
        try:
            await under_way(transfer, step)
            sent = await transfer.send(step)
        finally:
            transfer.receiving.abort()
        base = step
        yield sent


async def _agreed(
    doors: Doors, peer: IPeer, local: LocalDataset
) -> tuple[Snapshot | None, tuple[Snapshot, ...]]:
    """The snapshot to send from, and what is to be sent before anything new.

    Has the peer keep aside what cannot be continued.
    """
    evidence = ""
    for _ in range(2):
        copy = await peer.copy(local.dataset_id)
        bases = doors.wishes.bases(local.dataset_id)
        match increments.next_send(
            local.snapshots, copy.exists, copy.newest, copy.snapshots, bases
        ):
            case increments.Full(steps):
                return None, steps
            case increments.Increment(base, steps):
                return base, steps
            case increments.Parted(base) as parted:
                evidence = str(parted)
                await peer.set_aside(local.dataset_id, base.guid)
            case diverged:
                evidence = str(diverged)
                await peer.set_aside(local.dataset_id)
    raise Conflict(f"{local.dataset_id}: {evidence}")


async def prune(doors: Doors, peer: IPeer, dataset_id: DatasetId, newest: Snapshot) -> None:
    """Destroy what no push needs any more, at both ends; what cannot be is left to the next one."""
    keep = doors.wishes.bases(dataset_id) | {newest.guid}
    try:
        local = await local_copy(doors, dataset_id)
        for snapshot in increments.prunable(local.snapshots, keep):
            # What was set aside may need it.
            with suppress(Conflict):
                await doors.storage.destroy_snapshot(dataset_id, snapshot.name)
        await peer.prune(dataset_id, increments.kept(local.snapshots, keep) | {newest.guid})
    except FlockerError as error:
        _log.warn("snapshots of {dataset} stay: {error}", dataset=dataset_id, error=error)


async def bring_properties(doors: Doors, peer: IPeer, dataset_id: DatasetId) -> None:
    """Have the copy there have what users set on this one.

    What cannot be done is no reason not to move; it is tried anew with the next move.
    """
    try:
        told = travelling(await doors.storage.properties(dataset_id))
        undone = await peer.set_properties(dataset_id, told)
    except FlockerError as error:
        undone = (str(error),)
    for why in undone:
        _log.warn("a property of {dataset} stays: {why}", dataset=dataset_id, why=why)


async def local_copy(doors: Doors, dataset_id: DatasetId) -> LocalDataset:
    local = await doors.storage.look(dataset_id)
    if local is None:
        raise NotFound(f"{dataset_id}: the copy of this node is gone")
    return local
