"""One stream of a dataset to another node: its base, its snapshot, and the pruning afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from twisted.logger import Logger

from flocker_lite.convergence import resuming
from flocker_lite.convergence.context import AgentContext
from flocker_lite.errors import Busy, Conflict, FlockerError, NotFound
from flocker_lite.interfaces import IPeer, IReceiving, PeerCopy
from flocker_lite.interfaces.peer_requests import Copy, Prune, SetAside, SetProperties
from flocker_lite.model import increments
from flocker_lite.model.properties import travelling
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import LocalDataset, Round, Snapshot
from flocker_lite.planner.move_changes import Moved
from flocker_lite.planner.pruning_plan import needed

LEFT_OVER_MAX = 2
"""So many needless snapshots may stay at either end until this attempt has arrived; not more."""

_log = Logger()


@dataclass
class Transfer:
    """A send to another node, where the receiver already waits for the stream."""

    context: AgentContext
    moved: Moved
    base: Snapshot | None
    snapshots: tuple[Snapshot, ...]
    receiving: IReceiving

    @classmethod
    async def open(cls, context: AgentContext, peer: IPeer, moved: Moved) -> Transfer:
        """A transfer from the newest snapshot that both nodes have."""
        local = await local_copy(context, moved.dataset_id)
        base, _ = await agree_on_base(context, peer, moved.dataset_id, local.snapshots)
        return await cls.begin(context, peer, moved, base, local.snapshots)

    @classmethod
    async def begin(
        cls,
        context: AgentContext,
        peer: IPeer,
        moved: Moved,
        base: Snapshot | None,
        snapshots: tuple[Snapshot, ...],
    ) -> Transfer:
        """A transfer from the snapshot `base`."""
        receiving = await peer.receive(
            moved.dataset_id, moved.lease.epoch, base.guid if base is not None else None
        )
        return cls(context, moved, base, snapshots, receiving)

    async def send(self, snapshot: Snapshot) -> Round:
        began = self.context.clock.seconds()
        sending = self.context.storage.send(
            self.moved.dataset_id,
            self.base.name if self.base is not None else None,
            snapshot.name,
            self.receiving.fileno(),
        )
        await resuming.carry(sending, self.receiving)
        return Round(self.receiving.sent_bytes(), self.context.clock.seconds() - began)


async def take_snapshots(
    context: AgentContext, datasets: Mapping[DatasetId, tuple[Moved, tuple[Snapshot, ...]]]
) -> Mapping[DatasetId, Snapshot]:
    """Take the next snapshot of each dataset, all at one instant where this ZFS can."""
    return await context.storage.snapshot_all(
        {
            dataset_id: increments.next_name(moved.lease.epoch, snapshots)
            for dataset_id, (moved, snapshots) in datasets.items()
        }
    )


async def open_last_transfer(context: AgentContext, peer: IPeer, moved: Moved) -> Transfer:
    """The last transfer of a move, after sending the snapshots that users took meanwhile."""

    async def under_way(transfer: Transfer, snapshot: Snapshot) -> None:
        pass

    async for done in send_kept(context, peer, moved, under_way):
        context.moves.round(moved.dataset_id, done)
    return await Transfer.open(context, peer, moved)


async def send_kept(
    context: AgentContext,
    peer: IPeer,
    moved: Moved,
    under_way: Callable[[Transfer, Snapshot], Awaitable[None]],
) -> AsyncIterator[Round]:
    """Send the kept snapshots that the peer lacks, one after the other; a round for each.

    They are users' snapshots, and those from which increments to other nodes start. After an
    interruption the next call sends those that are still missing.
    """
    local = await local_copy(context, moved.dataset_id)
    base, steps = await agree_on_base(context, peer, moved.dataset_id, local.snapshots)
    for step in steps:
        transfer = await Transfer.begin(context, peer, moved, base, local.snapshots)
        try:
            await under_way(transfer, step)
            sent = await transfer.send(step)
        finally:
            transfer.receiving.abort()
        base = step
        yield sent


async def agree_on_base(
    context: AgentContext,
    peer: IPeer,
    dataset_id: DatasetId,
    snapshots: tuple[Snapshot, ...],
    copy: PeerCopy | None = None,
) -> tuple[Snapshot | None, tuple[Snapshot, ...]]:
    """The snapshot to send from, and the kept snapshots to send before anything new.

    `copy` is what the peer just said to have. If its copy has diverged, the peer sets it aside.
    What many failed attempts left behind goes at both ends.
    """
    evidence = ""
    for _ in range(2):
        copy = copy if copy is not None else await peer.ask(Copy(dataset_id))
        bases = kept_guids(context, dataset_id, snapshots)
        match increments.next_send(snapshots, copy.exists, copy.newest, copy.snapshots, bases):
            case increments.Full(steps):
                await _prune_left_over(context, peer, dataset_id, snapshots, (), bases)
                return None, steps
            case increments.Increment(base, steps):
                keep, there = bases | {base.guid}, copy.snapshots or ()
                await _prune_left_over(context, peer, dataset_id, snapshots, there, keep)
                return base, steps
            case increments.Parted(base) as parted:
                evidence = str(parted)
                await peer.ask(SetAside(dataset_id, base.guid))
            case diverged:
                evidence = str(diverged)
                await peer.ask(SetAside(dataset_id))
        copy = None
    raise Conflict(f"{dataset_id}: {evidence}")


async def _prune_left_over(
    context: AgentContext,
    peer: IPeer,
    dataset_id: DatasetId,
    here: tuple[Snapshot, ...],
    there: tuple[Snapshot, ...],
    keep: frozenset[str],
) -> None:
    """Prune each end where failed attempts left many; whatever cannot be destroyed stays."""
    kept = increments.kept(here, keep) | keep
    with suppress(FlockerError):
        if len(increments.prunable(here, keep)) > LEFT_OVER_MAX:
            await prune_here(context, dataset_id, here, keep)
        if len(increments.prunable(there, kept)) > LEFT_OVER_MAX:
            await peer.ask(Prune(dataset_id, kept))


def kept_guids(
    context: AgentContext, dataset_id: DatasetId, snapshots: tuple[Snapshot, ...]
) -> frozenset[str]:
    """The guids of the `snapshots` from which increments to other nodes' copies start."""
    desired = context.desired.dataset(dataset_id)
    return needed(dataset_id, desired, snapshots, context.copies.known)


