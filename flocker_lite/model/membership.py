"""A group has one commit record: what becomes of datasets that are handed over as one; pure.

One dataset of the group is the coordinator, and its lease (`model.lease`) is the decision for all.
The source writes on each copy, beside its lease and before it announces anything, of which handoff
it is a part; the destination does so before its coordinator acquires. Such a `Membership` counts
for as long as the lease beside it is one of that very handoff:

    at      the dataset       its coordinator there           what becomes of the dataset
    source  releasing, lent   released, or later than that    FORWARD: released, then delivered
    source  releasing, lent   primary, releasing, lent        BACK: primary again
    source  releasing, lent   gone, or not to be read         UNKNOWN: nothing, and state says so
    source  released          whatever                        FORWARD: delivered
    target  replica           primary of the handoff          FORWARD: primary as well
    target  probation         primary of the handoff          FORWARD: primary as well
    target  replica           anything else                   OWN: it waits to be delivered
    target  probation         anything else                   OWN: given back when its loan is over

So on the way forward the coordinator's lease changes first, and on the way back last: whoever is
cut off in between finds out from the leases where all of them were going.

The value has no list of the members, for ZFS has 1024 bytes for it: the members of a handoff are
those that name its coordinator.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from flocker_lite.errors import LeaseError
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import DatasetId, NodeId

_FIELDS = 4


@dataclass(frozen=True, slots=True)
class Membership:
    """A dataset's part in a handoff to the node `peer`, which then has it as of `epoch`.

    `coordinator_epoch` is the epoch that the coordinator then has there.
    """

    epoch: int
    peer: NodeId
    coordinator: DatasetId
    coordinator_epoch: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.peer}:{self.coordinator}:{self.coordinator_epoch}"


class Fate(Enum):
    """What becomes of a dataset; OWN: what its own lease alone says."""

    OWN = "own"
    FORWARD = "forward"
    BACK = "back"
    UNKNOWN = "unknown"


def parse(text: str) -> Membership:
    """Read what `str(membership)` wrote; LeaseError for what is none.

    What a later release may have added at the end is skipped.
    """
    try:
        epoch, peer, coordinator, coordinator_epoch = text.split(":")[:_FIELDS]
        membership = Membership(int(epoch), peer, coordinator, int(coordinator_epoch))
    except ValueError:
        raise LeaseError(f"not the part in a handoff: {text!r}") from None
    is_whole = min(membership.epoch, membership.coordinator_epoch) > 0 and peer and coordinator
    if not is_whole or not f"{text}:".startswith(f"{membership}:"):
        raise LeaseError(f"not the part in a handoff: {text!r}")
    return membership


def coordinator_of(dataset_ids: Iterable[DatasetId]) -> DatasetId:
    """Which dataset of a group decides."""
    return min(dataset_ids)


def memberships(leases: dict[DatasetId, Lease], peer: NodeId) -> dict[DatasetId, Membership]:
    """What to write on each of a group of which this node is the primary, by these leases.

    A dataset that moves alone is a part of nothing: there is none for it.
    """
    if len(leases) < 2:
        return {}
    first = coordinator_of(leases)
    return {
        dataset_id: Membership(held.epoch + 1, peer, first, leases[first].epoch + 1)
        for dataset_id, held in leases.items()
    }


def counts(membership: Membership | None, held: Lease | None) -> bool:
    """Whether a lease is of the handoff that is written beside it."""
    if membership is None or held is None:
        return False
    match held.role:
        case Role.RELEASING:
            return (held.epoch + 1, held.peer) == (membership.epoch, membership.peer)
        case Role.LENT | Role.RELEASED:
            return (held.epoch, held.peer) == (membership.epoch, membership.peer)
        case Role.PROBATION:
            return held.epoch == membership.epoch
        case Role.REPLICA:
            return held.epoch < membership.epoch
        case _:
            return False


def fate(membership: Membership | None, held: Lease | None, coordinator: Lease | None) -> Fate:
    """What becomes of a dataset with this lease, whose coordinator here has that one: the table.

    `coordinator` is None when its copy is gone, or its lease cannot be read.
    """
    if membership is None or held is None or not counts(membership, held):
        return Fate.OWN
    epoch = membership.coordinator_epoch
    match held.role:
        case Role.RELEASED:
            return Fate.FORWARD
        case Role.RELEASING | Role.LENT:
            if coordinator is None:
                return Fate.UNKNOWN
            return Fate.FORWARD if _is_committed(coordinator, epoch) else Fate.BACK
        case _:
            return Fate.FORWARD if coordinator == Lease(Role.PRIMARY, epoch) else Fate.OWN


def _is_committed(coordinator: Lease, epoch: int) -> bool:
    """Whether the source has given up `epoch - 1` of the coordinator for ever."""
    if coordinator.role in (Role.LENT, Role.PROBATION):
        return coordinator.epoch > epoch
    return coordinator.epoch >= epoch
