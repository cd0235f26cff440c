"""The commit record of a group: what becomes of datasets that are handed over together; pure.

One dataset of the group is the coordinator, and its lease (`model.lease`) decides for all of them.
The source writes a `Membership` on each copy, beside its lease, before it announces anything. The
destination does so before its coordinator acquires. A membership says to which handoff the copy
belongs, and counts as long as the lease beside it belongs to that same handoff:

    at      the dataset       its coordinator there           what becomes of the dataset
    source  releasing, lent   released, or later than that    FORWARD: released, then delivered
    source  releasing, lent   primary, releasing, lent        BACK: primary again
    source  releasing, lent   gone, or unreadable             UNKNOWN: nothing, and state says so
    source  released          whatever                        FORWARD: delivered
    target  replica           primary of the handoff          FORWARD: primary as well
    target  probation         primary of the handoff          FORWARD: primary as well
    target  replica           anything else                   OWN: it waits to be delivered
    target  probation         anything else                   OWN: given back when its trial is over

Datasets that are promoted together have memberships as at the target of a handoff.

So the coordinator's lease changes first on the way forward, and last on the way back. After a crash
in between, the leases show which way all of them were going.

The value does not list the members, because ZFS allows it 1024 bytes. The members of a handoff are
the datasets that name its coordinator.
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
    """A dataset's part in a group's handoff to the node `peer`, which will own it as of `epoch`.

    `coordinator_epoch` is the epoch as of which `peer` will own the coordinator.
    """

    epoch: int
    peer: NodeId
    coordinator: DatasetId
    coordinator_epoch: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.peer}:{self.coordinator}:{self.coordinator_epoch}"


class Fate(Enum):
    """What becomes of a dataset; OWN means that its own lease alone decides."""

    OWN = "own"
    FORWARD = "forward"
    BACK = "back"
    UNKNOWN = "unknown"


def parse(text: str) -> Membership:
    """Read what `str(membership)` wrote; LeaseError for anything else.

    We skip fields that a later release may have added at the end.
    """
    try:
        epoch, peer, coordinator, coordinator_epoch = text.split(":")[:_FIELDS]
        membership = Membership(int(epoch), peer, coordinator, int(coordinator_epoch))
    except ValueError:
        raise LeaseError(f"not a membership in a handoff: {text!r}") from None
    is_whole = min(membership.epoch, membership.coordinator_epoch) > 0 and peer and coordinator
    if not is_whole or not f"{text}:".startswith(f"{membership}:"):
        raise LeaseError(f"not a membership in a handoff: {text!r}")
    return membership


def coordinator_of(dataset_ids: Iterable[DatasetId]) -> DatasetId:
    """Which dataset of a group decides."""
    return min(dataset_ids)


def memberships(leases: dict[DatasetId, Lease], peer: NodeId) -> dict[DatasetId, Membership]:
    """The membership to write on each dataset of a group whose primary, by these leases, is here.

    A dataset that moves alone gets none.
    """
    if len(leases) < 2:
        return {}
    first = coordinator_of(leases)
    return {
        dataset_id: Membership(held.epoch + 1, peer, first, leases[first].epoch + 1)
        for dataset_id, held in leases.items()
    }


def counts(membership: Membership | None, held: Lease | None) -> bool:
    """Whether a lease belongs to the handoff that the membership beside it names."""
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
    """What becomes of a dataset with the lease `held`, as the table above says.

    `coordinator` is the lease of its coordinator on this node. It is None when that copy is gone,
    or when its lease cannot be read.
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
    """Whether the source has given up the coordinator of `epoch - 1` for good."""
    if coordinator.role in (Role.LENT, Role.PROBATION):
        return coordinator.epoch > epoch
    return coordinator.epoch >= epoch
