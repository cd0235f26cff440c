"""What there is: the records that agents report and that the control service never stores."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeAlias

from pyrsistent import PMap, pmap

from flocker_lite.model.accounts import MoveState as MoveState
from flocker_lite.model.accounts import Round as Round
from flocker_lite.model.accounts import Step as Step
from flocker_lite.model.asides import AsideCopy as AsideCopy
from flocker_lite.model.asides import AsideState as AsideState
from flocker_lite.model.grants import Signed
from flocker_lite.model.lease import Lease
from flocker_lite.model.listeners import Listener as Listener
from flocker_lite.model.membership import Membership
from flocker_lite.model.places import Holder as Holder
from flocker_lite.model.places import Place as Place
from flocker_lite.model.records import (
    Container,
    Dataset,
    DatasetId,
    Ended,
    Grant,
    Image,
    Move,
    NodeId,
    SshKeys,
)

POISED = "poised"
PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot of a dataset; its identity is the guid, which is the same on every node."""

    name: str
    guid: str


@dataclass(frozen=True, slots=True)
class LocalDataset:
    """A node's copy of a dataset.

    `lease` is None for a copy whose first receive was cut off, and for one whose lease cannot be
    read: then `trouble` says so, and nothing may be done with it. `path` is where it is, or would
    be, mounted. `maximum_size` is in bytes. `snapshots` are oldest first. `membership` is of which
    handoff of a group it is, or was, a part. For the rest see `Place`.
    """

    dataset_id: DatasetId
    lease: Lease | None
    mounted: bool
    path: str
    maximum_size: int | None = None
    snapshots: tuple[Snapshot, ...] = ()
    trouble: str | None = None
    membership: Membership | None = None
    is_dead: bool = False
    obstacle: str | None = None
    warning: str | None = None

    def at(self, place: Place) -> LocalDataset:
        """The copy, as it is at its place."""
        return replace(
            self,
            mounted=place.is_mounted,
            is_dead=place.is_dead,
            obstacle=place.obstacle,
            warning=place.warning,
        )


@dataclass(frozen=True, slots=True)
class End:
    """How the last run of a container ended.

    `finished_at` is in seconds since 1970 by Docker's clock. `by_itself` is False when it went
    down together with Docker or with the node.
    """

    exit_code: int
    finished_at: float
    ran_seconds: float
    by_itself: bool = True


@dataclass(frozen=True, slots=True)
class LocalContainer:
    """A container of ours as Docker has it.

    `container` is the configuration that it was made from. `status` is Docker's word: "created",
    "running", "paused", "exited", ..., or "poised": started, and its program waits to be let go.
    `instance` tells it from others of the same name, earlier or later, and `run` tells the runs of
    one that is poisable apart. `stays_behind` are the paths in it that are volumes of Docker's, and
    not in its datasets: they do not come along when it moves. One that does not `starts_early` is
    not to be poised before its data is there: Docker would make directories on the node's own disk
    where that is to be mounted. `image_id` is Docker's, of what it was made from.
    """

    container: Container
    status: str
    instance: str = ""
    end: End | None = None
    poisable: bool = False
    starts_early: bool = True
    run: str = ""
    stays_behind: tuple[str, ...] = ()
    image_id: str = ""

    @property
    def running(self) -> bool:
        return self.status == "running"

    @property
    def poised(self) -> bool:
        return self.status == POISED

    @property
    def paused(self) -> bool:
        return self.status == PAUSED

    @property
    def has_processes(self) -> bool:
        return self.status in ("running", POISED, PAUSED)

    @property
    def has_begun(self) -> bool:
        """Whether its program is there: it may write to its data, and has its ports."""
        return self.running or self.paused


@dataclass(frozen=True, slots=True)
class KeptVolume:
    """A volume of Docker's that a container had at `path`, and that is kept for its return.

    `volume` is what Docker calls it; `since` is in seconds since 1970.
    """

    container: str
    path: str
    volume: str
    since: float


@dataclass(frozen=True, slots=True)
class Kept:
    """All that a node keeps for one container, by the container's name in the API."""

    volumes: tuple[KeptVolume, ...]


@dataclass(frozen=True, slots=True)
class Ending:
    """What a node remembers of the runs of one container that ended by themselves.

    `instance` and `finished_at` tell the last of them. `times` counts all, `in_a_row` the latest
    ones that were short. `configuration` is the digest of what the container was made of; "" or
    "?" where that it ended counts for this instance alone.
    """

    instance: str
    finished_at: float
    times: int = 1
    in_a_row: int = 0
    exit_code: int = 0
    configuration: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who sent what a node has of a dataset: `node_id`, as its primary of `epoch`."""

    node_id: NodeId
    epoch: int


@dataclass(frozen=True, slots=True)
class ImagePull:
    """How far the pull of an image is; the total grows as Docker learns the sizes of layers."""

    done_bytes: int = 0
    total_bytes: int = 0
    layers_done: int = 0
    layers: int = 0


@dataclass(frozen=True, slots=True)
class Route:
    """TCP connections to `port` of any node go to the node at `address`, which runs `container`."""

    port: int
    address: str
    container: str


@dataclass(frozen=True, slots=True)
class Held:
    """New TCP connections to `port` of this node wait at its own port `listener`.

    They are for `container`, which cannot serve them now: it is on its way.
    """

    port: int
    listener: int
    container: str


@dataclass(frozen=True, slots=True)
class Relayed:
    """New TCP connections to `port` of this node, over this version of IP, are at `listener`.

    The node that runs `container` is known by an address of the other version, which the kernel
    cannot lead them to: a process of this node passes them on.
    """

    port: int
    listener: int
    container: str
    version: int


Rule: TypeAlias = Route | Held | Relayed
"""What becomes of new connections to an external port of this node."""


@dataclass(frozen=True, slots=True)
class PortState:
    """What an agent reports of an external port at its own node.

    How many connections it holds now, has held, and has refused, the latter two since the agent
    started. `error` says why connections that come to this node do not get to the container.
    """

    held: int = 0
    held_total: int = 0
    refused_total: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class DatasetState:
    """What an agent reports of one dataset.

    `error` is the last thing that went wrong with it here, in words, until it works again.
    `next_try_at` is when it is tried again, in seconds since 1970.
    `proof` has the signed statements by which it came here, and went on from here. `warning` is
    something that a user should look at, and that keeps nothing from working.
    `proof` has the signed statements by which it came here, and went on from here.
    `base` is the guid of the snapshot that an increment to a replica starts from.
    """

    dataset_id: DatasetId
    lease: Lease | None
    mounted: bool = False
    path: str | None = None
    maximum_size: int | None = None
    error: str | None = None
    proof: tuple[Signed, ...] = ()
    next_try_at: float | None = None
    warning: str | None = None
    base: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A node reports that it holds a dataset as of `epoch`, which nobody can verify; with why."""

    node_id: NodeId
    epoch: int
    reason: str


