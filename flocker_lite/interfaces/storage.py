"""The interface to the datasets of a node: what a storage backend does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from pyrsistent import PMap
from zope.interface import Attribute, Interface

from flocker_lite.model.filesystem import FoundFilesystem
from flocker_lite.model.lease import Lease
from flocker_lite.model.machine import Capacity
from flocker_lite.model.membership import Membership
from flocker_lite.model.properties import Properties
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import AsideCopy, Holder, LocalDataset, MountStatus, Snapshot


class IStorage(Interface):
    """The datasets of one node. A copy is ours only if its name is a dataset's id."""

    check_command: str = Attribute("The command that shows a person whether the storage answers.")

    def capacity() -> Awaitable[Capacity]:
        """How much it can have in all, and how much more it can take now."""

    def filesystem(name: str) -> Awaitable[FoundFilesystem | None]:
        """A filesystem of the same pool that somebody made; None when there is none."""

    def take(dataset_id: DatasetId, name: str, lease: Lease) -> Awaitable[None]:
        """Make that filesystem a copy of ours, with its data and snapshots; nothing is copied.

        The copy has its lease as the last thing; it is not mounted. After an interruption the next
        call goes on. Raises Busy while somebody uses the filesystem, Conflict if it cannot become a
        dataset or a copy exists, NotFound if neither is there.
        """

    def leave(name: str) -> Awaitable[None]:
        """Mount somebody's filesystem again, which `take` may have unmounted. Idempotent."""

    def discover() -> Awaitable[PMap[DatasetId, LocalDataset]]:
        """All copies that this node has."""

    def look(dataset_id: DatasetId) -> Awaitable[LocalDataset | None]:
        """One copy as it is now; None when there is none, LeaseError if it has a `trouble`."""

    def path(dataset_id: DatasetId) -> str:
        """Where the dataset is, or would be, mounted on this node."""

    def create(dataset_id: DatasetId, maximum_size: int | None, lease: Lease) -> Awaitable[None]:
        """Create an empty dataset, which has its lease from the first instant; do not mount it.

        Raises Conflict when a copy exists.
        """

    def destroy(dataset_id: DatasetId) -> Awaitable[None]:
        """Destroy the copy and its snapshots; it must not be mounted (Busy). Idempotent.

        Its asides stay.
        """

    def resize(dataset_id: DatasetId, maximum_size: int | None) -> Awaitable[None]:
        """Set the limit in bytes; None lifts it. Idempotent."""

    def mount(dataset_id: DatasetId) -> Awaitable[None]:
        """Mount the copy, writable, at `path`; LeaseError unless it is primary or on probation.

        A dead mount there is removed, and files there are set aside; InUse when something else is
        mounted there. Idempotent.
        """

    def prepare_mountpoint(dataset_id: DatasetId) -> Awaitable[None]:
        """Make an empty mountpoint for a later `mount`; InUse when something is mounted there.

        The copy need not exist yet. No effect when it is mounted.
        """

    def unmount(dataset_id: DatasetId) -> Awaitable[None]:
        """Unmount the copy, and make sure that no process of this machine still has it mounted.

        Raises InUse when a known process uses it, otherwise Busy; it stays mounted then.
        Idempotent.
        """

    def holders(dataset_id: DatasetId) -> Awaitable[tuple[Holder, ...]]:
        """The processes of this machine that use the mounted copy, including our containers."""

    def mount_statuses() -> Awaitable[PMap[DatasetId, MountStatus]]:
        """The state of each mountpoint where something is mounted, even if the storage is away."""

    def seen() -> Awaitable[Mapping[str, frozenset[DatasetId]]]:
        """The copies whose present mount each running container sees, by Docker's container id.

        A container may have an older mount, which died or whose pool was exported: that copy is
        not among its copies.
        """

    def watch(changed: Callable[[], None]) -> Awaitable[None]:
        """Call `changed()` soon after other software mounts or unmounts, or a mount dies.

        It goes on until it is cancelled.
        """

    def set_lease(dataset_id: DatasetId, lease: Lease) -> Awaitable[None]:
        """Replace the lease, atomically and durably."""

    def set_membership(dataset_id: DatasetId, membership: Membership | None) -> Awaitable[None]:
        """Replace the membership beside the lease, atomically and durably; None removes it."""

    def properties(dataset_id: DatasetId) -> Awaitable[Properties]:
        """The properties of a copy that a move takes along; NotFound without a copy.

        Streams do not carry them. They include those that `set_properties` could not set here, and
        the properties that users set here.
        """

    def set_properties(dataset_id: DatasetId, properties: Properties) -> Awaitable[tuple[str, ...]]:
        """Set these properties, and reset those that are None; returns what failed, in words.

        `properties` still returns a value that failed, until it is set or reset. All of them must
        be properties that may travel. NotFound when there is no copy. Idempotent.
        """

    def snapshot(dataset_id: DatasetId, name: str) -> Awaitable[Snapshot]:
        """Take a snapshot; Conflict when the name is in use.

        It has all that was fsynced, also before a power loss, whether or not it was mounted since.
        """

    def snapshot_all(
        names: Mapping[DatasetId, str],
    ) -> Awaitable[Mapping[DatasetId, Snapshot]]:
        """Take a snapshot of each dataset, by these names, at one instant if this storage can.

        Otherwise one after the other: they are consistent only where nobody writes meanwhile.
        Conflict and NotFound as in `snapshot`; snapshots that were taken before the error stay.
        """

    def destroy_snapshot(dataset_id: DatasetId, name: str) -> Awaitable[None]:
        """Destroy one snapshot; Conflict while an aside needs it. Idempotent."""

    def estimate(
        dataset_id: DatasetId, base: str | None, snapshot: str | None
    ) -> Awaitable[int | None]:
        """The estimated bytes that `send` would write; None when this storage cannot tell.

        Without a `snapshot`, as if one were taken now.
        """

    def held_bytes(dataset_id: DatasetId) -> Awaitable[int | None]:
        """How much the copy's snapshots hold beyond what it needs itself; None if unknown."""

    def send(dataset_id: DatasetId, base: str | None, snapshot: str, fd: int) -> Awaitable[None]:
        """Write the stream from snapshot `base` (None: a full one) to `snapshot` into `fd`.

        The caller closes `fd`.
        """

    def send_rest(dataset_id: DatasetId, resume_token: str, fd: int) -> Awaitable[None]:
        """Write the rest of an interrupted stream into `fd`, from where the receiver's token says.

        Raises Conflict when this node no longer has the snapshots of the stream.
        """

    def receive(dataset_id: DatasetId, fd: int) -> Awaitable[None]:
        """Read a stream from `fd` into the copy; a full stream creates it.

        The copy is not mounted, neither before nor after, nor at the next boot. An increment must
        start at the newest snapshot here, and a full stream needs that no copy exists; otherwise
        Conflict. A stream that ends early raises CommandFailed and leaves the copy unchanged, but
        possibly with a `resume_token`. Then the stream of `send_rest` is received like any other,
        and every other stream is refused (Conflict) until `discard_partial`. An interrupted full
        stream may leave a copy without lease and snapshots, which cannot be mounted. When this is
        cancelled, nothing reads from `fd` once the Deferred has fired.
        """

    def resume_token(dataset_id: DatasetId) -> Awaitable[str | None]:
        """The token with which the sender can resume an interrupted stream; None without one."""

    def discard_partial(dataset_id: DatasetId) -> Awaitable[None]:
        """Discard the part of an interrupted stream, and nothing else. Idempotent."""

    def set_aside(dataset_id: DatasetId, reason: str) -> Awaitable[str]:
        """Rename a diverged copy, so that its place is free; returns the name of the aside."""

    def continue_from(dataset_id: DatasetId, snapshot: str, reason: str) -> Awaitable[str]:
        """Set aside what a copy has after one of its snapshots; returns the name of the aside.

        Then the copy ends with that snapshot, and keeps its lease and limit. After a crash, the
        next look completes this; until then the copy does not count as absent. The snapshot stays
        as long as the aside, which needs it.
        """

    def asides() -> Awaitable[PMap[str, AsideCopy]]:
        """The asides of this node, by name."""

    def destroy_aside(name: str) -> Awaitable[None]:
        """Destroy the aside of that name, and nothing else. Idempotent."""
