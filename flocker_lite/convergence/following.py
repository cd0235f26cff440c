"""What follows the coordinator of its group, on whichever node: see `model.membership`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from zope.interface import implementer

from flocker_lite.convergence.changes import (
    TRIAL_STOP_TIMEOUT_SECONDS,
    Doors,
    IStateChange,
)
from flocker_lite.convergence.proving import proven
from flocker_lite.convergence.pushing import GroupChange
from flocker_lite.convergence.transfer import Moved, local_copy
from flocker_lite.interfaces import IPeer, IProofs, Released
from flocker_lite.model import lease, membership
from flocker_lite.model.membership import Fate
from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.model.state import LocalDataset


@implementer(IStateChange)
@dataclass(frozen=True)
class CommitDatasets(GroupChange):
    """Release what is handed over together with a coordinator that was released already."""

    transfers: ClassVar[bool] = False

    async def run(self, doors: Doors) -> None:
        for moved in self.datasets:
            await doors.storage.set_lease(moved.dataset_id, lease.commit(moved.lease))


@implementer(IStateChange)
@dataclass(frozen=True)
class AcquireDatasets(GroupChange):
    """Become primary of what was handed over together with a coordinator that is primary here.

    With what was on trial, and has no loan any more, the container goes first: its end may have
    been that of the loan, and then the planner is to make it anew, whatever its restart policy.
    """

    transfers: ClassVar[bool] = False

    async def run(self, doors: Doors) -> None:
        if not await any_left(doors, self.datasets):
            return
        on_trial = {item.dataset_id for item in self.datasets if _is_on_trial(item.lease)}
        is_over = not doors.loans.on_trial.issuperset(on_trial)
        if is_over and self.container is not None:
            await doors.containers.stop(self.container, TRIAL_STOP_TIMEOUT_SECONDS)
            await doors.containers.remove(self.container)
        arrived = []
        for moved in self.datasets:
            async with doors.loans.turn(moved.dataset_id):
                local = await local_copy(doors, moved.dataset_id)
                note = local.membership
                if local.lease == moved.lease and note is not None:
                    acquired = lease.acquire(local.lease, note.epoch)
                    await doors.storage.set_lease(moved.dataset_id, acquired)
                    # What asked for the coordinator may have been cut off before it said so.
                    arrived += [note.coordinator, moved.dataset_id]
        if is_over and self.container is not None:
            await doors.loans.given_back(self.container)
        for dataset_id in arrived:
            await doors.loans.acquired(dataset_id)


def _is_on_trial(held: lease.Lease) -> bool:
    return held.role is lease.Role.PROBATION


def decider_first(datasets: Iterable[Moved]) -> list[Moved]:
    """What is handed over as one, its coordinator before the others."""
    ordered = list(datasets)
    first = membership.coordinator_of(moved.dataset_id for moved in ordered)
    return sorted(ordered, key=lambda moved: moved.dataset_id != first)


async def note(doors: Doors, datasets: Iterable[Moved], destination: str) -> None:
    """Write on each copy of which handoff it is a part, before the first lease says so."""
    leases = {moved.dataset_id: moved.lease for moved in datasets}
    notes = membership.memberships(leases, destination)
    for dataset_id in leases:
        wanted = notes.get(dataset_id)
        if (await local_copy(doors, dataset_id)).membership != wanted:
            await doors.storage.set_membership(dataset_id, wanted)


async def hand_over(
    proofs: IProofs, peer: IPeer, destination: NodeId, released: tuple[Released, ...]
) -> None:
    """Sign what was released to a node, and have it acquire that: as one, if it is more than one.

    That it is released is on disk already; who was cut off before the signature comes here again.
    """
    items = await proven(proofs, destination, released)
    if len(items) == 1:
        [item] = items
        await peer.acquire(item.dataset_id, item.epoch, item.guid, item.proof)
    else:
        await peer.acquire_group(
            membership.coordinator_of(item.dataset_id for item in items), items
        )


async def any_left(doors: Doors, datasets: Iterable[Moved]) -> bool:
    """Whether one of these is still as it was seen; else a peer came first."""
    for moved in datasets:
        async with doors.loans.turn(moved.dataset_id):
            if (await local_copy(doors, moved.dataset_id)).lease == moved.lease:
                return True
    return False


async def is_decided(doors: Doors, local: LocalDataset) -> bool:
    """Whether a copy on trial follows a coordinator that is primary here by now."""
    if local.membership is None:
        return False
    coordinator: DatasetId = local.membership.coordinator
    other = await doors.storage.look(coordinator)
    held = other.lease if other is not None else None
    return membership.fate(local.membership, local.lease, held) is Fate.FORWARD
