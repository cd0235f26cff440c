"""Every door to the world: each has one real implementation and one in memory, one contract.

Methods return awaitables; what they raise is in `errors`. A path, size or name in an argument is
already validated. "Idempotent" means: doing it again when it is done succeeds and changes nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from pyrsistent import PMap
from zope.interface import Attribute, Interface

from flocker_lite.interfaces.grants import IProofs as IProofs
from flocker_lite.interfaces.grants import ISeal as ISeal
from flocker_lite.interfaces.storage import IStorage as IStorage
from flocker_lite.interfaces.store import IStore as IStore
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.grants import Signed
from flocker_lite.model.lease import Lease
from flocker_lite.model.properties import Properties
from flocker_lite.model.records import Container, DatasetId, NodeId
from flocker_lite.model.state import (
    Ending,
    ImagePull,
    KeptVolume,
    Listener,
    LocalContainer,
    Rule,
    Snapshot,
)


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a stop came to: whether anything `ran`, and whether it had to be `killed` in the end."""

    ran: bool
    killed: bool = False


class IContainers(Interface):
    """The containers of one node that flocker_lite made; all others are invisible and untouched."""

    def discover() -> Awaitable[PMap[str, LocalContainer]]:
        """Every container of ours, by its name in the API, as a whole."""

    def look(name: str) -> Awaitable[LocalContainer | None]:
        """One container as it is now; None when there is none."""

    def has_image(image: str) -> Awaitable[bool]:
        """Whether an image is here."""

    def image(image: str) -> Awaitable[ExactImage | None]:
        """What an image, by its name, digest or id, is here; None when it is not here."""

    def pull(image: str, progress: Callable[[ImagePull], None]) -> Awaitable[None]:
        """Have the image here; one that is here is not looked for anew.

        `progress` is called now and then meanwhile. ImageError, with what to do about it, when the
        image is not to be had.
        """

    def prepare(
        container: Container,
        binds: Mapping[DatasetId, str],
        address: str,
        image_id: str | None = None,
    ) -> Awaitable[None]:
        """Have it created and not started; ImageError unless its image is here.

        `binds` says where on this node each volume's dataset is mounted; `address` is this node's
        own, which links lead to; `image_id` is the image to make it from, None for what its tag
        means here. One of the same name that is stopped and was made from another
        configuration is replaced; a running one raises ContainerError. Idempotent.
        """

    def poise(name: str) -> Awaitable[None]:
        """Start a prepared container that is poisable, with its program held back until `start`.

        Its datasets need not be mounted yet: they appear inside when they are. Idempotent.
        """

    def start(name: str) -> Awaitable[None]:
        """Start a prepared container. Idempotent."""

    def answers(name: str, timeout_seconds: float) -> Awaitable[str | None]:
        """Wait until it serves, at most that long; None as soon as it does, else why not, in words.

        With a health check it serves once that succeeds, and is waited for no longer than its
        `start_period_seconds`; without one, once it accepts connections at all of its ports. One
        that does not run (any more) is not waited for. ContainerError when that cannot be told.
        """

    def stop(name: str, timeout_seconds: float) -> Awaitable[Stopped]:
        """Stop it, with SIGKILL after the time-out; when this returns its processes are gone.

        Idempotent, also when there is no such container.
        """

    def remove(name: str) -> Awaitable[None]:
        """Remove it, stopped or running. Idempotent.

        Volumes that its image asked for, outside of its datasets, are kept once its program ran:
        the next container of this name that is prepared has them again, at the same paths. What
        it wrote anywhere else in its own file system is gone.
        """

    def kept() -> Awaitable[tuple[KeptVolume, ...]]:
        """The volumes of Docker's that are kept for containers that are not here."""

    def remove_kept(name: str) -> Awaitable[None]:
        """Remove what is kept for the container, for good; it must not be here. Idempotent."""

    def called(instance: str) -> Awaitable[str | None]:
        """What Docker calls a container, whoever made it; None when there is none."""

    def watch(changed: Callable[[str], None]) -> Awaitable[None]:
        """Call `changed(name)` whenever a container of ours starts or ends, until cancelled."""


