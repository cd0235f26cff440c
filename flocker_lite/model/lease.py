"""The lease: what a node wrote on its copy of a dataset, and the only ways in which it changes.

This is the one-writer rule as a table. A lease is the value of one ZFS property, so each step is
one atomic `zfs set`, and every step is durable before the next begins:

    (no copy)        --create-->          primary 1        (by the node that the grant names)
    primary 7        --begin_release B--> releasing 7 to B (the container is stopped, unmounted)
    releasing 7 to B --reclaim-->         primary 7        (anything failed: the service stays)
    releasing 7 to B --commit-->          released 8 to B  (the commit point: never written again)
    released 8 to B  --settle-->          replica 8        (B is known to be primary 8)
    replica 7        --acquire 8-->       primary 8        (told so by a node that released it)
    primary 7        --demote 9-->        deposed 9        (another node was granted a later epoch)

When the primary's node dies, the grant can go to B as of epoch 9, "promoted from snapshot G", by
proof that A writes no more, or by the word of a person. An epoch is skipped, so that a `released 8`
that is under way cannot collide with it. A, when it comes back, keeps what it alone may have:

    replica 7        --promote 9-->       primary 9        (the copy ends with exactly snapshot G)
    primary 8        --promote 9-->       primary 9        (what A released had just arrived here)
    releasing 7 to B --demote 9-->        deposed 9        (as above: another node has a later one)
    lent 8 to B      --demote 9-->        deposed 9
    deposed 9        --rejoin-->          replica 9        (a snapshot has what it alone wrote)

If the container has a health check, B runs it on trial for so many seconds before the commit point.
Until then A keeps its own copy untouched. A takes the dataset back when B has given it back, or
when the trial and a margin are over:

    releasing 7 to B --grant_trial 45-->  lent 8 to B for 45 s
    replica 7        --start_trial 8-->   probation 8      (runs; nobody was promised its writes)
    lent 8 to B      --commit-->          released 8 to B  (the copy is healthy: the commit point)
    probation 8      --acquire 8-->       primary 8        (told so, as above)
    lent 8 to B      --reclaim-->         primary 7        (B writes no more, for certain)
    probation 8      --give_back-->       replica 7        (what it wrote is kept as a snapshot)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from flocker_lite.errors import LeaseError
from flocker_lite.model.records import NodeId


class Role(Enum):
    """What a node may do with its copy; only the writers may have it mounted."""

    PRIMARY = "primary"
    RELEASING = "releasing"
    # These words stay, "lent" and "probation" too: they are on disk, in `flocker:lease`.
    LENT = "lent"
    PROBATION = "probation"
    RELEASED = "released"
    REPLICA = "replica"
    DEPOSED = "deposed"


WRITERS = (Role.PRIMARY, Role.PROBATION)
"""Roles of a node that may have its copy mounted, writable."""

HOLDERS = (Role.PRIMARY, Role.RELEASING, Role.LENT)
"""Roles of a node whose copy counts as the dataset, as long as it released it to no other node."""

GOING = (Role.RELEASING, Role.LENT, Role.RELEASED)
"""Roles of a node that is handing its copy over, and stopped the container for that."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Role and epoch of one copy; `peer` is the node that it is being handed over to.

    `epoch` is the writer's epoch. The writer is this node if the role is primary, releasing or
    probation, and `peer` if it is lent or released. `seconds` is how long a lent copy is on trial.
    """

    role: Role
    epoch: int
    peer: NodeId | None = None
    seconds: int | None = None

    def __str__(self) -> str:
        parts = [self.role.value, str(self.epoch), self.peer, self.seconds]
        return ":".join(str(part) for part in parts if part is not None)


def parse(text: str) -> Lease:
    """Read what `str(lease)` wrote; LeaseError for anything else."""
    role_name, epoch_text, peer, seconds_text = [*text.split(":", 3), "", "", ""][:4]
    try:
        seconds = int(seconds_text) if seconds_text else None
        lease = Lease(Role(role_name), int(epoch_text), peer or None, seconds)
    except ValueError:
        raise LeaseError(f"not a lease: {text!r}") from None
    is_whole = (lease.role in GOING) == (lease.peer is not None)
    is_whole = is_whole and (lease.role is Role.LENT) == (lease.seconds is not None)
    if lease.epoch < 0 or not is_whole or str(lease) != text:
        raise LeaseError(f"not a lease: {text!r}")
    return lease


def held_epoch(lease: Lease) -> int | None:
    """The epoch as of which this node owns the dataset; None when it does not."""
    if lease.role not in HOLDERS:
        return None
    return lease.epoch - (lease.role is Role.LENT)


def is_on_trial(lease: Lease | None) -> bool:
    """Whether the node may run this copy for a limited time only: clients must not reach it."""
    return lease is not None and lease.role is Role.PROBATION


def create() -> Lease:
    """The lease of a dataset that never existed before."""
    return Lease(Role.PRIMARY, 1)


def begin_release(lease: Lease, peer: NodeId) -> Lease:
    """The source has stopped writing and is about to send the rest to `peer`."""
    _require(lease, "begin_release", Role.PRIMARY)
    return Lease(Role.RELEASING, lease.epoch, peer)


def grant_trial(lease: Lease, seconds: int) -> Lease:
    """The destination asked for a trial, and may run its copy for this many seconds."""
    _require(lease, "grant_trial", Role.RELEASING)
    return Lease(Role.LENT, lease.epoch + 1, lease.peer, seconds)


def reclaim(lease: Lease) -> Lease:
    """The handoff failed before its commit point; the source may write again."""
    _require(lease, "reclaim", Role.RELEASING, Role.LENT)
    return Lease(Role.PRIMARY, lease.epoch - (lease.role is Role.LENT))


def commit(lease: Lease) -> Lease:
    """The commit point: the source gives up its right to write for good."""
    _require(lease, "commit", Role.RELEASING, Role.LENT)
    return Lease(Role.RELEASED, lease.epoch + (lease.role is Role.RELEASING), lease.peer)


def settle(lease: Lease) -> Lease:
    """The destination is known to have acquired; the source's copy is a replica now."""
    _require(lease, "settle", Role.RELEASED)
    return Lease(Role.REPLICA, lease.epoch)


