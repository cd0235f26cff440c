"""The executors of changes to datasets that involve no other node."""

from __future__ import annotations

from flocker_lite.convergence.context import AgentContext, Executors
from flocker_lite.convergence.volume_gate import require_open, why_barred
from flocker_lite.errors import Busy, Conflict
from flocker_lite.model import increments, lease
from flocker_lite.planner.changes import (
    CreateDataset,
    DeleteDataset,
    DemoteDataset,
    DestroyAside,
    DropCopy,
    MountDataset,
    ResizeDataset,
    SettleDataset,
)


async def create_dataset(change: CreateDataset, context: AgentContext) -> None:
    await context.storage.create(change.dataset_id, change.maximum_size, lease.create())
    if why_barred(context, change.dataset_id) is None:
        await context.storage.mount(change.dataset_id)


async def resize_dataset(change: ResizeDataset, context: AgentContext) -> None:
    await context.storage.resize(change.dataset_id, change.maximum_size)


async def mount_dataset(change: MountDataset, context: AgentContext) -> None:
    require_open(context, change.dataset_id)
    await context.storage.mount(change.dataset_id)
    context.moves.mark(change.dataset_id, "mount")


async def delete_dataset(change: DeleteDataset, context: AgentContext) -> None:
    with context.awaited_mounts.leaving([change.dataset_id]):
        await context.storage.unmount(change.dataset_id)
        await context.storage.destroy(change.dataset_id)


async def settle_dataset(change: SettleDataset, context: AgentContext) -> None:
    await _sign(change, context)
    await context.storage.set_lease(change.dataset_id, lease.settle(change.lease))


async def _sign(change: SettleDataset, context: AgentContext) -> None:
    """Sign the release, which a crash after the commit may have prevented."""
    local = await context.storage.look(change.dataset_id)
    last = increments.last_pushed(local.snapshots) if local is not None else None
    if last is not None and change.lease.peer is not None:
        released = {change.dataset_id: (change.lease.epoch, last.guid)}
        await context.proofs.release(change.lease.peer, released)


async def demote_dataset(change: DemoteDataset, context: AgentContext) -> None:
    await context.storage.unmount(change.dataset_id)
    await context.storage.set_lease(change.dataset_id, lease.demote(change.lease, change.epoch))


async def drop_copy(change: DropCopy, context: AgentContext) -> None:
    if change.dataset_id in context.incoming:
        raise Busy(f"{change.dataset_id}: a stream is being received")
    local = await context.storage.look(change.dataset_id)
    if local is None:
        return
    if local.lease is not None and local.lease.role is not lease.Role.REPLICA:
        raise Conflict(f"{change.dataset_id}: it is no replica any more, but {local.lease}")
    await context.storage.destroy(change.dataset_id)


async def destroy_aside(change: DestroyAside, context: AgentContext) -> None:
    await context.storage.destroy_aside(change.name)


EXECUTORS: Executors = {
    CreateDataset: create_dataset,
    ResizeDataset: resize_dataset,
    MountDataset: mount_dataset,
    DeleteDataset: delete_dataset,
    SettleDataset: settle_dataset,
    DemoteDataset: demote_dataset,
    DestroyAside: destroy_aside,
    DropCopy: drop_copy,
}