class IFence(Interface):
    """Ends loans on this node, also when the agent is dead: it is not a part of its process.

    It ends them as well when a part of itself is killed: nothing is on trial without it.
    """

    lost: Callable[[str], None] = Attribute(
        "Called with the name of a container that is being ended, its time over or not."
    )

    def arm(container: str, dataset_ids: frozenset[DatasetId], seconds: float) -> Awaitable[None]:
        """In so many seconds from now on, by a clock that never jumps, end what is on probation.

        What it was told to `guard` is killed then, at once and whatever a lease says. After that
        all processes of containers that have one of these datasets mounted are killed, and it is
        unmounted, unless its lease says something else than probation. Armed again, it counts anew.
        """

    def guard(container: str, instance: str) -> Awaitable[None]:
        """This instance of the container is killed at the end; to be called before it may write.

        Its end is then none by itself, so it is started again where it has become this node's own.
        Raises FlockerError when no fence of the container counts.
        """

    def disarm(container: str) -> Awaitable[None]:
        """There is nothing to end any more. Idempotent."""


class IEndings(Interface):
    """What this node remembers, over reboots too, of containers that ended by themselves."""

    remembered: PMap[str, Ending] = Attribute("By the container's name in the API.")

    def remember(endings: PMap[str, Ending]) -> Awaitable[None]:
        """Remember these alone, durably when this returns."""


class IRouting(Interface):
    """What becomes of new connections to external ports of containers that do not run here."""

    def discover() -> Awaitable[frozenset[Rule]]:
        """What is in force on this node now."""

    def replace(rules: frozenset[Rule]) -> Awaitable[None]:
        """Put these, and no others of ours, in force, all at one instant. Idempotent."""


class IListeners(Interface):
    """Which TCP ports of this node other software has."""

    def discover() -> Awaitable[PMap[int, Listener]]:
        """Who listens at each port, at whatever address; this very process does not count."""


@dataclass(frozen=True, slots=True)
class PeerCopy:
    """What another node has of a dataset, up to the newest snapshot of its copy.

    With a `resume_token` there is a part of a stream as well, which can be gone on with.
    `snapshots` are oldest first, as many as `increments.told` says; None when its agent is of a
    release that tells of the newest alone.
    """

    exists: bool
    lease: Lease | None = None
    newest: Snapshot | None = None
    resume_token: str | None = None
    snapshots: tuple[Snapshot, ...] | None = None


@dataclass(frozen=True, slots=True)
class Released:
    """A dataset that was released for ever as of `epoch`; `guid` is that of its last snapshot.

    `proof` is what shows that, if its releaser signs.
    """

    dataset_id: DatasetId
    epoch: int
    guid: str
    proof: tuple[Signed, ...] = ()


@dataclass(frozen=True, slots=True)
class Lent:
    """A dataset that is lent for a trial as of `epoch`; `guid` is that of its last snapshot."""

    dataset_id: DatasetId
    epoch: int
    guid: str


class IReceiving(Interface):
    """A receive that waits at another node for its stream."""

    def fileno() -> int:
        """Where to write the stream."""

    def finish() -> Awaitable[None]:
        """Say that the stream is complete and wait until it is received; raises what went wrong.

        Raises PeerUnreachable when it stood still for too long, now or before.
        """

    def stall_after(seconds: float) -> None:
        """From now on, give up as soon as nothing moved for so long."""

    def sent_bytes() -> int:
        """How many bytes went through so far."""

    def limit(bytes_per_second: int | None) -> None:
        """Let no more than this through from now on, also of what is under way; None lifts it."""

    def abort() -> None:
        """Give up; the receiving end drops what it has. No effect once it is finished."""


