"""The changes that a node can make to itself: frozen values with one `run` each.

Every one is idempotent and may be cut off at any instruction: the next discovery sees what is
left, and the planner goes on from there. Those that move data are in `pushing` and `handoff`.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from zope.interface import Attribute, Interface, implementer

from flocker_lite.convergence.arrivals import Arrivals
from flocker_lite.convergence.loans import Loans
from flocker_lite.convergence.move_log import MoveLog
from flocker_lite.convergence.obstacles import require_no_writer
from flocker_lite.convergence.pins import Pins, have_exactly
from flocker_lite.convergence.proving import Unproven
from flocker_lite.convergence.pull_log import PullLog
from flocker_lite.convergence.wishes import Wishes
from flocker_lite.errors import NotFound
from flocker_lite.interfaces import IContainers, IEndings, IPeers, IProofs, IStorage
from flocker_lite.model import increments, lease
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.records import Container, DatasetId, HealthCheck, NodeId
from flocker_lite.model.state import NodeView, Rule
from flocker_lite.routing.switchboard import Switchboard

STOP_TIMEOUT_SECONDS = 30.0
TRIAL_STOP_TIMEOUT_SECONDS = 1.0
"""A copy on trial has nobody's requests to finish, and its service is down meanwhile."""


@dataclass(frozen=True, slots=True)
class Doors:
    """The world as changes reach it; `clock` provides IReactorTime, `address` is this node's."""

    node_id: NodeId
    address: str
    storage: IStorage
    containers: IContainers
    routing: Switchboard
    peers: IPeers
    clock: Any
    moves: MoveLog
    pulls: PullLog
    endings: IEndings
    arrivals: Arrivals
    loans: Loans
    wishes: Wishes = field(default_factory=Wishes)
    pins: Pins = field(default_factory=Pins)
    proofs: IProofs = field(default_factory=Unproven)


class IStateChange(Interface):
    """One idempotent step on one node."""

    resources: frozenset[str] = Attribute(
        'What it works on ("dataset/ID", "image/NAME", "routes", ...); one change at a time each.'
    )
    transfers: bool = Attribute("Whether it moves bulk data, of which few go on side by side.")
    kind: str = Attribute("What it does, in a word: failures are counted for it and its resources.")

    def withdrawn_by(view: NodeView) -> bool:
        """Whether it may be cut off in the middle, for it is not wanted any more."""

    def run(doors: Doors) -> Awaitable[None]:
        """Do it; raises FlockerError (and the loop survives anything else, too)."""


def dataset_resource(dataset_id: DatasetId) -> str:
    return f"dataset/{dataset_id}"


def container_resource(name: str) -> str:
    return f"container/{name}"


def image_resource(image: str) -> str:
    return f"image/{image}"


ROUTES_RESOURCE = "routes"


def key(change: IStateChange) -> str:
    """What back-off is counted for: the kind of change and its resources."""
    return f"{change.kind} {' '.join(sorted(change.resources))}"


class ShortChange:
    """Shared by the changes that are short enough to go on to their end, whatever is wanted."""

    transfers: ClassVar[bool] = False

    @property
    def kind(self) -> str:
        return type(self).__name__

    def withdrawn_by(self, view: NodeView) -> bool:
        return False


class _DatasetChange(ShortChange):
    """Shared by the changes of one dataset."""

    dataset_id: DatasetId

    @property
    def resources(self) -> frozenset[str]:
        return frozenset({dataset_resource(self.dataset_id)})


class ContainerChange(ShortChange):
    """Shared by the changes of one container."""

    name: str

    @property
    def resources(self) -> frozenset[str]:
        return frozenset({container_resource(self.name)})