async def prune(
    context: AgentContext, peer: IPeer, dataset_id: DatasetId, newest: Snapshot
) -> None:
    """Destroy the snapshots that no push needs at both ends; the next push retries a failure."""
    try:
        local = await local_copy(context, dataset_id)
        keep = kept_guids(context, dataset_id, local.snapshots) | {newest.guid}
        await prune_here(context, dataset_id, local.snapshots, keep)
        await peer.ask(Prune(dataset_id, increments.kept(local.snapshots, keep) | {newest.guid}))
    except FlockerError as error:
        _log.warn(
            "cannot destroy old snapshots of {dataset}: {error}", dataset=dataset_id, error=error
        )


async def prune_here(
    context: AgentContext,
    dataset_id: DatasetId,
    snapshots: tuple[Snapshot, ...],
    keep: frozenset[str],
) -> None:
    """Destroy the snapshots of a copy here that nobody needs, but for these guids."""
    for snapshot in increments.prunable(snapshots, keep):
        # An aside may need it, or a user holds it.
        with suppress(Conflict, Busy):
            await context.storage.destroy_snapshot(dataset_id, snapshot.name)


async def copy_properties(context: AgentContext, peer: IPeer, dataset_id: DatasetId) -> None:
    """Copy the properties that users set here to the peer's copy.

    A failure does not stop the move; the next move tries again.
    """
    try:
        told = travelling(await context.storage.properties(dataset_id))
        undone = await peer.ask(SetProperties(dataset_id, told))
    except FlockerError as error:
        undone = (str(error),)
    for why in undone:
        _log.warn("cannot copy a property of {dataset}: {why}", dataset=dataset_id, why=why)


async def local_copy(context: AgentContext, dataset_id: DatasetId) -> LocalDataset:
    local = await context.storage.look(dataset_id)
    if local is None:
        raise NotFound(f"{dataset_id}: this node's copy is gone")
    return local