class IPeer(Interface):
    """The agent of another node, as one that has data for it speaks to it."""

    def copy(dataset_id: DatasetId) -> Awaitable[PeerCopy]:
        """What it has of the dataset."""

    def receive(
        dataset_id: DatasetId, epoch: int, base_guid: str | None, resumes: bool = False
    ) -> Awaitable[IReceiving]:
        """Have it wait for a stream from the snapshot `base_guid` (None: a full one).

        `epoch` is the sender's own as primary. With `resumes` the stream will go on with one that
        was cut; else what such a one left is thrown away. A stream that is being received for the
        dataset ends. Raises PeerRefused when it must not receive that.
        """

    def prepared(
        name: str, image: ExactImage | None = None, has_ended: bool = False
    ) -> Awaitable[None]:
        """Wait until it has created the container, ready to be started, from this very image.

        One that `has_ended` for good is not started there: wait until that is known there.

        None lets it take what the tag means there. Raises PeerRefused when it cannot, an image
        that is not to be had, say.
        """

    def set_aside(dataset_id: DatasetId, base_guid: str | None = None) -> Awaitable[None]:
        """Have it keep its diverged replica under another name.

        With a `base_guid` what came before and with that snapshot goes on, if its agent knows how.
        """

    def prune(dataset_id: DatasetId, keep_guids: frozenset[str]) -> Awaitable[None]:
        """Have it destroy the snapshots that pushes made there, other than these."""

    def set_properties(dataset_id: DatasetId, properties: Properties) -> Awaitable[tuple[str, ...]]:
        """Have its replica have these; returns what was not done of it, in words.

        Raises NotUnderstood when its agent is of a release that knows of none.
        """

    def acquire(
        dataset_id: DatasetId, epoch: int, guid: str, proof: tuple[Signed, ...] = ()
    ) -> Awaitable[None]:
        """Have it become primary of `epoch`, with the snapshot `guid` as its newest. Idempotent.

        It keeps the `proof` that the dataset was released to it, if its release knows such.
        """

    def acquire_group(coordinator: DatasetId, items: tuple[Released, ...]) -> Awaitable[None]:
        """Have it become primary of all of these, as one: see `model.membership`. Idempotent.

        The coordinator is one of them. An agent of a release that knows no groups is asked for one
        after the other, the coordinator first.
        """

    def offer_loan(
        container: str, dataset_ids: tuple[DatasetId, ...], seconds: float
    ) -> Awaitable[None]:
        """Have it ask for the loan of these, counted from now on; again: anew."""

    def lend(container: str, lent: tuple[Lent, ...]) -> Awaitable[None]:
        """Have it run the container on trial, with what it asked for; returns once it is healthy.

        Raises PeerRefused, with why, once everything is given back.
        """

    def recall(dataset_ids: tuple[DatasetId, ...]) -> Awaitable[None]:
        """Have it give back what it has on trial; returns once it writes to none of them."""

    def serving(name: str) -> Awaitable[None]:
        """Wait until the container serves connections to that node.

        Raises PeerRefused when it does not in the time that it is given.
        """

    def close() -> None:
        """Hang up."""


class IPeers(Interface):
    """The way to other nodes' agents."""

    def connect(node_id: NodeId, address: str) -> Awaitable[IPeer]:
        """Reach the agent of the node; PeerUnreachable when it cannot be."""


class IGate(Interface):
    """What a node lets the agents of other nodes ask of it; all raise PeerRefused with the reason.

    The methods mirror those of `IPeer`; `receive` reads the stream from a descriptor of ours.
    """

    def copy(dataset_id: DatasetId) -> Awaitable[PeerCopy]:
        """What this node has of the dataset."""

    def may_receive(
        dataset_id: DatasetId, epoch: int, base_guid: str | None, resumes: bool = False
    ) -> Awaitable[None]:
        """Whether a stream that starts at `base_guid` would continue a replica here.

        Makes room for it: see `IPeer.receive`.
        """

    def receive(dataset_id: DatasetId, epoch: int, fd: int) -> Awaitable[None]:
        """Receive the stream, and note the sender's epoch on the replica."""

    def prepared(
        name: str, image: ExactImage | None = None, has_ended: bool = False
    ) -> Awaitable[None]:
        """Wait until the container is created here, ready to be started; see `IPeer.prepared`."""

    def set_aside(dataset_id: DatasetId, base_guid: str | None = None) -> Awaitable[None]:
        """Keep a replica that diverged, or what it has after a snapshot, under another name."""

    def prune(dataset_id: DatasetId, keep_guids: frozenset[str]) -> Awaitable[None]:
        """Destroy the snapshots that pushes made here, other than these."""

    def set_properties(dataset_id: DatasetId, properties: Properties) -> Awaitable[tuple[str, ...]]:
        """Have the replica here have those of these that travel; returns what was not done."""

    def acquire(
        dataset_id: DatasetId, epoch: int, guid: str, proof: tuple[Signed, ...] = ()
    ) -> Awaitable[None]:
        """Become primary of `epoch`, which the sender has released for ever.

        The `proof` of that is on disk before.
        """

    def acquire_group(coordinator: DatasetId, items: tuple[Released, ...]) -> Awaitable[None]:
        """Become primary of all of these, as one: all of them were released for ever."""

    def offer_loan(
        container: str, dataset_ids: tuple[DatasetId, ...], seconds: float
    ) -> Awaitable[None]:
        """Ask for the loan of these: it is counted from now on."""

    def lend(container: str, lent: tuple[Lent, ...]) -> Awaitable[None]:
        """Run the container on trial until it is healthy, else give everything back."""

    def recall(dataset_ids: tuple[DatasetId, ...]) -> Awaitable[None]:
        """Give back what is on trial here."""

    def serving(name: str) -> Awaitable[None]:
        """Wait until the container serves connections to this node."""
