"""What the user asked for: nodes, datasets, containers and grants, as immutable records."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from pyrsistent import PMap, pmap

from flocker_lite.model.accounts import MoveState
from flocker_lite.model.identities import DatasetId as DatasetId
from flocker_lite.model.identities import NodeId as NodeId


@dataclass(frozen=True, slots=True)
class SshKeys:
    """By what ssh knows a node: its agent's public key, and those of its ssh server.

    Each is its kind and itself in base64: `model.ssh_keys` has checked it.
    """

    public_key: str
    host_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A machine with an agent. `address` is what the REST API calls it.

    `ssh_keys` is None as long as its agent does not tell any: the keys are an administrator's
    matter then. `signs` says that its agent signs what it releases.
    """

    node_id: NodeId
    address: str
    ssh_keys: SshKeys | None = None
    signs: bool = False


@dataclass(frozen=True, slots=True)
class Dataset:
    """A named body of data, and the node on which it should be the primary.

    `maximum_size` is in bytes; None means no limit. A deleted dataset keeps its record until a
    user has it purged.
    """

    dataset_id: DatasetId
    primary: NodeId
    metadata: PMap[str, str] = field(default_factory=pmap)
    maximum_size: int | None = None
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Port:
    """A TCP port inside the container and its number outside, the latter unique in the cluster."""

    internal: int
    external: int


@dataclass(frozen=True, slots=True)
class Link:
    """`remote_port` of the cluster, known inside the container as `alias` and `local_port`."""

    alias: str
    local_port: int
    remote_port: int


