"""What the user asked for: nodes, datasets, containers and grants, as immutable records."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from pyrsistent import PMap, pmap

from flocker_lite.model.adoption import Adopting as Adopting
from flocker_lite.model.container import Container as Container
from flocker_lite.model.container import Ended as Ended
from flocker_lite.model.container_fields.files import Volume as Volume
from flocker_lite.model.container_fields.life import HealthCheck as HealthCheck
from flocker_lite.model.container_fields.life import RestartPolicy as RestartPolicy
from flocker_lite.model.container_fields.network import Link as Link
from flocker_lite.model.container_fields.network import Port as Port
from flocker_lite.model.dataset import Dataset as Dataset
from flocker_lite.model.derived import Derives
from flocker_lite.model.drain import Drain as Drain
from flocker_lite.model.estimates import Estimate
from flocker_lite.model.failed_over import FailedOver as FailedOver
from flocker_lite.model.fencing.acknowledged import Fencing as Fencing
from flocker_lite.model.forgotten import Forgotten as Forgotten
from flocker_lite.model.identities import DatasetId as DatasetId
from flocker_lite.model.identities import NodeId as NodeId
from flocker_lite.model.move_progress import MoveProgress
from flocker_lite.model.releasing import Releasing as Releasing
from flocker_lite.model.replicas import Replicas as Replicas


@dataclass(frozen=True, slots=True)
class SshKeys:
    """The keys by which ssh knows a node: its agent's public key, and its ssh server's host keys.

    Each text is the kind of key and the key in base64; `model.ssh_keys` has checked it.
    """

    public_key: str
    host_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A machine with an agent. The REST API calls it by its `address`.

    `ssh_keys` is None while its agent has not told any; an administrator then has to manage the
    keys. `signs` says that its agent signs what it releases. `protocol` is the newest version of
    the protocol that its agent spoke when it last came. `allow` is what may let containers out of
    their box there (`model.allowance`). A node that is not `schedulable` is cordoned: it keeps what
    it has, and nothing new is put on it. `drain` is the last one of the node, which may be over.
    """

    node_id: NodeId
    address: str
    ssh_keys: SshKeys | None = None
    signs: bool = False
    protocol: int = 1
    allow: tuple[str, ...] = ()
    schedulable: bool = True
    drain: Drain | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """Says which node alone may create a dataset or write to it.

    `epoch` starts at 1, and goes up by one with each handoff and by two with each promotion.
    `materialised` is True once an agent has reported that it holds the dataset: from then on no
    node may ever create it again. The owner of a grant with a `snapshot` is promoted: its copy goes
    on from the snapshot of this guid.
    """

    owner: NodeId
    epoch: int = 1
    materialised: bool = False
    snapshot: str | None = None


@dataclass(frozen=True, slots=True)
class UserLease:
    """A user's request that a dataset stays where it is, on `node`, until the lease ends.

    `expires_at` is in seconds since 1970; None means that the lease ends when it is released. (What
    a node writes on its copy of a dataset is called a lease as well: `model.lease`.)
    """

    dataset_id: DatasetId
    node: NodeId
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """An image that a node should have before a container needs it; `image` always has a tag."""

    image_id: str
    node: NodeId
    image: str


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that users write and nobody reads again but the containers that get it.

    `data` is the value in base64; "" if it has none, after an import. Times are in seconds since
    1970.
    """

    name: str
    data: str = field(default="", repr=False)
    created_at: float = 0.0
    changed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Registry:
    """With what nodes log in to a registry, a host name and perhaps a port; nobody reads it again.

    `password` is "" if it has none, after an import; `changed_at` is in seconds since 1970.
    """

    registry: str
    user: str
    password: str = field(default="", repr=False)
    changed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Discard:
    """A user's request that these nodes destroy the aside of this name."""

    name: str
    nodes: tuple[NodeId, ...]

    def without(self, nodes: Collection[NodeId]) -> Discard | None:
        """The same request for the other nodes; None when no node is left."""
        left = tuple(node for node in self.nodes if node not in nodes)
        return replace(self, nodes=left) if left else None


