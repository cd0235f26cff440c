"""The records that agents report, which the control service never stores."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeAlias

from pyrsistent import PMap, pmap

from flocker_lite.model.adoption import AdoptionState as AdoptionState
from flocker_lite.model.asides import AsideCopy as AsideCopy
from flocker_lite.model.asides import AsideState as AsideState
from flocker_lite.model.container_fields.networks import Networks
from flocker_lite.model.container_fields.ports import TCP, port_key
from flocker_lite.model.container_state import HEALTHY as HEALTHY
from flocker_lite.model.container_state import PAUSED as PAUSED
from flocker_lite.model.container_state import PRESTARTED as PRESTARTED
from flocker_lite.model.container_state import STARTING as STARTING
from flocker_lite.model.container_state import UNHEALTHY as UNHEALTHY
from flocker_lite.model.container_state import ContainerExit as ContainerExit
from flocker_lite.model.container_state import ContainerState as ContainerState
from flocker_lite.model.container_state import ImageHealth as ImageHealth
from flocker_lite.model.container_state import ImagePull as ImagePull
from flocker_lite.model.container_state import Kept as Kept
from flocker_lite.model.container_state import KeptVolume as KeptVolume
from flocker_lite.model.container_state import LocalContainer as LocalContainer
from flocker_lite.model.container_state import RestartHistory as RestartHistory
from flocker_lite.model.container_state import RunTimes as RunTimes
from flocker_lite.model.grants import Signed
from flocker_lite.model.lease import Lease
from flocker_lite.model.listeners import Listener as Listener
from flocker_lite.model.machine import Machine as Machine
from flocker_lite.model.membership import Membership
from flocker_lite.model.mount_status import Holder as Holder
from flocker_lite.model.mount_status import MountStatus as MountStatus
from flocker_lite.model.move_progress import MoveProgress as MoveProgress
from flocker_lite.model.move_progress import Round as Round
from flocker_lite.model.move_progress import Step as Step
from flocker_lite.model.properties import SetProperty
from flocker_lite.model.records import (
    Container,
    Dataset,
    DatasetId,
    Grant,
    Image,
    Move,
    NodeId,
    Registry,
    SshKeys,
)
from flocker_lite.model.replication import Replication as Replication
from flocker_lite.model.snapshot_sets import SnapshotSet as SnapshotSet


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot of a dataset; its guid, which is the same on every node, identifies it."""

    name: str
    guid: str


@dataclass(frozen=True, slots=True)
class LocalDataset:
    """A node's copy of a dataset.

    `lease` is None for a copy whose first receive was cut off. It is None too when the lease cannot
    be read: then `trouble` says so, and nobody may touch the copy. `path` is where the copy is, or
    would be, mounted. `maximum_size` is in bytes. `snapshots` are oldest first. `membership` names
    the handoff of a group that the copy is, or was, a part of. `size_bytes` is what it takes up
    with its snapshots, if storage can tell; copies that differ only in it are equal. `MountStatus`
    says what the other fields mean.
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
    size_bytes: int | None = field(default=None, compare=False)

    def at(self, status: MountStatus) -> LocalDataset:
        """The copy, with what `status` says of its mountpoint."""
        return replace(
            self,
            mounted=status.is_mounted,
            is_dead=status.is_dead,
            obstacle=status.obstacle,
            warning=status.warning,
        )


@dataclass(frozen=True, slots=True)
class LastSender:
    """The node that sent this node's copy of a dataset, as the dataset's primary of `epoch`."""

    node_id: NodeId
    epoch: int


@dataclass(frozen=True, slots=True)
class Route:
    """What comes to `port` of any node goes to the node at `address`, which runs `container`.

    With the protocol "udp" these are datagrams, else TCP connections.
    """

    port: int
    address: str
    container: str
    protocol: str = TCP


@dataclass(frozen=True, slots=True)
class Held:
    """New TCP connections to `port` of this node wait at its own port `listener`.

    They are for `container`, which is moving and cannot serve them now.
    """

    port: int
    listener: int
    container: str


@dataclass(frozen=True, slots=True)
class Relayed:
    """New TCP connections to `port` of this node, over this version of IP, go to `listener`.

    We know the node that runs `container` only by an address of the other version, to which the
    kernel cannot redirect them. So a process of this node relays them.
    """

    port: int
    listener: int
    container: str
    version: int


Rule: TypeAlias = Route | Held | Relayed
"""What this node does with new connections to one of its external ports."""


def protocol_of(rule: Rule) -> str:
    """Whose connections it is about: only TCP's can be held or relayed."""
    return rule.protocol if isinstance(rule, Route) else TCP


def key_of(rule: Rule) -> str:
    """What the rule's port is called: "8080", or "53/udp"."""
    return port_key(rule.port, protocol_of(rule))


@dataclass(frozen=True, slots=True)
class PortState:
    """What an agent reports about an external port of its own node.

    The numbers are the connections that it holds now, and those that it has held and refused since
    the agent started. `error` says why connections to this node do not reach the container.
    """

    held: int = 0
    held_total: int = 0
    refused_total: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class DatasetState:
    """What an agent reports about one dataset.

    `error` is the last thing that went wrong with it here, in words, until it works again.
    `next_try_at` is when the agent tries again, in seconds since 1970. `warning` is something that
    a user should look at, but that prevents nothing. `proof` has the signed statements by which the
    dataset came to this node and left it. `base` is the guid of the snapshot from which an
    increment to a replica starts. `complete_set` is the last snapshot set that arrived whole, as
    long as the replica has its snapshot. `size_bytes` is about what the copy takes up here.
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
    complete_set: SnapshotSet | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A node's report that it holds a dataset as of `epoch`, and why nobody can verify that."""

    node_id: NodeId
    epoch: int
    reason: str