@implementer(IStateChange)
@dataclass(frozen=True)
class Sequence:
    """Changes one after the other, as one; it ends at the first that fails."""

    changes: tuple[IStateChange, ...]
    _running: list[IStateChange] = field(
        default_factory=list, init=False, compare=False, repr=False
    )

    @property
    def resources(self) -> frozenset[str]:
        return frozenset().union(*(change.resources for change in self.changes))

    @property
    def transfers(self) -> bool:
        return any(change.transfers for change in self.changes)

    @property
    def kind(self) -> str:
        return "+".join(change.kind for change in self.changes)

    def withdrawn_by(self, view: NodeView) -> bool:
        return any(change.withdrawn_by(view) for change in self._running)

    async def run(self, doors: Doors) -> None:
        for change in self.changes:
            self._running[:] = [change]
            await change.run(doors)


@implementer(IStateChange)
@dataclass(frozen=True)
class CreateDataset(_DatasetChange):
    """Make an empty dataset that never existed on any node, and mount it."""

    dataset_id: DatasetId
    maximum_size: int | None

    async def run(self, doors: Doors) -> None:
        await doors.storage.create(self.dataset_id, self.maximum_size, lease.create())
        await doors.storage.mount(self.dataset_id)


@implementer(IStateChange)
@dataclass(frozen=True)
class ResizeDataset(_DatasetChange):
    """Set the limit of a dataset, in bytes; None lifts it."""

    dataset_id: DatasetId
    maximum_size: int | None

    async def run(self, doors: Doors) -> None:
        await doors.storage.resize(self.dataset_id, self.maximum_size)


@implementer(IStateChange)
@dataclass(frozen=True)
class MountDataset(_DatasetChange):
    """Mount a dataset of which this node is the primary."""

    dataset_id: DatasetId

    async def run(self, doors: Doors) -> None:
        await doors.storage.mount(self.dataset_id)
        doors.moves.mark(self.dataset_id, "mount")


@implementer(IStateChange)
@dataclass(frozen=True)
class DeleteDataset(_DatasetChange):
    """Destroy this node's copy of a dataset that the configuration says is deleted."""

    dataset_id: DatasetId

    async def run(self, doors: Doors) -> None:
        await doors.storage.unmount(self.dataset_id)
        await doors.storage.destroy(self.dataset_id)


@implementer(IStateChange)
@dataclass(frozen=True)
class SettleDataset(_DatasetChange):
    """Call a copy that was handed over a replica, now that its new primary is known to have it."""

    dataset_id: DatasetId
    lease: lease.Lease

    async def run(self, doors: Doors) -> None:
        await self._sign(doors)
        await doors.storage.set_lease(self.dataset_id, lease.settle(self.lease))

    async def _sign(self, doors: Doors) -> None:
        """Who was cut off between its commit and its signature signs while it knows what to say."""
        local = await doors.storage.look(self.dataset_id)
        last = increments.last_pushed(local.snapshots) if local is not None else None
        if last is not None and self.lease.peer is not None:
            released = {self.dataset_id: (self.lease.epoch, last.guid)}
            await doors.proofs.release(self.lease.peer, released)


@implementer(IStateChange)
@dataclass(frozen=True)
class DeposeDataset(_DatasetChange):
    """Give up writing to a copy, since another node was granted a later epoch; it is kept."""

    dataset_id: DatasetId
    lease: lease.Lease
    epoch: int

    async def run(self, doors: Doors) -> None:
        await doors.storage.unmount(self.dataset_id)
        await doors.storage.set_lease(self.dataset_id, lease.depose(self.lease, self.epoch))


@implementer(IStateChange)
@dataclass(frozen=True)
class PullImageOfContainer(ContainerChange):
    """Have the image of a container here, before the one that runs is stopped."""

    name: str
    image: str

    async def run(self, doors: Doors) -> None:
        await pull(doors, self.image)


@implementer(IStateChange)
@dataclass(frozen=True)
class PullImage(ShortChange):
    """Have an image here before a container needs it."""

    image: str

    @property
    def resources(self) -> frozenset[str]:
        return frozenset({image_resource(self.image)})

    async def run(self, doors: Doors) -> None:
        await pull(doors, self.image)