@dataclass(frozen=True, slots=True)
class MoveOptions:
    """How a user wants one move to go.

    The switch waits until the predicted pause is at most `max_pause_seconds`. The move misses this
    goal when its rounds do not shrink any more, or `deadline_seconds` after it began. Then
    `on_miss` says whether to "force" the switch, to "abort" the move, or to "continue" pushing.
    `bandwidth_limit`, in bytes per second, holds for the push and is lifted during the pause.
    `image_may_differ` lets the destination use the image that the tag means there. While containers
    of Docker's own use a lone dataset at its source, its move will "wait", be given up ("abort"),
    or "stop" them before the switch, by `on_use`; it is to "await" those that Swarm is stopping.
    """

    max_pause_seconds: float | None = None
    deadline_seconds: float | None = None
    on_miss: str = "force"
    bandwidth_limit: int | None = None
    image_may_differ: bool = False
    on_use: str = "wait"


@dataclass(frozen=True, slots=True)
class Move:
    """A move, which a user began by configuring another node for a container or a lone dataset.

    `container` is None for a lone dataset; `requested_at` is in seconds since 1970. With an
    `adoption` it moves the data of a container of Docker's into datasets of the same node, with a
    `release` the other way. With a `failover` the destination took over from the source.
    `estimates` is what past moves told, when it began, about the steps of its pause, by name.
    """

    move_id: str
    source: NodeId
    destination: NodeId
    requested_at: float
    container: str | None = None
    dataset_ids: tuple[DatasetId, ...] = ()
    options: MoveOptions = MoveOptions()
    adoption: Adopting | None = None
    release: Releasing | None = None
    failover: FailedOver | None = None
    estimates: PMap[str, Estimate] = field(default_factory=pmap)

    @property
    def stays(self) -> bool:
        """Whether everything stays on its node: the move is an adoption or a release."""
        return self.adoption is not None or self.release is not None

    @property
    def is_cancelled(self) -> bool:
        """Whether a user wants an adoption or a release undone."""
        stays = self.adoption or self.release
        return stays is not None and stays.cancelled


@dataclass(frozen=True, slots=True)
class PastMove:
    """A move that is over, with the progress that both sides had reported until then.

    `verdict` is "done", "rolled back", "cancelled" or "superseded" (by a move to another node).
    `ended_at` is in seconds since 1970. `epochs` are the datasets' epochs after the move.
    `accounts` may lack any side's progress: an agent forgets it when it restarts. `program` is that
    of the container, as `program_of` calls it, "" for none.
    """

    move: Move
    verdict: str
    ended_at: float
    epochs: PMap[DatasetId, int] = field(default_factory=pmap)
    # The progress of each side. The word "accounts" stays because it is a key in the store.
    accounts: tuple[MoveProgress, ...] = ()
    program: str = ""

    @property
    def move_id(self) -> str:
        return self.move.move_id


@dataclass(frozen=True, slots=True)
class Configuration(Derives):
    """Everything that is durable: each map leads from a record's identity to the record.

    `grants` has an entry for every dataset, and keeps the entry of a purged dataset, so that its id
    is never used again. `leases` are users' leases, by dataset. `images` are the images that nodes
    should have in advance, by a UUID. `discards` are the asides to destroy, by name, until they are
    gone. `moves` are the open moves, `past_moves` the latest past ones; nobody edits them directly,
    because they follow from the rest (`model.moves`).
    `fencings` are by container, of those that fail over by themselves and have data, and follow too
    (`model.consequences`). `secrets` and `registries` are by name. `forgotten` are the tombstones
    of nodes that were forgotten; none of them is among the `nodes`.
    Frequent look-ups have an index, which is built when it is first needed (`model.derived`).
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
    secrets: PMap[str, Secret] = field(default_factory=pmap)
    registries: PMap[str, Registry] = field(default_factory=pmap)
    fencings: PMap[str, Fencing] = field(default_factory=pmap)
    forgotten: PMap[NodeId, Forgotten] = field(default_factory=pmap)


@dataclass(frozen=True, slots=True)
class Change:
    """The replacement of one record in a record of maps, such as `Configuration`.

    `kind` is the name of the map ("datasets") and `identity` the key in it; a `record` of None
    removes the key.
    """

    kind: str
    identity: str
    record: object | None


@dataclass(frozen=True, slots=True)
class Edit:
    """The outcome of a pure function on the configuration: the new one, and what changed in it.

    `tag` identifies the new configuration once the control service has made it durable.
    """

    configuration: Configuration
    changes: tuple[Change, ...] = ()
    tag: str = ""