@dataclass(frozen=True, slots=True)
class ImageState:
    """What an agent reports about an image that it should have in advance."""

    image: str
    present: bool
    error: str | None = None
    pull: ImagePull | None = None
    next_try_at: float | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a move would be like if it began now, as far as its source can tell.

    `expected_bytes` is what the push would send; None when this storage cannot tell.
    `is_incremental` says that the destination has a copy, which only needs an increment.
    `pause_seconds` is the likely pause, which hardly ever exceeds `pause_p95_seconds`. Agents of
    earlier releases say None until a container of this name has moved once. `warning` says in words
    what prevents the move. `properties` are the ZFS properties that users set on its datasets.
    """

    expected_bytes: int | None = None
    is_incremental: bool = False
    push_seconds: float | None = None
    pause_seconds: float | None = None
    warning: str | None = None
    properties: tuple[SetProperty, ...] = ()
    pause_p95_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class NodeState:
    """All that one agent reports; of its ports, only those with something to report.

    `kept` are Docker's volumes of containers that are no longer there, by the container's name.
    `set_aside` are the asides of this node, by name. `adoptions` are by the container's name here.
    `machine` has one entry, the machine itself. `replications` are by `replication_key`.
    """

    datasets: PMap[DatasetId, DatasetState] = field(default_factory=pmap)
    containers: PMap[str, ContainerState] = field(default_factory=pmap)
    moves: PMap[DatasetId, MoveProgress] = field(default_factory=pmap)
    images: PMap[str, ImageState] = field(default_factory=pmap)
    ports: PMap[str, PortState] = field(default_factory=pmap)
    kept: PMap[str, Kept] = field(default_factory=pmap)
    set_aside: PMap[str, AsideState] = field(default_factory=pmap)
    adoptions: PMap[str, AdoptionState] = field(default_factory=pmap)
    machine: PMap[str, Machine] = field(default_factory=pmap)
    replications: PMap[str, Replication] = field(default_factory=pmap)


@dataclass(frozen=True, slots=True)
class DesiredDataset:
    """What a node is told about a dataset that concerns it.

    `holders` are the leases that the other nodes last reported for their copies. `addresses` has
    the address of each node that is named here. `move` is the dataset's open move. `pause_costs`
    are the seconds of each step of the container's last pause, by name, without the sending.
    `stop_seconds` is how long it then took to send what the container wrote when it stopped.
    `signed` is this node's own signed grant, which it keeps beside its copy. `bases` has the guid
    with which each other node's copy ends, for the nodes that have reported it.
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
class DesiredFencing:
    """What a node is told of a container that runs under a fencing deadline.

    Only the `owner`, as of these `epochs`, counts the `witnesses`: the standbys of this
    `generation`. The destination of a move of it is told the same. A renewal is good for
    `after_seconds`. `addresses` are those of the witnesses.
    """

    owner: NodeId
    epochs: PMap[DatasetId, int]
    generation: str
    witnesses: tuple[NodeId, ...]
    after_seconds: int
    addresses: PMap[NodeId, str] = field(default_factory=pmap)


@dataclass(frozen=True, slots=True)
class SecretValues:
    """The values in base64, by their names, of the secrets that one container gets."""

    values: PMap[str, str] = field(default_factory=pmap, repr=False)


@dataclass(frozen=True, slots=True)
class Member:
    """Another container, wherever it runs: its networks, and its aliases there."""

    networks: Networks


@dataclass(frozen=True, slots=True)
class NodeView:
    """What one node is told: all that concerns it, and nothing else.

    `routes` are keyed by port, such as "8080" or "53/udp". `serving` has the one node at which each
    container serves. `peers` has the ssh keys of the other nodes that its datasets name. `deleted`
    names the deleted containers for which this node reports that it keeps volumes. `discards` names
    the asides that this node must destroy. `secrets` are those that each of its containers gets.
    `logins` are for the registries of its containers, by their names, and of its images, by
    "image/" and their ids.
    `members` has all containers that have networks. `adoptions` has the open adoption of each
    container that this node is to adopt. `away` names those of the `peers` whose agents are away.
    `fencings` has the containers that run here under a fencing deadline, and those that are to.
    """

    datasets: PMap[DatasetId, DesiredDataset] = field(default_factory=pmap)
    containers: PMap[str, Container] = field(default_factory=pmap)
    routes: PMap[str, Route] = field(default_factory=pmap)
    serving: PMap[str, NodeId] = field(default_factory=pmap)
    images: PMap[str, Image] = field(default_factory=pmap)
    peers: PMap[NodeId, SshKeys] = field(default_factory=pmap)
    deleted: PMap[str, bool] = field(default_factory=pmap)
    discards: PMap[str, bool] = field(default_factory=pmap)
    secrets: PMap[str, SecretValues] = field(default_factory=pmap)
    logins: PMap[str, Registry] = field(default_factory=pmap)
    members: PMap[str, Member] = field(default_factory=pmap)
    adoptions: PMap[str, Move] = field(default_factory=pmap)
    away: PMap[NodeId, bool] = field(default_factory=pmap)
    fencings: PMap[str, DesiredFencing] = field(default_factory=pmap)
