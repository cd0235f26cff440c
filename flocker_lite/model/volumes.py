"""Docker's volumes that are datasets: what agents ask the control service for them; pure."""

from __future__ import annotations

from dataclasses import dataclass

from flocker_lite.model.identities import DatasetId, NodeId
from flocker_lite.model.volume_failover import VolumeFailover

MARK = "docker_volume"
"""The key of a dataset's metadata that lets every node's Docker have it as a volume."""

MARKED = "true"

CREATE, HAVE, DESTROY, DESCRIBE = "create", "have", "destroy", "describe"
FORGET = "forget"
"""What a node may ask: see `control.volumes`."""

REFUSE, FOLLOW = "refuse", "follow"
"""What becomes of a container that uses a volume elsewhere: it keeps it, or it is stopped."""

NAMED_MAX = 4
"""A text names this many users of a volume and counts the others."""


@dataclass(frozen=True, slots=True)
class KnownVolume:
    """A volume that was created on this node, as the node has written it down.

    `name` is what Docker calls it, `dataset` the name of the dataset. On its removal the dataset is
    destroyed if `destroys`, else only forgotten here. `created_at` is in seconds since 1970.
    `standbys` are the nodes that the user named to have copies, which may be `rpo_seconds` old.
    `failover` is what the user wants of them if the volume's node dies.
    """

    name: str
    dataset_id: DatasetId
    dataset: str
    maximum_size: int | None = None
    destroys: bool = False
    conflict: str = REFUSE
    created_at: float = 0.0
    standbys: tuple[str, ...] = ()
    rpo_seconds: float | None = None
    failover: VolumeFailover | None = None


@dataclass(frozen=True, slots=True)
class VolumeRequest:
    """What a node asks for its own Docker, of one dataset; DESCRIBE may name several.

    `name` is what CREATE looks for, or calls the new dataset; the node that asks, if it does not
    have it, and the nodes in `standbys` are to have copies, at most `rpo_seconds` old. `conflict`
    is REFUSE or FOLLOW. CREATE gives the volume this `failover`, if it has none.
    """

    act: str
    name: str = ""
    dataset_ids: tuple[DatasetId, ...] = ()
    maximum_size: int | None = None
    conflict: str = REFUSE
    standbys: tuple[str, ...] = ()
    rpo_seconds: float | None = None
    failover: VolumeFailover | None = None


@dataclass(frozen=True, slots=True)
class VolumeStatus:
    """What the control service knows of a dataset that is a volume.

    `primary` is where it is configured, `owner` who has it as of `epoch`; `node` is the owner's
    address, `standbys` are those of the nodes with copies. The copy of the node that asks was taken
    at `taken_at`, in seconds since 1970, if that is a standby. `container` is the container of
    flocker_lite's that uses it. A move to the address `moves_to` has sent `sent_bytes` of
    `expected_bytes`; `error` is what went wrong with it last. With a `failover` it is used under a
    fencing deadline.
    """

    dataset_id: DatasetId
    name: str
    primary: NodeId
    owner: NodeId
    epoch: int
    node: str
    maximum_size: int | None = None
    container: str | None = None
    moves_to: str | None = None
    sent_bytes: int | None = None
    expected_bytes: int | None = None
    error: str | None = None
    standbys: tuple[str, ...] = ()
    taken_at: float | None = None
    failover: VolumeFailover | None = None

    @property
    def percent(self) -> int | None:
        """How much of its move is sent; None when nobody knows."""
        if not self.expected_bytes or self.sent_bytes is None:
            return None
        return min(100, 100 * self.sent_bytes // self.expected_bytes)


@dataclass(frozen=True, slots=True)
class VolumeStatuses:
    """The answer to a request: what is known of each dataset that it is about and that exists."""

    statuses: tuple[VolumeStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class VolumeUser:
    """A container of Docker's, or a process, that uses a dataset on its node.

    `how` says in words what it uses. Docker `restarts` the container if it ends. `service` is the
    Swarm service that it is a task of. `instance` is its id, None for a process.
    """

    name: str
    how: str
    restarts: bool = False
    service: str | None = None
    instance: str | None = None


@dataclass(frozen=True, slots=True)
class VolumeUse:
    """Who uses a dataset on a node; `is_awaited` says that Docker there is about to mount it."""

    users: tuple[VolumeUser, ...] = ()
    is_awaited: bool = False


def is_swarms(use: VolumeUse) -> bool:
    """Whether only tasks of Swarm use it: where Swarm starts another one, it stops those."""
    return bool(use.users) and all(each.service is not None for each in use.users)


def why_not_free(name: str, where: str, use: VolumeUse, conflict: str) -> str | None:
    """Why a volume cannot leave the node at the address `where`; None when it can, or soon can."""
    if is_swarms(use):
        return None
    if use.users:
        return _why_kept(name, where, use.users, conflict)
    if use.is_awaited:
        return f"Docker at {where} is just mounting volume {name}: it has come first"
    return None


def _why_kept(name: str, where: str, users: tuple[VolumeUser, ...], conflict: str) -> str | None:
    who = named(users)
    if conflict != FOLLOW:
        return (
            f"volume {name} is in use at {where} by {who}: stop that first, or create the volume "
            f"with the option conflict={FOLLOW} here, which stops it"
        )
    return why_not_stopped(name, where, users)


def why_not_stopped(name: str, where: str, users: tuple[VolumeUser, ...]) -> str | None:
    """Why these users of a volume cannot be stopped for another node; None when they can."""
    for user in users:
        if user.instance is None:
            return f"volume {name} is in use at {where} by {named((user,))}: end that first"
        if user.service is not None:
            return (
                f"volume {name} is in use at {where} by container {user.name}, a task of the Swarm "
                f"service {user.service}, which would start it again: have Swarm move it"
            )
        if user.restarts:
            return (
                f"volume {name} is in use at {where} by container {user.name}, which Docker would "
                f"start again: `docker update --restart=no {user.name}` there first"
            )
    return None


def named(users: tuple[VolumeUser, ...]) -> str:
    """The users in words."""
    words = [
        f"{'container ' if user.instance is not None else ''}{user.name} ({user.how})"
        for user in users[:NAMED_MAX]
    ]
    more = len(users) - len(words)
    return "; ".join([*words, *([f"{more} more"] if more else [])])
