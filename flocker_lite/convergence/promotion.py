"""The executors of a failover: promote the copies of a group, and rejoin as a replica."""

from __future__ import annotations

from contextlib import AsyncExitStack

from flocker_lite.convergence.context import AgentContext, Executors
from flocker_lite.convergence.transfer import local_copy
from flocker_lite.errors import Conflict
from flocker_lite.model import increments, lease, membership
from flocker_lite.model.lease import Role
from flocker_lite.model.membership import Membership
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import LocalDataset, Snapshot
from flocker_lite.planner.failover_changes import Promoted, PromoteDatasets, RejoinDataset

WHY_ASIDE = increments.FAILOVER
"""Why what a promoted copy has after its snapshot is set aside."""


async def promote_datasets(change: PromoteDatasets, context: AgentContext) -> None:
    """Nothing is changed before all of the copies are known to have their snapshots."""
    by_id = {each.dataset_id: each for each in change.datasets}
    async with AsyncExitStack() as turns:
        for dataset_id in sorted(by_id):
            await turns.enter_async_context(context.trials.lock(dataset_id))
            turns.enter_context(context.incoming.keep_out(dataset_id))
            await context.incoming.end(dataset_id, by_id[dataset_id].epoch)
        copies = {each: await local_copy(context, each) for each in by_id}
        if any(copies[each].lease != by_id[each].lease for each in by_id):
            return  # somebody's request came first: the next plan knows
        for each in change.datasets:
            context.moves.begin(each.dataset_id, each.epoch, None, context.node_id)
            context.moves.start_pause(each.dataset_id)
        if not change.goes_on:
            await _go_back(change, context, copies)
        await _promote(change, context, copies)
    context.observer.look_again(change.resources)


async def _go_back(
    change: PromoteDatasets, context: AgentContext, copies: dict[DatasetId, LocalDataset]
) -> None:
    """Have each copy end with the snapshot of the grant; what it has after that is set aside."""
    places = {each: _place(each, copies[each.dataset_id]) for each in change.datasets}
    for each, place in places.items():
        local = copies[each.dataset_id]
        is_ahead = place < len(local.snapshots) - 1
        if each.lease.role is Role.PRIMARY:
            await context.storage.unmount(each.dataset_id)
            await _keep(context, each.dataset_id, each.epoch, local.snapshots)
            is_ahead = True
        else:
            await context.storage.discard_partial(each.dataset_id)
        if is_ahead:
            name = local.snapshots[place].name
            await context.storage.continue_from(each.dataset_id, name, WHY_ASIDE)
        context.moves.last_snapshot(each.dataset_id, each.guid)
        context.moves.mark(each.dataset_id, "set aside")


def _place(promoted: Promoted, local: LocalDataset) -> int:
    """Where the snapshot of the grant is among those of the copy; Conflict when it is gone."""
    for place, snapshot in enumerate(local.snapshots):
        if snapshot.guid == promoted.guid:
            return place
    raise Conflict(
        f"{promoted.dataset_id}: the copy here lacks the snapshot {promoted.guid} from which it "
        "should be promoted: fail over again, which chooses another one"
    )


async def _promote(
    change: PromoteDatasets, context: AgentContext, copies: dict[DatasetId, LocalDataset]
) -> None:
    """The coordinator's lease decides for all: the others follow it after a crash."""
    epochs = {each.dataset_id: each.epoch for each in change.datasets}
    first = membership.coordinator_of(epochs)
    for each in change.datasets:
        note = Membership(each.epoch, context.node_id, first, epochs[first])
        if len(epochs) > 1 and copies[each.dataset_id].membership != note:
            await context.storage.set_membership(each.dataset_id, note)
    for each in sorted(change.datasets, key=lambda item: item.dataset_id != first):
        await context.storage.set_lease(each.dataset_id, lease.promote(each.lease, each.epoch))
        context.moves.mark(each.dataset_id, "promote")


async def rejoin_dataset(change: RejoinDataset, context: AgentContext) -> None:
    async with context.trials.lock(change.dataset_id):
        local = await local_copy(context, change.dataset_id)
        if local.lease != change.lease:
            return
        await context.storage.unmount(change.dataset_id)
        await _keep(context, change.dataset_id, change.lease.epoch, local.snapshots)
        await context.storage.set_lease(change.dataset_id, lease.rejoin(change.lease))


async def _keep(
    context: AgentContext, dataset_id: DatasetId, epoch: int, snapshots: tuple[Snapshot, ...]
) -> None:
    """Take a snapshot of what the copy alone may have, unless an earlier attempt did.

    Nobody has written since then, because the copy was not mounted.
    """
    if snapshots and increments.is_demoted_name(snapshots[-1].name, epoch):
        return
    await context.storage.snapshot(dataset_id, increments.demoted_name(epoch, snapshots))


EXECUTORS: Executors = {
    PromoteDatasets: promote_datasets,
    RejoinDataset: rejoin_dataset,
}