def replicate(lease: Lease | None, epoch: int) -> Lease:
    """A copy that was received from the primary of `epoch`."""
    if lease is not None:
        _require(lease, "replicate", Role.REPLICA)
    return Lease(Role.REPLICA, epoch if lease is None else max(epoch, lease.epoch))


def start_trial(lease: Lease | None, epoch: int) -> Lease:
    """The destination may run its copy on trial, because the source's lease is lent."""
    _require_later(lease, "start_trial", epoch)
    return Lease(Role.PROBATION, epoch)


def give_back(lease: Lease) -> Lease:
    """The trial is over, and the source may write again; what was written here is set aside."""
    _require(lease, "give_back", Role.PROBATION)
    return Lease(Role.REPLICA, lease.epoch - 1)


def acquire(lease: Lease | None, epoch: int) -> Lease:
    """The destination becomes the writer, because the source's lease is released."""
    if lease != Lease(Role.PROBATION, epoch):
        _require_later(lease, "acquire", epoch)
    return Lease(Role.PRIMARY, epoch)


def promote(lease: Lease | None, epoch: int) -> Lease:
    """The grant says that this copy, which ends with the grant's snapshot, is the primary now.

    What this node holds as primary of an earlier epoch goes on in the later one.
    """
    if lease is None or lease.role is not Role.PRIMARY:
        _require_later(lease, "promote", epoch)
    elif epoch <= lease.epoch:
        raise LeaseError(f"promote: epoch {epoch} is not later than {lease}")
    return Lease(Role.PRIMARY, epoch)


def rejoin(lease: Lease) -> Lease:
    """What this copy alone may have is kept as a snapshot: the new primary may send to it."""
    _require(lease, "rejoin", Role.DEPOSED)
    return Lease(Role.REPLICA, lease.epoch)


def demote(lease: Lease, epoch: int) -> Lease:
    """Another node was granted a later epoch; this copy may hold writes that nobody else has."""
    _require(lease, "demote", Role.PRIMARY, Role.RELEASING, Role.LENT)
    if epoch <= lease.epoch:
        raise LeaseError(f"demote: epoch {epoch} is not later than {lease}")
    return Lease(Role.DEPOSED, epoch)


def _require_later(lease: Lease | None, step: str, epoch: int) -> None:
    if lease is None:
        raise LeaseError(f"{step}: there is no copy of this dataset here")
    _require(lease, step, Role.REPLICA)
    if epoch <= lease.epoch:
        raise LeaseError(f"{step}: epoch {epoch} is not later than {lease}")


def _require(lease: Lease, step: str, *roles: Role) -> None:
    if lease.role not in roles:
        raise LeaseError(f"{step}: not from {lease}")
