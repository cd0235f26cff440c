"""What moves, starts and stops as one: a container with all of its datasets, or a lone dataset."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyrsistent import PMap, pmap

from flocker_lite.model.lease import Role
from flocker_lite.model.records import Container, DatasetId, NodeId
from flocker_lite.model.state import (
    Listener,
    LocalContainer,
    LocalDataset,
    NodeView,
    Rule,
    WantedDataset,
)


@dataclass(frozen=True, slots=True)
class Local:
    """What a node sees of itself; of images, those that it should have in advance.

    `on_trial` are the datasets that it has on a loan that goes on. `listeners` are at its TCP ports
    and do not belong to containers of ours.
    """

    datasets: PMap[DatasetId, LocalDataset] = field(default_factory=pmap)
    containers: PMap[str, LocalContainer] = field(default_factory=pmap)
    routes: frozenset[Rule] = frozenset()
    images: frozenset[str] = frozenset()
    on_trial: frozenset[DatasetId] = frozenset()
    listeners: PMap[int, Listener] = field(default_factory=pmap)


@dataclass(frozen=True, slots=True)
class Group:
    """A container, as wanted and as it is here, with its datasets; or one dataset alone.

    `shared` says that another container that is here was made with one of these datasets.
    `serving` is the node at which the cluster sees the container serve; `is_led_away` says that
    what comes to this node for the container that is here goes to another.
    """

    name: str | None
    wanted: Container | None
    have: LocalContainer | None
    datasets: tuple[GroupDataset, ...]
    shared: bool = False
    serving: NodeId | None = None
    is_led_away: bool = False

    def with_role(self, *roles: Role) -> tuple[GroupDataset, ...]:
        """The datasets whose copy here has one of these roles."""
        return tuple(dataset for dataset in self.datasets if dataset.role in roles)

    @property
    def trouble(self) -> str | None:
        """Why nothing may be done with it: it cannot be told who may write to its data."""
        return next((dataset.trouble for dataset in self.datasets if dataset.trouble), None)

    @property
    def may_run(self) -> bool:
        """Whether every dataset of the group may be written here, and by nobody else."""
        return all(
            dataset.role is Role.PRIMARY or (dataset.role is Role.PROBATION and dataset.on_trial)
            for dataset in self.datasets
        )


@dataclass(frozen=True, slots=True)
class GroupDataset:
    """A dataset as this node is told of it (None: not at all) and as it is here (None: not).

    `on_trial` says that it is lent to this node.
    """

    dataset_id: DatasetId
    wanted: WantedDataset | None
    local: LocalDataset | None
    on_trial: bool = False

    @property
    def role(self) -> Role | None:
        if self.local is None or self.local.lease is None:
            return None
        return self.local.lease.role

    @property
    def trouble(self) -> str | None:
        """Why nothing may be done with the copy here, in words."""
        return self.local.trouble if self.local is not None else None

    @property
    def deleted(self) -> bool:
        """Whether the user wants it destroyed."""
        return self.wanted is not None and self.wanted.dataset.deleted

    @property
    def primary(self) -> NodeId | None:
        """The node on which the user wants it; None when unknown or deleted."""
        if self.wanted is None or self.wanted.dataset.deleted:
            return None
        return self.wanted.dataset.primary

    def superseded(self, me: NodeId) -> bool:
        """Whether another node was granted a later epoch than that of the copy here."""
        if self.wanted is None or self.local is None or self.local.lease is None:
            return False
        grant = self.wanted.grant
        return grant.owner != me and grant.epoch > self.local.lease.epoch


def groups(view: NodeView, local: Local) -> tuple[Group, ...]:
    """Everything that the node is told of or has, each once."""
    found: list[Group] = []
    led_away = {rule.port for rule in local.routes}
    grouped: set[DatasetId] = set()
    users: dict[DatasetId, set[str]] = {}
    for name, have in local.containers.items():
        for volume in have.container.volumes:
            users.setdefault(volume.dataset_id, set()).add(name)
    for name in sorted({*view.containers, *local.containers}):
        wanted, made = view.containers.get(name), local.containers.get(name)
        volumes = wanted.volumes if wanted is not None else made.container.volumes if made else ()
        ids = [volume.dataset_id for volume in volumes if volume.dataset_id not in grouped]
        grouped.update(ids)
        datasets = tuple(_dataset(dataset_id, view, local) for dataset_id in ids)
        shared = any(users.get(volume.dataset_id, set()) - {name} for volume in volumes)
        ports = {port.external for port in made.container.ports} if made is not None else set()
        led = ports <= led_away
        found.append(Group(name, wanted, made, datasets, shared, view.serving.get(name), led))
    for dataset_id in sorted({*view.datasets, *local.datasets} - grouped):
        lone = (_dataset(dataset_id, view, local),)
        found.append(Group(None, None, None, lone, dataset_id in users))
    return tuple(found)


def is_on_trial(local: Local, container: Container) -> bool:
    """Whether what the container writes here may be taken back: nobody may reach it meanwhile."""
    copies = (local.datasets.get(volume.dataset_id) for volume in container.volumes)
    leases = (copy.lease for copy in copies if copy is not None)
    return any(lease is not None and lease.role is Role.PROBATION for lease in leases)


def _dataset(dataset_id: DatasetId, view: NodeView, local: Local) -> GroupDataset:
    return GroupDataset(
        dataset_id,
        view.datasets.get(dataset_id),
        local.datasets.get(dataset_id),
        dataset_id in local.on_trial,
    )
