"""The lease: what a node wrote on its copy of a dataset, and the only ways in which it changes.

This is the one-writer rule as a table. A lease is the value of one ZFS property, so each step is
one atomic `zfs set`, and every step is durable before the next begins:

    (no copy)        --create-->          primary 1        (by the node that the grant names)
    primary 7        --begin_release B--> releasing 7 to B (the container is stopped, unmounted)
    releasing 7 to B --reclaim-->         primary 7        (anything failed: the service stays)
    releasing 7 to B --commit-->          released 8 to B  (the commit point: never written again)
    released 8 to B  --settle-->          replica 8        (B is known to be primary 8)
    replica 7        --acquire 8-->       primary 8        (told so by a node that released it)
    primary 7        --depose 9-->        deposed 9        (another node was granted a later epoch)

With a health check the copy runs at B on trial before the commit point, on a loan of so many
seconds; until then A keeps its own untouched, and takes it back when B has given it back, or when
the loan and a margin are over:

    releasing 7 to B --lend 45-->         lent 8 to B for 45 s
    replica 7        --borrow 8-->        probation 8      (runs; nobody was promised its writes)
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
    LENT = "lent"
    PROBATION = "probation"
    RELEASED = "released"
    REPLICA = "replica"
    DEPOSED = "deposed"


WRITERS = (Role.PRIMARY, Role.PROBATION)
"""Who may have its copy mounted, writable."""

HOLDERS = (Role.PRIMARY, Role.RELEASING, Role.LENT)
"""Whose copy counts as the dataset, as long as no other was released to."""

_GOING = (Role.RELEASING, Role.LENT, Role.RELEASED)


@dataclass(frozen=True, slots=True)
class Lease:
    """Role and epoch of one copy; `peer` is the node that it is being handed over to.

    `epoch` is that of the writer: of this node for primary, releasing and probation, of `peer` for
    lent and released. `seconds` is how long the loan is of what is lent.
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
    is_whole = (lease.role in _GOING) == (lease.peer is not None)
    is_whole = is_whole and (lease.role is Role.LENT) == (lease.seconds is not None)
    if lease.epoch < 0 or not is_whole or str(lease) != text:
        raise LeaseError(f"not a lease: {text!r}")
    return lease


def held_epoch(lease: Lease) -> int | None:
    """The epoch as of which the dataset is this node's own; None when it is not."""
    if lease.role not in HOLDERS:
        return None
    return lease.epoch - (lease.role is Role.LENT)


def create() -> Lease:
    """The lease of a dataset that never existed before."""
    return Lease(Role.PRIMARY, 1)


def begin_release(lease: Lease, peer: NodeId) -> Lease:
    """The source has stopped writing and is about to send the rest to `peer`."""
    _require(lease, "begin_release", Role.PRIMARY)
    return Lease(Role.RELEASING, lease.epoch, peer)


def lend(lease: Lease, seconds: int) -> Lease:
    """The destination asked for a loan, and may try its copy out for so long."""
    _require(lease, "lend", Role.RELEASING)
    return Lease(Role.LENT, lease.epoch + 1, lease.peer, seconds)


def reclaim(lease: Lease) -> Lease:
    """The handoff failed before its commit point; the source may write again."""
    _require(lease, "reclaim", Role.RELEASING, Role.LENT)
    return Lease(Role.PRIMARY, lease.epoch - (lease.role is Role.LENT))


def commit(lease: Lease) -> Lease:
    """The commit point: the source gives up writing for ever."""
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


def borrow(lease: Lease | None, epoch: int) -> Lease:
    """The destination may run its copy on trial, as the source's lent lease says."""
    _require_later(lease, "borrow", epoch)
    return Lease(Role.PROBATION, epoch)


def give_back(lease: Lease) -> Lease:
    """The trial is over, and the source may write again; what was written here is kept aside."""
    _require(lease, "give_back", Role.PROBATION)
    return Lease(Role.REPLICA, lease.epoch - 1)


def acquire(lease: Lease | None, epoch: int) -> Lease:
    """The destination becomes the writer, as the source's released lease says."""
    if lease != Lease(Role.PROBATION, epoch):
        _require_later(lease, "acquire", epoch)
    return Lease(Role.PRIMARY, epoch)


def depose(lease: Lease, epoch: int) -> Lease:
    """Another node was granted a later epoch; this copy may hold writes that nobody else has."""
    _require(lease, "depose", Role.PRIMARY, Role.RELEASING)
    if epoch <= lease.epoch:
        raise LeaseError(f"depose: epoch {epoch} is not later than {lease}")
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