@implementer(IStateChange)
@dataclass(frozen=True)
class PrepareContainer(ContainerChange):
    """Have a container created, its image here, and not started."""

    name: str
    container: Container
    pin: ExactImage | None = None

    @property
    def kind(self) -> str:
        """That one image is not to be had says nothing of another."""
        name = type(self).__name__
        return name if self.pin is None else f"{name}({self.pin.image_id})"

    async def run(self, doors: Doors) -> None:
        image_id = None
        if self.pin is None:
            # What was named for an arrival holds no longer than until it is made anew here.
            doors.pins.pin(self.name, None)
            await pull(doors, self.container.image)
        else:
            image_id = await have_exactly(
                doors.containers, partial(pull, doors), self.name, self.pin
            )
        binds = {
            volume.dataset_id: doors.storage.path(volume.dataset_id)
            for volume in self.container.volumes
        }
        await doors.containers.prepare(self.container, binds, doors.address, image_id)


@implementer(IStateChange)
@dataclass(frozen=True)
class PoiseContainer(ContainerChange):
    """Start a prepared container with its program held back: letting it go is all that is left.

    What would keep it from starting shows now, while it still runs elsewhere.
    """

    name: str

    async def run(self, doors: Doors) -> None:
        await doors.containers.poise(self.name)


@implementer(IStateChange)
@dataclass(frozen=True)
class StartContainer(ContainerChange):
    """Start a prepared container; `dataset_ids` are mounted here, and stay so meanwhile.

    `is_poised` says that its program waits for nothing else. `on_trial` are those that it has on
    loan: it starts only as long as that goes on, for then they are given back, and not before its
    fence knows which `instance` it is ("": the one that is there by then). `unsure` are those that
    somebody else may have in use: while one may write to them it is not started.
    """

    name: str
    dataset_ids: tuple[DatasetId, ...] = ()
    ports: tuple[int, ...] = ()
    health_check: HealthCheck | None = None
    on_trial: tuple[DatasetId, ...] = ()
    is_poised: bool = field(default=False, compare=False)
    instance: str = field(default="", compare=False)
    unsure: tuple[DatasetId, ...] = field(default=(), compare=False)

    @property
    def resources(self) -> frozenset[str]:
        datasets = {dataset_resource(dataset_id) for dataset_id in self.dataset_ids}
        return frozenset(datasets | {container_resource(self.name)})

    async def run(self, doors: Doors) -> None:
        if not doors.loans.on_trial.issuperset(self.on_trial):
            return
        await require_no_writer(
            doors.storage, doors.containers, self.name, self.instance, self.unsure
        )
        if self.on_trial:
            await self._guard(doors)
        for dataset_id in self.dataset_ids:
            doors.moves.let_go(dataset_id, self.is_poised)
        await doors.arrivals.start(
            self.name, self.ports, self.dataset_ids, bool(self.on_trial), self.health_check
        )

    async def _guard(self, doors: Doors) -> None:
        instance = self.instance
        if not instance:
            have = await doors.containers.look(self.name)
            if have is None:
                raise NotFound(f"container {self.name} is not there: prepare it first")
            instance = have.instance
        await doors.loans.guard(self.name, instance)


@implementer(IStateChange)
@dataclass(frozen=True)
class RemoveContainer(ContainerChange):
    """Stop a container and remove it."""

    name: str

    async def run(self, doors: Doors) -> None:
        await doors.containers.stop(self.name, STOP_TIMEOUT_SECONDS)
        await doors.containers.remove(self.name)


@implementer(IStateChange)
@dataclass(frozen=True)
class ReplaceRoutes(ShortChange):
    """Put exactly these routes in force."""

    routes: frozenset[Rule]

    @property
    def resources(self) -> frozenset[str]:
        return frozenset({ROUTES_RESOURCE})

    async def run(self, doors: Doors) -> None:
        await doors.routing.replace(self.routes)


async def pull(doors: Doors, image: str) -> None:
    """Have the image here, and tell how far it is meanwhile."""
    try:
        await doors.containers.pull(image, lambda progress: doors.pulls.note(image, progress))
    finally:
        doors.pulls.note(image, None)
