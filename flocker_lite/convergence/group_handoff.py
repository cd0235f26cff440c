"""Handoffs of several datasets, which follow their coordinator: see `model.membership`."""

from __future__ import annotations

from collections.abc import Iterable

from flocker_lite.convergence.container_executors import (
    TRIAL_STOP_TIMEOUT_SECONDS,
    stop_and_remove,
)
from flocker_lite.convergence.context import AgentContext, Executors
from flocker_lite.convergence.release_proofs import with_proofs
from flocker_lite.convergence.transfer import local_copy
from flocker_lite.interfaces import IPeer, IProofs, Released
from flocker_lite.interfaces.peer_requests import Acquire, AcquireGroup
from flocker_lite.model import lease, membership
from flocker_lite.model.membership import Fate
from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.model.state import LocalDataset
from flocker_lite.planner.move_changes import AcquireDatasets, CommitDatasets, Moved


async def commit_datasets(change: CommitDatasets, context: AgentContext) -> None:
    for moved in change.datasets:
        await context.storage.set_lease(moved.dataset_id, lease.commit(moved.lease))


async def acquire_datasets(change: AcquireDatasets, context: AgentContext) -> None:
    if not await any_unchanged(context, change.datasets):
        return
    on_trial = {item.dataset_id for item in change.datasets if lease.is_on_trial(item.lease)}
    is_over = not context.trials.on_trial.issuperset(on_trial)
    if is_over and change.container is not None:
        await stop_and_remove(context, change.container, TRIAL_STOP_TIMEOUT_SECONDS)
    arrived = []
    for moved in change.datasets:
        async with context.trials.lock(moved.dataset_id):
            local = await local_copy(context, moved.dataset_id)
            note = local.membership
            if local.lease == moved.lease and note is not None:
                acquired = lease.acquire(local.lease, note.epoch)
                await context.storage.set_lease(moved.dataset_id, acquired)
                # A crash may have come between the coordinator's lease and this call for it.
                arrived += [note.coordinator, moved.dataset_id]
    if is_over and change.container is not None:
        await context.trials.given_back(change.container)
    for dataset_id in arrived:
        await context.trials.acquired(dataset_id)


def coordinator_first(datasets: Iterable[Moved]) -> list[Moved]:
    """The datasets of a handoff, their coordinator first."""
    ordered = list(datasets)
    first = membership.coordinator_of(moved.dataset_id for moved in ordered)
    return sorted(ordered, key=lambda moved: moved.dataset_id != first)


async def write_memberships(
    context: AgentContext, datasets: Iterable[Moved], destination: str
) -> None:
    """Write the membership on each copy before the first lease of the handoff changes."""
    leases = {moved.dataset_id: moved.lease for moved in datasets}
    notes = membership.memberships(leases, destination)
    for dataset_id in leases:
        desired = notes.get(dataset_id)
        if (await local_copy(context, dataset_id)).membership != desired:
            await context.storage.set_membership(dataset_id, desired)


async def hand_over(
    proofs: IProofs, peer: IPeer, destination: NodeId, released: tuple[Released, ...]
) -> None:
    """Sign the release of datasets to a node, and have the node acquire them, several as one.

    Their leases say "released" on disk already: after a crash this is done again.
    """
    items = await with_proofs(proofs, destination, released)
    if len(items) == 1:
        [item] = items
        await peer.ask(Acquire(item.dataset_id, item.epoch, item.guid, item.proof))
    else:
        await peer.ask(
            AcquireGroup(membership.coordinator_of(item.dataset_id for item in items), items)
        )


async def any_unchanged(context: AgentContext, datasets: Iterable[Moved]) -> bool:
    """Whether one of these still has its planned lease; otherwise a peer's request came first."""
    for moved in datasets:
        async with context.trials.lock(moved.dataset_id):
            if (await local_copy(context, moved.dataset_id)).lease == moved.lease:
                return True
    return False


async def is_coordinator_primary(context: AgentContext, local: LocalDataset) -> bool:
    """Whether the coordinator of a copy on trial is primary here by now."""
    if local.membership is None:
        return False
    coordinator: DatasetId = local.membership.coordinator
    other = await context.storage.look(coordinator)
    held = other.lease if other is not None else None
    return membership.fate(local.membership, local.lease, held) is Fate.FORWARD


EXECUTORS: Executors = {
    CommitDatasets: commit_datasets,
    AcquireDatasets: acquire_datasets,
}
