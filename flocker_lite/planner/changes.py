"""The changes that a node can make to itself, as frozen values.

Every change is idempotent, and a crash may cut it off at any instruction: the next discovery sees
what is left, and the planner continues from there. The executors know how to carry out a change.
Changes that involve another node are in `move_changes`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from pyrsistent import PMap
from zope.interface import Attribute, Interface, implementer

from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.lease import Lease
from flocker_lite.model.records import Container, DatasetId, HealthCheck
from flocker_lite.model.state import NodeView, Rule
from flocker_lite.planner.resources import (
    NAMES,
    ROUTES,
    AsideResource,
    ContainerResource,
    DatasetResource,
    ImageResource,
    Resource,
)


class IStateChange(Interface):
    """One idempotent step on one node."""

    resources: frozenset[Resource] = Attribute("What it works on: each has one change at a time.")
    transfers: bool = Attribute("Whether it sends bulk data; a node limits how many such run.")
    kind: str = Attribute("A word for what it does: back-off counts by kind and resources.")

    def withdrawn_by(view: NodeView) -> bool:
        """Whether this view no longer wants the change, so that it may be cancelled midway."""


@dataclass(frozen=True, slots=True)
class ChangeKey:
    """Identifies a change for back-off: its kind and its resources."""

    kind: str
    resources: frozenset[Resource]

    def __str__(self) -> str:
        return f"{self.kind} {' '.join(sorted(map(str, self.resources)))}"


def key(change: IStateChange) -> ChangeKey:
    """The key of a change."""
    return ChangeKey(change.kind, change.resources)


class ShortChange:
    """Base of the changes that are too short to be worth cancelling."""

    transfers: ClassVar[bool] = False

    @property
    def kind(self) -> str:
        return type(self).__name__

    def withdrawn_by(self, view: NodeView) -> bool:
        return False


class _DatasetChange(ShortChange):
    """Base of the changes of one dataset."""

    dataset_id: DatasetId

    @property
    def resources(self) -> frozenset[Resource]:
        return frozenset({DatasetResource(self.dataset_id)})


class _ContainerChange(ShortChange):
    """Base of the changes of one container."""

    name: str

    @property
    def resources(self) -> frozenset[Resource]:
        return frozenset({ContainerResource(self.name)})


@implementer(IStateChange)
@dataclass(frozen=True)
class Sequence:
    """Several changes, carried out in order as one; the first failure ends it."""

    changes: tuple[IStateChange, ...]

    @property
    def resources(self) -> frozenset[Resource]:
        return frozenset().union(*(change.resources for change in self.changes))

    @property
    def transfers(self) -> bool:
        return any(change.transfers for change in self.changes)

    @property
    def kind(self) -> str:
        return "+".join(change.kind for change in self.changes)

    def withdrawn_by(self, view: NodeView) -> bool:
        return any(change.withdrawn_by(view) for change in self.changes)


def steps_of(change: IStateChange) -> tuple[IStateChange, ...]:
    """The steps of a change in order: the change itself, or the parts of a sequence."""
    if not isinstance(change, Sequence):
        return (change,)
    return tuple(step for part in change.changes for step in steps_of(part))


@implementer(IStateChange)
@dataclass(frozen=True)
class CreateDataset(_DatasetChange):
    """Create and mount an empty dataset that never existed on any node."""

    dataset_id: DatasetId
    maximum_size: int | None


@implementer(IStateChange)
@dataclass(frozen=True)
class ResizeDataset(_DatasetChange):
    """Set the limit of a dataset, in bytes; None lifts it."""

    dataset_id: DatasetId
    maximum_size: int | None


@implementer(IStateChange)
@dataclass(frozen=True)
class MountDataset(_DatasetChange):
    """Mount a dataset of which this node is the primary."""

    dataset_id: DatasetId


@implementer(IStateChange)
@dataclass(frozen=True)
class DeleteDataset(_DatasetChange):
    """Destroy this node's copy of a dataset that the configuration says is deleted."""

    dataset_id: DatasetId


@implementer(IStateChange)
@dataclass(frozen=True)
class SettleDataset(_DatasetChange):
    """Turn a released copy into a replica, now that its new primary is known to have the data."""

    dataset_id: DatasetId
    lease: Lease


@implementer(IStateChange)
@dataclass(frozen=True)
class DemoteDataset(_DatasetChange):
    """Stop writing to a copy, because another node was granted a later epoch; keep the copy."""

    dataset_id: DatasetId
    lease: Lease
    epoch: int


