"""The interfaces to the world. Each has a real and an in-memory implementation, and one contract.

Methods return awaitables, and raise the errors of `errors`. Paths, sizes and names in arguments are
validated already. "Idempotent" means: calling it again succeeds and changes nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from pyrsistent import PMap
from zope.interface import Attribute, Interface

from flocker_lite.interfaces.adoption_notes import IAdoptionNotes as IAdoptionNotes
from flocker_lite.interfaces.checks import ICheck as ICheck
from flocker_lite.interfaces.copy_notes import ICopyNotes as ICopyNotes
from flocker_lite.interfaces.directories import IDirectories as IDirectories
from flocker_lite.interfaces.fence import ArmedDeadline as ArmedDeadline
from flocker_lite.interfaces.fence import IDeadlineFence as IDeadlineFence
from flocker_lite.interfaces.fence import IFence as IFence
from flocker_lite.interfaces.foreign import IForeignContainers as IForeignContainers
from flocker_lite.interfaces.grants import IProofs as IProofs
from flocker_lite.interfaces.grants import ISigner as ISigner
from flocker_lite.interfaces.instruments import Instruments as Instruments
from flocker_lite.interfaces.output import IOutput as IOutput
from flocker_lite.interfaces.peer_requests import PeerCopy as PeerCopy
from flocker_lite.interfaces.peer_requests import Released as Released
from flocker_lite.interfaces.peer_requests import TrialDataset as TrialDataset
from flocker_lite.interfaces.peers import IPeer as IPeer
from flocker_lite.interfaces.peers import IPeers as IPeers
from flocker_lite.interfaces.peers import IPeerService as IPeerService
from flocker_lite.interfaces.peers import IReceiving as IReceiving
from flocker_lite.interfaces.storage import IStorage as IStorage
from flocker_lite.interfaces.store import IStore as IStore
from flocker_lite.interfaces.usage import IUsage as IUsage
from flocker_lite.interfaces.volumes import IVolumeRecords as IVolumeRecords
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.machine import Machine
from flocker_lite.model.records import Container, DatasetId, Registry
from flocker_lite.model.state import (
    ImagePull,
    KeptVolume,
    Listener,
    LocalContainer,
    RestartHistory,
    Rule,
)


@dataclass(frozen=True, slots=True)
class Stopped:
    """The result of a stop: whether the container `ran`, and whether it had to be `killed`."""

    ran: bool
    killed: bool = False


@dataclass(frozen=True, slots=True)
class Executed:
    """A command that was run in a container; `exit_code` is None if it did not end in time.

    `output` is the end of what it wrote on both streams.
    """

    exit_code: int | None
    output: str = ""


class IMachine(Interface):
    """The machine of one node."""

    def look() -> Awaitable[Machine]:
        """The machine as it is now."""


NO_SECRETS: Mapping[str, bytes] = {}


class IContainers(Interface):
    """The containers that flocker_lite made on one node; it never sees or touches others."""

    def discover() -> Awaitable[PMap[str, LocalContainer]]:
        """All containers of ours, by their names in the API."""

    def look(name: str) -> Awaitable[LocalContainer | None]:
        """One container as it is now; None when it does not exist."""

    def gone() -> Awaitable[PMap[str, LocalContainer]]:
        """The containers that ended by themselves and that a user then removed, as they were.

        A container that `discover` or `look` no longer finds is here by the time that call returns.
        Containers that we stopped are not here, nor are those that were removed by force while they
        ran. An entry stays until a container of its name is prepared again.
        """

    def has_image(image: str) -> Awaitable[bool]:
        """Whether the image is on this node."""

    def image(image: str) -> Awaitable[ExactImage | None]:
        """The exact image of a name, digest or id on this node; None when it is not here."""

    def pull(
        image: str,
        progress: Callable[[ImagePull], None],
        login: Registry | None = None,
        platform: str | None = None,
    ) -> Awaitable[None]:
        """Pull the image, unless it is here already, for that platform if one is given.

        `progress` is called now and then meanwhile. Without a `login` for its registry, it is done
        with what the node itself knows. Raises ImageError, with what to do about it, when the pull
        fails, or when there is no such image for the `platform`, such as "linux/arm64/v8".
        """

    def prepare(
        container: Container,
        binds: Mapping[DatasetId, str],
        address: str,
        image_id: str | None = None,
        secrets: Mapping[str, bytes] = NO_SECRETS,
    ) -> Awaitable[None]:
        """Create the container without starting it; ImageError unless its image is here.

        `binds` has the mountpoint of each volume's dataset; links use this node's `address`. The
        container is created from the image `image_id`, or from its tag when that is None. `secrets`
        are the values of those that it gets, by name; none by default. A stopped
        container of the same name but another configuration is replaced; a running one raises
        ContainerError. Idempotent.
        """

    def prestart(name: str) -> Awaitable[None]:
        """Start a prepared container that can wait; its program waits at the start gate.

        `start` opens the gate. Its datasets need not be mounted yet: they appear inside the
        container when they are. Idempotent.
        """

    def start(name: str) -> Awaitable[None]:
        """Start a prepared container. Idempotent."""

    def answers(name: str, timeout_seconds: float) -> Awaitable[str | None]:
        """Wait until the container serves, at most that long; returns None, or why it does not.

        A container with a health check serves once that succeeds, and has its
        `start_period_seconds` for it. Without one, it serves once it accepts connections at all of
        its ports. A container that does not run is not waited for. Raises ContainerError when
        nobody can tell.
        """

    def probe(name: str) -> Awaitable[str | None]:
        """Try the container's health check once; returns None, or why it is not healthy.

        Raises ContainerError when nobody can tell: Docker does not answer, or the container does
        not run, or somebody paused it. One without a health check is healthy.
        """

    def execute(name: str, command: tuple[str, ...], timeout_seconds: float) -> Awaitable[Executed]:
        """Run a command inside a running container, as its user or the image's.

        A command that takes longer is killed. Raises ContainerError when it cannot be started: the
        container does not run, or has no such program.
        """

    def connections(name: str) -> Awaitable[int]:
        """How many TCP connections are open at the container's published ports; 0 if it is not up.

        Counts those that its program has not accepted yet.
        """

    def stop(
        name: str, timeout_seconds: float | None = None, is_exit: bool = True
    ) -> Awaitable[Stopped]:
        """Stop the container, with SIGKILL after the time-out; then its processes are gone.

        None stands for the `stop_timeout_seconds` that it was made with. Such an end counts as an
        exit by itself, unless `is_exit` is false; that holds even if this agent dies meanwhile.

        Idempotent, also when there is no such container.
        """

    def remove(name: str) -> Awaitable[None]:
        """Remove the container, stopped or running. Idempotent.

        The volumes of its image, outside its datasets, are kept if its program ever ran: the next
        container of this name gets them again, at the same paths. The rest of its file system is
        gone.
        """

    def kept() -> Awaitable[tuple[KeptVolume, ...]]:
        """The Docker volumes that are kept for containers that are not here."""

    def remove_kept(name: str) -> Awaitable[None]:
        """Remove the kept volumes of a container for good; it must not be here. Idempotent."""

    def output(name: str, lines: int, follow: bool) -> Awaitable[IOutput]:
        """What a container writes on both streams: the last lines, and with `follow` what comes.

        Also of one that has ended, for as long as it is not removed. NotFound when there is none,
        ContainerError when Docker cannot read what it wrote.
        """

    def called(instance: str) -> Awaitable[str | None]:
        """The name in Docker of any container, ours or not; None when it does not exist."""

    def watch(changed: Callable[[str], None]) -> Awaitable[None]:
        """Call `changed(name)` whenever a container of ours starts or ends, until cancelled."""


@dataclass(frozen=True, slots=True)
class StorageBackend:
    """What a storage backend gives to an agent; `checks` are for who asks what is wrong with it."""

    storage: IStorage
    fence: IFence
    deadline_fence: IDeadlineFence
    checks: tuple[ICheck, ...] = ()


class IRestartHistory(Interface):
    """Remembers, over reboots too, which containers of this node ended by themselves."""

    remembered: PMap[str, RestartHistory] = Attribute("By the container's name in the API.")

    def remember(histories: PMap[str, RestartHistory]) -> Awaitable[None]:
        """Replace all histories by these, durably."""


class IRouting(Interface):
    """The rules for new connections to external ports of containers that do not run here."""

    def discover() -> Awaitable[frozenset[Rule]]:
        """The rules that are in force on this node now."""

    def replace(rules: frozenset[Rule]) -> Awaitable[None]:
        """Replace our rules by these, atomically. Idempotent."""

    def forget(ports: frozenset[int]) -> Awaitable[None]:
        """Have the next datagrams to these UDP ports follow the rules of now.

        The kernel remembers for a while where the first datagram between two ends went, and sends
        the later ones there too.
        """


class IHosts(Interface):
    """By which names the containers of this node that have networks find those of other nodes."""

    def discover() -> Awaitable[PMap[str, tuple[str, ...]]]:
        """The names that lead to this node's own address, by container."""

    def lead(names: PMap[str, tuple[str, ...]]) -> Awaitable[None]:
        """Have exactly these names lead there, in each of these containers. Idempotent.

        A container that runs finds them at once. One that is not there is left out.
        """


class IListeners(Interface):
    """Which ports of this node other software uses."""

    def discover() -> Awaitable[PMap[str, Listener]]:
        """The listener at each port, at any address, without those of this process.

        The ports are called "8080" (TCP) or "53/udp".
        """
