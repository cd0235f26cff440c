"""The door to the datasets of a node."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from pyrsistent import PMap
from zope.interface import Interface

from flocker_lite.model.lease import Lease
from flocker_lite.model.membership import Membership
from flocker_lite.model.properties import Properties
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import AsideCopy, Holder, LocalDataset, Place, Snapshot


class IStorage(Interface):
    """The datasets of one node. Only copies that carry a dataset's id as their name are ours."""

    def discover() -> Awaitable[PMap[DatasetId, LocalDataset]]:
        """Every copy that this node has, as a whole."""

    def look(dataset_id: DatasetId) -> Awaitable[LocalDataset | None]:
        """One copy as it is now; None when there is none, LeaseError for one with a trouble."""

    def path(dataset_id: DatasetId) -> str:
        """Where the dataset is, or would be, mounted on this node."""

    def create(dataset_id: DatasetId, maximum_size: int | None, lease: Lease) -> Awaitable[None]:
        """Make an empty dataset, with its lease from the first instant, not mounted.

        Raises Conflict when a copy exists.
        """

    def destroy(dataset_id: DatasetId) -> Awaitable[None]:
        """Destroy the copy and its snapshots; it must not be mounted (Busy). Idempotent.

        What was set aside of it stays.
        """

    def resize(dataset_id: DatasetId, maximum_size: int | None) -> Awaitable[None]:
        """Set the limit in bytes; None lifts it. Idempotent."""

    def mount(dataset_id: DatasetId) -> Awaitable[None]:
        """Mount the copy, writable, at `path`; LeaseError unless it is primary or on probation.

        A dead mount there is taken away, and files are set aside; InUse when something else is
        mounted there. Idempotent.
        """

    def rehearse(dataset_id: DatasetId) -> Awaitable[None]:
        """Make sure that `mount` would find its place empty, and keep it so; InUse when it is not.

        There need be no copy yet. Nothing is done when it is mounted.
        """

    def unmount(dataset_id: DatasetId) -> Awaitable[None]:
        """Unmount it, and make sure that no process of this machine still has it mounted.

        Raises Busy when some process does, and InUse when it is known who; it stays mounted then.
        Idempotent.
        """

    def holders(dataset_id: DatasetId) -> Awaitable[tuple[Holder, ...]]:
        """Who of this machine has something of the mounted copy, containers of ours too."""

    def places() -> Awaitable[PMap[DatasetId, Place]]:
        """What there is at each place that has something mounted, also when ZFS does not answer."""

    def seen() -> Awaitable[Mapping[str, frozenset[DatasetId]]]:
        """For each container that runs, by Docker's id: which copies it has as they are here now.

        That mount of a copy is not among them which died, or whose pool was exported since.
        """

    def watch(changed: Callable[[], None]) -> Awaitable[None]:
        """Call `changed()` soon after others mounted or unmounted something, or something died.

        Until cancelled.
        """

    def set_lease(dataset_id: DatasetId, lease: Lease) -> Awaitable[None]:
        """Replace the lease, atomically and durably."""

    def set_membership(dataset_id: DatasetId, membership: Membership | None) -> Awaitable[None]:
        """Replace what is written beside the lease, atomically and durably; None: remove it."""

    def properties(dataset_id: DatasetId) -> Awaitable[Properties]:
        """Of the properties that may travel, those that are known here; NotFound without a copy.

        A stream does not carry them. What was to be set here and could not be is among them.
        """

    def set_properties(dataset_id: DatasetId, properties: Properties) -> Awaitable[tuple[str, ...]]:
        """Set these, and take back those that are None; returns what cannot be done, in words.

        That is kept for `properties`, until it is set or taken back. All are such as travel.
        NotFound when there is no copy. Idempotent.
        """

    def snapshot(dataset_id: DatasetId, name: str) -> Awaitable[Snapshot]:
        """Take a snapshot; Conflict when the name is in use."""

    def snapshot_all(
        names: Mapping[DatasetId, str],
    ) -> Awaitable[Mapping[DatasetId, Snapshot]]:
        """Take a snapshot of each of these, by these names: all at one instant, if this ZFS can.

        Else one after the other: then they are of one instant only where nobody writes meanwhile.
        Conflict and NotFound as for one; what was taken before that stays.
        """

    def destroy_snapshot(dataset_id: DatasetId, name: str) -> Awaitable[None]:
        """Destroy one snapshot; Conflict while a copy that was set aside needs it. Idempotent."""

    def estimate(
        dataset_id: DatasetId, base: str | None, snapshot: str | None
    ) -> Awaitable[int | None]:
        """About how many bytes `send` would write; None when this storage cannot tell.

        Without a `snapshot`: if one were taken now.
        """

    def send(dataset_id: DatasetId, base: str | None, snapshot: str, fd: int) -> Awaitable[None]:
        """Write the stream from snapshot `base` (or from nothing) to `snapshot` into `fd`.

        `fd` stays open: closing it is the caller's part.
        """

    def send_rest(dataset_id: DatasetId, resume_token: str, fd: int) -> Awaitable[None]:
        """Write what a stream that was cut still lacks into `fd`, as its receiver's token says.

        Raises Conflict when this node has no longer what the stream was made of.
        """

    def receive(dataset_id: DatasetId, fd: int) -> Awaitable[None]:
        """Read a stream from `fd` into the copy, creating it when it is a full one.

        The copy is not mounted, before or after, and never at the next boot. An increment must
        start at the newest snapshot here (Conflict), a full stream needs that there is no copy
        (Conflict). A stream that ends early raises CommandFailed and changes nothing, but that
        there may be a `resume_token` then: what `send_rest` writes is received like any stream,
        and any other is refused (Conflict) until `discard_partial`. Of a full stream that was cut
        there may be a copy without lease and snapshots, which cannot be mounted. When this is
        cancelled, nothing reads from `fd` any more once the cancellation has arrived.
        """

    def resume_token(dataset_id: DatasetId) -> Awaitable[str | None]:
        """What lets the sender of a stream that was cut go on with it; None when there is none."""

    def discard_partial(dataset_id: DatasetId) -> Awaitable[None]:
        """Throw away what a stream that was cut left, and nothing else. Idempotent."""

    def set_aside(dataset_id: DatasetId, reason: str) -> Awaitable[str]:
        """Keep a copy that diverged under another name, which is returned; its place is free."""

    def continue_from(dataset_id: DatasetId, snapshot: str, reason: str) -> Awaitable[str]:
        """Keep what a copy has after one of its snapshots under another name, which is returned.

        The copy ends with that snapshot then, and has the lease and the limit that it had. What
        was cut off in between is brought to its end by the next look: until then the copy is not
        taken for absent. The snapshot stays as long as what was set aside, which needs it.
        """

    def asides() -> Awaitable[PMap[str, AsideCopy]]:
        """What was set aside on this node, by its name."""

    def destroy_aside(name: str) -> Awaitable[None]:
        """Destroy what was set aside under that name, and nothing else. Idempotent."""