@implementer(IStateChange)
@dataclass(frozen=True)
class DropCopy(_DatasetChange):
    """Destroy this node's replica of a dataset, which the user gave up."""

    dataset_id: DatasetId


@implementer(IStateChange)
@dataclass(frozen=True)
class DestroyAside(ShortChange):
    """Destroy the aside of this name, which the user gave up."""

    name: str

    @property
    def resources(self) -> frozenset[Resource]:
        return frozenset({AsideResource(self.name)})


@implementer(IStateChange)
@dataclass(frozen=True)
class PullImageOfContainer(_ContainerChange):
    """Pull the image of the new container before its running predecessor is stopped.

    What this node does not allow the new one, or has not for it, such as the value of a secret,
    fails here, so that the predecessor runs on.
    """

    name: str
    container: Container


@implementer(IStateChange)
@dataclass(frozen=True)
class PullImage(ShortChange):
    """Pull an image before a container needs it."""

    image: str

    @property
    def resources(self) -> frozenset[Resource]:
        return frozenset({ImageResource(self.image)})


@implementer(IStateChange)
@dataclass(frozen=True)
class PrepareContainer(_ContainerChange):
    """Pull the image of a container and create the container, without starting it."""

    name: str
    container: Container
    pin: ExactImage | None = None

    @property
    def kind(self) -> str:
        """It names the pinned image, so that failing to get one does not delay another."""
        name = type(self).__name__
        return name if self.pin is None else f"{name}({self.pin.image_id})"


@implementer(IStateChange)
@dataclass(frozen=True)
class PrestartContainer(_ContainerChange):
    """Start a prepared container with its program held at the start gate.

    Errors that would keep it from starting show now, while the container still runs elsewhere.
    """

    name: str


@implementer(IStateChange)
@dataclass(frozen=True)
class StartContainer(_ContainerChange):
    """Start a prepared container; `dataset_ids` are mounted here and stay mounted meanwhile.

    `is_prestarted` says that its program already waits at the start gate. `on_trial` are the
    datasets that this node has for a trial: the container starts only while the trial goes on, and
    only after the fence knows its `instance` ("": the instance that exists by then). Other
    processes may use the `unsure` datasets: the container does not start while one may write there.
    """

    name: str
    dataset_ids: tuple[DatasetId, ...] = ()
    ports: tuple[int, ...] = ()
    health_check: HealthCheck | None = None
    on_trial: tuple[DatasetId, ...] = ()
    is_prestarted: bool = field(default=False, compare=False)
    instance: str = field(default="", compare=False)
    unsure: tuple[DatasetId, ...] = field(default=(), compare=False)

    @property
    def resources(self) -> frozenset[Resource]:
        datasets = (DatasetResource(dataset_id) for dataset_id in self.dataset_ids)
        return frozenset({ContainerResource(self.name), *datasets})


@implementer(IStateChange)
@dataclass(frozen=True)
class RemoveContainer(_ContainerChange):
    """Stop a container and remove it."""

    name: str


@implementer(IStateChange)
@dataclass(frozen=True)
class HaltContainer(_ContainerChange):
    """Stop a container and keep it.

    A user wants it stopped, or restarted; or it must not run now. It has to run again later in that
    case, whatever its restart policy, so this does not count as its exit (`is_exit`).
    """

    name: str
    is_exit: bool = True


@implementer(IStateChange)
@dataclass(frozen=True)
class StopContainer(_ContainerChange):
    """Stop and remove a container whose data has disappeared.

    It gets little time, because it cannot save anything. It is removed so that its end does not
    count as an exit by itself.
    """

    name: str


@implementer(IStateChange)
@dataclass(frozen=True)
class DrainContainer(_ContainerChange):
    """Remove a container that another node serves now, after a time for its last requests."""

    name: str


@implementer(IStateChange)
@dataclass(frozen=True)
class RemoveKeptVolumes(_ContainerChange):
    """Remove the Docker volumes that were kept for a container, now that the user deleted it."""

    name: str


@implementer(IStateChange)
@dataclass(frozen=True)
class ReplaceRoutes(ShortChange):
    """Replace the routes of this node by exactly these."""

    routes: frozenset[Rule]

    @property
    def resources(self) -> frozenset[Resource]:
        return frozenset({ROUTES})


@implementer(IStateChange)
@dataclass(frozen=True)
class LeadNames(ShortChange):
    """Have each container of the node find these names of others at the node's own address."""

    names: PMap[str, tuple[str, ...]]

    @property
    def resources(self) -> frozenset[Resource]:
        return frozenset({NAMES})
