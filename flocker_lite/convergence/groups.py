"""What moves, starts and stops as one: a container with all of its datasets, or a lone dataset."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pyrsistent import PMap, pmap

from flocker_lite.model import membership
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.lease import WRITERS, Role
from flocker_lite.model.membership import Fate
from flocker_lite.model.records import Container, DatasetId, NodeId
from flocker_lite.model.state import (
    AsideCopy,
    Kept,
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

    `on_trial` are the datasets that it has on a loan that goes on. `blind` names the containers
    that run and do not have all of their datasets as these are now. `listeners` are at its TCP
    ports and do not belong to containers of ours. `kept` are volumes of Docker's, by the name of
    the container that is not here any more. `asides` is what was set aside of copies, by its name.
    """

    datasets: PMap[DatasetId, LocalDataset] = field(default_factory=pmap)
    containers: PMap[str, LocalContainer] = field(default_factory=pmap)
    routes: frozenset[Rule] = frozenset()
    images: frozenset[str] = frozenset()
    on_trial: frozenset[DatasetId] = frozenset()
    listeners: PMap[int, Listener] = field(default_factory=pmap)
    kept: PMap[str, Kept] = field(default_factory=pmap)
    pins: PMap[str, ExactImage] = field(default_factory=pmap)
    blind: frozenset[str] = frozenset()
    asides: PMap[str, AsideCopy] = field(default_factory=pmap)


@dataclass(frozen=True, slots=True)
class Group:
    """A container, as wanted and as it is here, with its datasets; or one dataset alone.

    `shared` says that another container that is here was made with one of these datasets.
    `tied` says that a handoff of some of these together with others, in a group of its own here, is
    to be finished first. `serving` is the node at which the cluster sees the container serve;
    `is_led_away` says that what comes to this node for the container that is here goes to another.
    `pin` is the image that it runs with where it comes from.
    """

    name: str | None
    wanted: Container | None
    have: LocalContainer | None
    datasets: tuple[GroupDataset, ...]
    shared: bool = False
    serving: NodeId | None = None
    is_led_away: bool = False
    tied: bool = False
    is_blind: bool = False
    pin: ExactImage | None = None

    def with_role(self, *roles: Role) -> tuple[GroupDataset, ...]:
        """The datasets whose copy here has one of these roles."""
        return tuple(dataset for dataset in self.datasets if dataset.role in roles)

    @property
    def trouble(self) -> str | None:
        """Why nothing may be done with it: it cannot be told who may write to its data."""
        return next((dataset.trouble for dataset in self.datasets if dataset.trouble), None)

    @property
    def lost(self) -> str | None:
        """Why its container does not have its data, in words; None when nothing is wrong."""
        for dataset in self.with_role(*WRITERS):
            if dataset.lost is not None:
                return dataset.lost
        if self.is_blind and self.have is not None and self.have.running:
            return "it runs without its data, which was mounted anew since: it is started again"
        return None

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

    `on_trial` says that it is lent to this node, `fate` what its coordinator's lease makes of it.
    """

    dataset_id: DatasetId
    wanted: WantedDataset | None
    local: LocalDataset | None
    on_trial: bool = False
    fate: Fate = Fate.OWN

    @property
    def role(self) -> Role | None:
        if self.local is None or self.local.lease is None:
            return None
        return self.local.lease.role

    @property
    def trouble(self) -> str | None:
        """Why nothing may be done with the copy here, in words."""
        if self.local is None or self.local.trouble is not None or self.fate is not Fate.UNKNOWN:
            return self.local.trouble if self.local is not None else None
        first = self.local.membership.coordinator if self.local.membership is not None else None
        return (
            f"{self.dataset_id}: it is handed over together with {first}, and whether that was "
            "released cannot be told, for its copy here is gone or has no lease: bring it back"
        )

    @property
    def decides(self) -> bool:
        """Whether it is the coordinator of the last handoff that it had a part in."""
        note = self.local.membership if self.local is not None else None
        return note is not None and note.coordinator == self.dataset_id

    @property
    def lost(self) -> str | None:
        """Why it is not where it is mounted, in words; None when nothing is wrong there."""
        if self.local is None:
            return None
        if self.local.is_dead:
            return (
                f"the mount of dataset {self.dataset_id} is dead, for what served it has ended: "
                "it is mounted anew once ZFS answers"
            )
        if self.local.obstacle is not None:
            return f"dataset {self.dataset_id} cannot be used: {self.local.obstacle}"
        return None

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
        group = Group(name, wanted, made, datasets, shared, view.serving.get(name), led)
        pin = local.pins.get(name)
        if pin is not None and wanted is not None and pin.image == wanted.image:
            group = replace(group, pin=pin)
        found.append(replace(group, is_blind=name in local.blind))
    for dataset_id in sorted({*view.datasets, *local.datasets} - grouped):
        lone = (_dataset(dataset_id, view, local),)
        found.append(Group(None, None, None, lone, dataset_id in users))
    return _with_ties(found, view, local)


def _with_ties(found: list[Group], view: NodeView, local: Local) -> tuple[Group, ...]:
    """What was handed over as one stays one until that is finished, whatever is wanted by then."""
    ties = [
        tie
        for tie in _ties(view, local)
        if not any(tie <= {each.dataset_id for each in group.datasets} for group in found)
    ]
    tied = frozenset().union(*ties)
    lone = [
        Group(None, None, None, tuple(_dataset(each, view, local) for each in sorted(tie)))
        for tie in ties
    ]
    return (
        *lone,
        *(
            replace(group, tied=not tied.isdisjoint(each.dataset_id for each in group.datasets))
            for group in found
        ),
    )


def _ties(view: NodeView, local: Local) -> list[frozenset[DatasetId]]:
    """The datasets of each handoff of several that is not finished here."""
    ties: dict[DatasetId, set[DatasetId]] = {}
    for dataset_id, copy in local.datasets.items():
        note, held = copy.membership, copy.lease
        if note is None or held is None or note.coordinator not in local.datasets:
            continue
        first = local.datasets[note.coordinator]
        together = first.lease is not None and first.lease.role is Role.RELEASED
        if held.role is Role.RELEASED and (not together or _is_deleted(note.coordinator, view)):
            continue
        if membership.fate(note, held, first.lease) is not Fate.OWN:
            ties.setdefault(note.coordinator, {note.coordinator}).add(dataset_id)
    return [frozenset(tie) for _, tie in sorted(ties.items())]


def _is_deleted(dataset_id: DatasetId, view: NodeView) -> bool:
    wanted = view.datasets.get(dataset_id)
    return wanted is not None and wanted.dataset.deleted


def is_on_trial(local: Local, container: Container) -> bool:
    """Whether what the container writes here may be taken back: nobody may reach it meanwhile."""
    copies = (local.datasets.get(volume.dataset_id) for volume in container.volumes)
    leases = (copy.lease for copy in copies if copy is not None)
    return any(lease is not None and lease.role is Role.PROBATION for lease in leases)


def _dataset(dataset_id: DatasetId, view: NodeView, local: Local) -> GroupDataset:
    copy = local.datasets.get(dataset_id)
    note = copy.membership if copy is not None else None
    first = local.datasets.get(note.coordinator) if note is not None else None
    return GroupDataset(
        dataset_id,
        view.datasets.get(dataset_id),
        copy,
        dataset_id in local.on_trial,
        membership.fate(
            note,
            copy.lease if copy is not None else None,
            first.lease if first is not None else None,
        ),
    )