@dataclass(frozen=True, slots=True)
class ContainerState:
    """What an agent reports of one container; `container` is what it was made from.

    `restarts` counts how often it was started again after it had ended by itself. `exit_code` is
    that of the last run, when it ended by itself and is over. `pull` is there while its image
    comes.
    `serving` says that it runs and that what comes for it may be led to it. One that is `paused`
    has processes, and neither runs nor ended. `stays_behind` are the paths that do not come along
    when it moves: see `LocalContainer`.
    `next_try_at` is when what failed with it is tried again, or when it is started again, in
    seconds since 1970. `ended` is there when it is not to be run
    again.
    """

    container: Container
    running: bool
    error: str | None = None
    restarts: int = 0
    exit_code: int | None = None
    pull: ImagePull | None = None
    serving: bool = False
    paused: bool = False
    stays_behind: tuple[str, ...] = ()
    next_try_at: float | None = None
    ended: Ended | None = None


@dataclass(frozen=True, slots=True)
class ImageState:
    """What an agent reports of an image that it should have in advance."""

    image: str
    present: bool
    error: str | None = None
    pull: ImagePull | None = None
    next_try_at: float | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a move would be like if it began now, as its source can tell.

    `expected_bytes` is what the push would send, None when this storage cannot tell.
    `is_incremental` says that the destination has a copy that only has to be caught up.
    `pause_seconds` is None until a container of this name was moved once. `warning` says in words
    what stands in the way.
    """

    expected_bytes: int | None = None
    is_incremental: bool = False
    push_seconds: float | None = None
    pause_seconds: float | None = None
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class NodeState:
    """All that one agent reports; of ports, those of which there is something to say.

    `kept` are the volumes of Docker's of containers that are not there, by the container's name.
    `set_aside` is what was set aside of copies, by its name on this node.
    """

    datasets: PMap[DatasetId, DatasetState] = field(default_factory=pmap)
    containers: PMap[str, ContainerState] = field(default_factory=pmap)
    moves: PMap[DatasetId, MoveState] = field(default_factory=pmap)
    images: PMap[str, ImageState] = field(default_factory=pmap)
    ports: PMap[str, PortState] = field(default_factory=pmap)
    kept: PMap[str, Kept] = field(default_factory=pmap)
    set_aside: PMap[str, AsideState] = field(default_factory=pmap)


@dataclass(frozen=True, slots=True)
class WantedDataset:
    """What a node is told of a dataset that concerns it.

    `holders` are the leases that the other nodes last reported for their copies. `addresses` has
    the address of each node that is named here. `move` is the one that is to bring it to where it
    is wanted, while that goes on; `pause_costs` are the steps of the last pause of this container
    that take as long whatever is sent, by their names, in seconds, and `stop_seconds` is how
    long it then took to send what it wrote here because it was stopped. `signed` is the grant of
    this node's own, which it is to keep beside its copy. `bases` has the guid that the copy of
    each other node, as far as it was heard of, ends with.
    """

    dataset: Dataset
    grant: Grant
    holders: PMap[NodeId, Lease] = field(default_factory=pmap)
    addresses: PMap[NodeId, str] = field(default_factory=pmap)
    move: Move | None = None
    pause_costs: PMap[str, float] = field(default_factory=pmap)
    stop_seconds: float = 0.0
    signed: Signed | None = None
    bases: PMap[NodeId, str] = field(default_factory=pmap)


@dataclass(frozen=True, slots=True)
class NodeView:
    """What one node is told: all that concerns it, and nothing else.

    `routes` are keyed by port. `serving` has the one node at which each container is seen to serve.
    `peers` has the ssh keys of the other nodes that its datasets name. `deleted` names those
    containers for which the node reports that it keeps volumes, and which the user deleted.
    `discards` names what is set aside here and to be destroyed.
    """

    datasets: PMap[DatasetId, WantedDataset] = field(default_factory=pmap)
    containers: PMap[str, Container] = field(default_factory=pmap)
    routes: PMap[str, Route] = field(default_factory=pmap)
    serving: PMap[str, NodeId] = field(default_factory=pmap)
    images: PMap[str, Image] = field(default_factory=pmap)
    peers: PMap[NodeId, SshKeys] = field(default_factory=pmap)
    deleted: PMap[str, bool] = field(default_factory=pmap)
    discards: PMap[str, bool] = field(default_factory=pmap)
