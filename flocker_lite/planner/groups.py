"""Groups move, start and stop as one: a container with all of its datasets, or a lone dataset."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pyrsistent import PMap, pmap

from flocker_lite.model import lease, membership
from flocker_lite.model.adoption import ADOPTED, COPIED, STOPPED, STOPPING, AdoptionNote
from flocker_lite.model.container_fields.ports import led
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.fencing.names import volume_unit
from flocker_lite.model.lease import WRITERS, Role
from flocker_lite.model.membership import Fate
from flocker_lite.model.records import Container, DatasetId, NodeId
from flocker_lite.model.releasing import COMMITTED
from flocker_lite.model.state import (
    AsideCopy,
    DesiredDataset,
    Kept,
    Listener,
    LocalContainer,
    LocalDataset,
    NodeView,
    Rule,
    key_of,
)
from flocker_lite.planner.companions import follows_others

_HANDED_OUT = frozenset({STOPPING, STOPPED, COPIED, COMMITTED})


@dataclass(frozen=True, slots=True)
class Local:
    """What discovery found on a node.

    `images` are those of the desired images that are here. `on_trial` are the datasets of trials
    that go on. `with_stale_mounts` names the running containers that do not see the present mounts
    of all of their datasets. `listeners` are the foreign listeners, by the key of the port. `kept`
    are Docker volumes, by the name of the removed container that they belong to. `asides` are by
    name. `names` are those of others that each container here finds at this node's address.
    `adoptions` are the notes of this node, by the names of the containers here. The `barred`
    containers must not be started, and volumes not mounted now, because no fence would end them in
    time; the `unguarded` ones run nevertheless, and have to stop.
    """

    datasets: PMap[DatasetId, LocalDataset] = field(default_factory=pmap)
    containers: PMap[str, LocalContainer] = field(default_factory=pmap)
    routes: frozenset[Rule] = frozenset()
    images: frozenset[str] = frozenset()
    on_trial: frozenset[DatasetId] = frozenset()
    listeners: PMap[str, Listener] = field(default_factory=pmap)
    kept: PMap[str, Kept] = field(default_factory=pmap)
    pins: PMap[str, ExactImage] = field(default_factory=pmap)
    with_stale_mounts: frozenset[str] = frozenset()
    asides: PMap[str, AsideCopy] = field(default_factory=pmap)
    names: PMap[str, tuple[str, ...]] = field(default_factory=pmap)
    adoptions: PMap[str, AdoptionNote] = field(default_factory=pmap)
    barred: frozenset[str] = frozenset()
    unguarded: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Group:
    """A container, as desired and as it is here, with its datasets; or one dataset alone.

    `shared` says that another container on this node uses one of these datasets. `tied` says that
    an unfinished handoff includes some of these datasets and is a group of its own here: it must
    be finished first. `serving` is the node where the cluster sees the container serve.
    `is_led_away` says that this node routes the container's connections to another node. `pin` is
    the exact image that the container runs with on the node that it comes from. `follows_others`
    says that it moves together with containers that it depends on. `is_barred` and `is_unguarded`
    are as in `Local`.
    """

    name: str | None
    desired: Container | None
    have: LocalContainer | None
    datasets: tuple[GroupDataset, ...]
    shared: bool = False
    serving: NodeId | None = None
    is_led_away: bool = False
    tied: bool = False
    has_stale_mounts: bool = False
    pin: ExactImage | None = None
    follows_others: bool = False
    is_barred: bool = False
    is_unguarded: bool = False

    def with_role(self, *roles: Role) -> tuple[GroupDataset, ...]:
        """The datasets whose copy here has one of these roles."""
        return tuple(dataset for dataset in self.datasets if dataset.role in roles)

    @property
    def trouble(self) -> str | None:
        """Why this node must not touch it: it cannot tell who may write to its data."""
        return next((dataset.trouble for dataset in self.datasets if dataset.trouble), None)

    @property
    def lost(self) -> str | None:
        """Why its container lost its data, in words; None when nothing is wrong."""
        for dataset in self.with_role(*WRITERS):
            if dataset.lost is not None:
                return dataset.lost
        if self.has_stale_mounts and self.have is not None and self.have.running:
            return "it runs without its data, which was mounted again since: it is restarted"
        return None

    @property
    def may_run(self) -> bool:
        """Whether this node alone may write to every dataset of the group."""
        return all(
            dataset.role is Role.PRIMARY or (dataset.role is Role.PROBATION and dataset.on_trial)
            for dataset in self.datasets
        )


@dataclass(frozen=True, slots=True)
class GroupDataset:
    """A dataset as the view has it (None: not in the view) and as it is here (None: no copy).

    `on_trial` says that this node has it for a trial; `fate` is what becomes of it by the lease of
    its coordinator. `is_given_up` says that the user wants the replica here destroyed.
    """

    dataset_id: DatasetId
    desired: DesiredDataset | None
    local: LocalDataset | None
    on_trial: bool = False
    fate: Fate = Fate.OWN
    is_given_up: bool = False

    @property
    def role(self) -> Role | None:
        if self.local is None or self.local.lease is None:
            return None
        return self.local.lease.role

    @property
    def trouble(self) -> str | None:
        """Why this node must not touch its copy, in words."""
        if self.local is None or self.local.trouble is not None or self.fate is not Fate.UNKNOWN:
            return self.local.trouble if self.local is not None else None
        first = self.local.membership.coordinator if self.local.membership is not None else None
        return (
            f"{self.dataset_id}: it is handed over together with {first}, but this node cannot "
            f"tell whether {first} was released, because its copy here is gone or has no lease: "
            "bring that copy back"
        )

    @property
    def is_coordinator(self) -> bool:
        """Whether it was the coordinator of its last handoff."""
        note = self.local.membership if self.local is not None else None
        return note is not None and note.coordinator == self.dataset_id

    @property
    def lost(self) -> str | None:
        """Why its mount cannot be used, in words; None when nothing is wrong with it."""
        if self.local is None:
            return None
        if self.local.is_dead:
            return (
                f"the mount of dataset {self.dataset_id} is dead, because its file system is gone: "
                "it is mounted again once ZFS answers"
            )
        if self.local.obstacle is not None:
            return f"dataset {self.dataset_id} cannot be used: {self.local.obstacle}"
        return None

    @property
    def deleted(self) -> bool:
        """Whether the user wants it destroyed."""
        return self.desired is not None and self.desired.dataset.deleted

    @property
    def primary(self) -> NodeId | None:
        """The node where the user wants it; None when unknown or deleted."""
        if self.desired is None or self.desired.dataset.deleted:
            return None
        return self.desired.dataset.primary

    def superseded(self, me: NodeId) -> bool:
        """Whether another node was granted a later epoch than the copy here has."""
        if self.desired is None or self.local is None or self.local.lease is None:
            return False
        grant = self.desired.grant
        return grant.owner != me and grant.epoch > self.local.lease.epoch


def groups(view: NodeView, local: Local) -> tuple[Group, ...]:
    """Every container and dataset of the view or the node, each in one group."""
    found: list[Group] = []
    led_away = {key_of(rule) for rule in local.routes}
    grouped: set[DatasetId] = set()
    users: dict[DatasetId, set[str]] = {}
    for name, have in local.containers.items():
        for volume in have.container.volumes:
            users.setdefault(volume.dataset_id, set()).add(name)
    noted = set(local.adoptions) - {*view.datasets, *local.datasets}
    for name in sorted({*view.containers, *local.containers, *noted}):
        desired, made = view.containers.get(name), local.containers.get(name)
        volumes = desired.volumes if desired is not None else made.container.volumes if made else ()
        ids = [volume.dataset_id for volume in volumes if volume.dataset_id not in grouped]
        grouped.update(ids)
        datasets = tuple(_dataset(dataset_id, view, local) for dataset_id in ids)
        shared = any(users.get(volume.dataset_id, set()) - {name} for volume in volumes)
        ports = led(made.container.ports) if made is not None else ()
        is_led_away = all(port.key in led_away for port in ports)
        pin = local.pins.get(name)
        is_pinned = pin is not None and desired is not None and pin.image == desired.image
        found.append(
            Group(
                *(name, desired, made, datasets, shared, view.serving.get(name), is_led_away),
                has_stale_mounts=name in local.with_stale_mounts,
                pin=pin if is_pinned else None,
                follows_others=follows_others(view, name),
                is_barred=name in local.barred,
                is_unguarded=name in local.unguarded,
            )
        )
    for dataset_id in sorted({*view.datasets, *local.datasets} - grouped):
        lone = (_dataset(dataset_id, view, local),)
        is_barred = volume_unit(dataset_id) in local.barred
        is_used = dataset_id in users
        found.append(Group(None, None, None, lone, is_used, is_barred=is_barred))
    return _with_ties(found, view, local)


def _with_ties(found: list[Group], view: NodeView, local: Local) -> tuple[Group, ...]:
    """Keep the datasets of an unfinished handoff together, whatever the configuration says now."""
    ties = [
        tie
        for tie in _ties(view, local)
        if not any(tie <= {each.dataset_id for each in group.datasets} for group in found)
    ]
    if not ties:
        return tuple(found)
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
    """The datasets of each handoff of several datasets that is unfinished here."""
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
    desired = view.datasets.get(dataset_id)
    return desired is not None and desired.dataset.deleted


def is_on_trial(local: Local, container: Container) -> bool:
    """Whether the container runs on trial: clients must not reach it until the trial is over.

    So does one that takes over from a container of Docker's, until that is committed.
    """
    note = local.adoptions.get(container.name)
    if note is not None and note.release is None and note.step != ADOPTED:
        return True
    copies = (local.datasets.get(volume.dataset_id) for volume in container.volumes)
    return any(copy is not None and lease.is_on_trial(copy.lease) for copy in copies)


def is_handed_out(local: Local, name: str) -> bool:
    """Whether clients wait for a plain container that may run in place of this one of ours."""
    note = local.adoptions.get(name)
    return note is not None and note.release is not None and note.step in _HANDED_OUT


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
        dataset_id in view.discards,
    )