@dataclass(frozen=True, slots=True)
class Volume:
    """A dataset that appears inside a container at the absolute path `mountpoint`."""

    dataset_id: DatasetId
    mountpoint: str


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When a container that stopped is started again: never, always or on-failure.

    `maximum_retry_count` goes with on-failure alone; None means without end.
    """

    name: str = "never"
    maximum_retry_count: int | None = None


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How to see that a container serves: `command` in it exits with 0, or a port of it answers.

    With `path` the port has to answer an HTTP GET with a status below 400; without, to accept a
    TCP connection. `port` is internal. One try may take `timeout_seconds`; the container is not
    healthy when none succeeded within `start_period_seconds`.
    """

    port: int | None = None
    path: str | None = None
    command: tuple[str, ...] | None = None
    timeout_seconds: float = 5.0
    start_period_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How the last run of a container ended that its restart policy does not have run again.

    `finished_at` is in seconds since 1970; `times` is how many runs ended by themselves.
    """

    exit_code: int
    finished_at: float
    times: int = 1


@dataclass(frozen=True, slots=True)
class Container:
    """A container as the user asked for it; its identity is its name, unique in the cluster.

    `image` is always "repository:tag". `memory_limit` is in bytes, `cpu_shares` is Docker's
    relative weight (1024 is the default share). `ended` is not the user's: it is how what he asked
    for has come to its end, wherever that was.
    """

    name: str
    node: NodeId
    image: str
    ports: tuple[Port, ...] = ()
    volumes: tuple[Volume, ...] = ()
    environment: PMap[str, str] = field(default_factory=pmap)
    links: tuple[Link, ...] = ()
    restart_policy: RestartPolicy = RestartPolicy()
    cpu_shares: int | None = None
    memory_limit: int | None = None
    command_line: tuple[str, ...] | None = None
    health_check: HealthCheck | None = None
    ended: Ended | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """Who alone may create a dataset or write to it.

    `epoch` starts at 1 and goes up by one with each handoff. `materialised` is True once an agent
    was seen to hold the dataset: from then on no node may ever create it again.
    """

    owner: NodeId
    epoch: int = 1
    materialised: bool = False


@dataclass(frozen=True, slots=True)
class UserLease:
    """A user's wish that a dataset stays where it is, on `node`, until the lease ends.

    `expires_at` is in seconds since 1970; None means that it ends when it is released. (What a
    node writes on its copy of a dataset is a lease as well: `model.lease`.)
    """

    dataset_id: DatasetId
    node: NodeId
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """An image that a node should have before a container needs it; its tag is always there."""

    image_id: str
    node: NodeId
    image: str


@dataclass(frozen=True, slots=True)
class Discard:
    """The wish that these nodes destroy what they have set aside under that name."""

    name: str
    nodes: tuple[NodeId, ...]

    def without(self, nodes: Collection[NodeId]) -> Discard | None:
        """The same for the other nodes; None when there are none."""
        left = tuple(node for node in self.nodes if node not in nodes)
        return replace(self, nodes=left) if left else None


@dataclass(frozen=True, slots=True)
class MoveOptions:
    """How a user wants one move to go.

    The switch waits until the predicted pause is at most `max_pause_seconds`. That is missed when
    the rounds do not shrink any more, or `deadline_seconds` after the move began; then `on_miss`
    says to "force" the switch, to "abort" the move, or to "continue" pushing. `bandwidth_limit`,
    in bytes per second, holds for the push and is lifted during the pause. `image_may_differ` lets
    the destination take what the image's tag means there.
    """

    max_pause_seconds: float | None = None
    deadline_seconds: float | None = None
    on_miss: str = "force"
    bandwidth_limit: int | None = None
    image_may_differ: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """What a user set off by configuring another node for a container, or for a lone dataset.

    `container` is None for the latter; `requested_at` is in seconds since 1970.
    """

    move_id: str
    source: NodeId
    destination: NodeId
    requested_at: float
    container: str | None = None
    dataset_ids: tuple[DatasetId, ...] = ()
    options: MoveOptions = MoveOptions()


@dataclass(frozen=True, slots=True)
class PastMove:
    """A move that is over, with what both sides had said of it until then.

    `verdict` is "done", "rolled back", "cancelled" or "superseded" (by a move to another node).
    `ended_at` is in seconds since 1970. `epochs` are those that the datasets have now. Of
    `accounts` any may be missing: an agent forgets them when it restarts.
    """

    move: Move
    verdict: str
    ended_at: float
    epochs: PMap[DatasetId, int] = field(default_factory=pmap)
    accounts: tuple[MoveState, ...] = ()

    @property
    def move_id(self) -> str:
        return self.move.move_id


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that is durable: each map goes from the record's identity to the record.

    `grants` has an entry for every dataset, and keeps that of a dataset whose record was purged:
    its id is never used again. `leases` are the users', by dataset. `images` are those to be had
    in advance, by a UUID. `discards` is what is set aside and to be destroyed, by its name, for as
    long as it is there. `moves` are those that are not over, `past_moves` the latest that are;
    nobody edits either directly: they follow from the rest (`model.moves`).
    """

    nodes: PMap[NodeId, Node] = field(default_factory=pmap)
    datasets: PMap[DatasetId, Dataset] = field(default_factory=pmap)
    containers: PMap[str, Container] = field(default_factory=pmap)
    grants: PMap[DatasetId, Grant] = field(default_factory=pmap)
    leases: PMap[DatasetId, UserLease] = field(default_factory=pmap)
    images: PMap[str, Image] = field(default_factory=pmap)
    moves: PMap[str, Move] = field(default_factory=pmap)
    past_moves: PMap[str, PastMove] = field(default_factory=pmap)
    discards: PMap[str, Discard] = field(default_factory=pmap)


@dataclass(frozen=True, slots=True)
class Change:
    """One record that was replaced in a record of maps, such as `Configuration`.

    `kind` is the name of the map ("datasets"), `identity` the key in it; a `record` of None means
    that it is gone.
    """

    kind: str
    identity: str
    record: object | None


@dataclass(frozen=True, slots=True)
class Edit:
    """The outcome of a pure function on the configuration: the new one, and what changed in it.

    `tag` is that of the new configuration, once the control service has made it durable.
    """

    configuration: Configuration
    changes: tuple[Change, ...] = ()
    tag: str = ""
