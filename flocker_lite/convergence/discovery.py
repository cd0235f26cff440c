"""Inspects a node: everything at intervals, and single resources when they may have changed.

One look runs at a time. Requests that arrive meanwhile are merged into the next look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from pyrsistent import PMap
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from flocker_lite.convergence.context import AgentContext
from flocker_lite.convergence.discovery_monitor import RETRY_SECONDS, DiscoveryMonitor
from flocker_lite.convergence.mount_health import MountHealth
from flocker_lite.convergence.restart_tracker import RestartTracker
from flocker_lite.errors import FlockerError, LeaseError
from flocker_lite.interfaces import IContainers, IStorage
from flocker_lite.model.copy_sizes import with_told_sizes
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import AsideCopy, Kept, LocalContainer, LocalDataset
from flocker_lite.planner.groups import Local
from flocker_lite.planner.image_plan import desired_images
from flocker_lite.planner.kept_plan import kept_by_container, may_be_kept
from flocker_lite.planner.resources import (
    NAMES,
    ROUTES,
    AsideResource,
    AsidesResource,
    ContainerResource,
    DatasetResource,
    ImageResource,
    Resource,
)
from flocker_lite.planner.routing_plan import foreign_listeners

WHOLE_DISCOVERY_SECONDS = 30.0

ONE_BY_ONE_MAX = 4
"""Discovery inspects up to this many changed containers one by one, and otherwise lists all."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to inspect: these resources, or everything.

    Containers of the same request may use the `tied` datasets: those stay out of date until the
    containers were inspected as well.
    """

    resources: frozenset[Resource] = frozenset()
    tied: frozenset[Resource] = frozenset()
    is_of_all: bool = False

    @classmethod
    def of(cls, resources: frozenset[Resource]) -> Request:
        """A request for the resources of one change or one event."""
        with_container = any(isinstance(each, ContainerResource) for each in resources)
        datasets = frozenset(each for each in resources if isinstance(each, DatasetResource))
        return cls(resources, datasets if with_container else frozenset())

    def __bool__(self) -> bool:
        return self.is_of_all or bool(self.resources)

    def __or__(self, other: Request) -> Request:
        return Request(
            self.resources | other.resources,
            self.tied | other.tied,
            self.is_of_all or other.is_of_all,
        )


@dataclass
class _Look:
    """A look that is running.

    `resources` are out of date until it has seen them. Changes have worked on `worked_on` since
    the look began.
    """

    request: Request
    resources: frozenset[Resource]
    worked_on: set[Resource]
    looking: Deferred[None] | None = None


class Discovery:
    """Knows what this node had at the last look: `local`, complete once `seen_all` is true.

    `busy` returns the resources that changes work on. `looked` is called after each look, even a
    failed one; `changed` when the health of discovery itself changed; `broken` with a bug.
    """

    def __init__(
        self,
        context: AgentContext,
        restart_tracker: RestartTracker,
        busy: Callable[[], set[Resource]],
        looked: Callable[[], None],
        changed: Callable[[], None],
        broken: Callable[[Failure], None],
    ) -> None:
        self.local = Local()
        self.seen_all = False
        self.monitor = DiscoveryMonitor(context.clock, changed, context.storage.check_command)
        self._context = context
        self._restart_tracker = restart_tracker
        self._busy = busy
        self._looked = looked
        self._broken = broken
        self._mount_health = MountHealth(context.storage, busy, self.look_again_later)
        self._next = Request()
        self._look: _Look | None = None
        self._later: IDelayedCall | None = None
        self._poll = LoopingCall(self.look_again)
        self._poll.clock = context.clock

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped since."""
        return bool(self._poll.running)

    def start(self, seconds: float) -> None:
        """Inspect everything now, and again at this interval."""
        self._poll.start(seconds, now=True)

    def stop(self) -> None:
        """Cancel the running look, and start no other."""
        if self._poll.running:
            self._poll.stop()
        if self._later is not None and self._later.active():
            self._later.cancel()
        self.monitor.end()
        if self._look is not None and self._look.looking is not None:
            self._look.looking.cancel()

    @property
    def out_of_date(self) -> frozenset[Resource]:
        """The resources that must be inspected again before a change may rely on them."""
        going_on = self._look.resources if self._look is not None else frozenset()
        return going_on | self._next.resources

    def is_worked_on(self, resources: Iterable[Resource]) -> None:
        """A change begins to work on these: the running look may see it half done."""
        if self._look is not None:
            self._look.worked_on.update(resources)

    def look_again(self, resources: frozenset[Resource] | None = None) -> None:
        """Inspect these again (None: everything)."""
        self._next |= Request(is_of_all=True) if resources is None else Request.of(resources)
        self._begin()

    def look_again_later(self) -> None:
        """Inspect everything in a while; further calls until then have no effect."""
        if not self.is_running or (self._later is not None and self._later.active()):
            return
        self._later = self._context.clock.callLater(RETRY_SECONDS, self.look_again)

    def _begin(self) -> None:
        if self._look is not None or not self._next or not self.is_running:
            return
        request, self._next = self._next, Request()
        look = self._look = _Look(request, request.resources, self._busy())
        seeing = self._see_all(look) if request.is_of_all else self._see(look)
        looking = look.looking = Deferred.fromCoroutine(seeing)
        self.monitor.begin()
        looking.addCallbacks(self._succeeded, self._failed)
        looking.addErrback(self._broken)

    def _succeeded(self, _: None) -> None:
        self._look = None
        self.monitor.succeeded()
        self._looked()
        self._begin()

    def _failed(self, failure: Failure) -> None:
        look, self._look = self._look, None
        if look is not None:
            self._next |= Request(look.resources, look.request.tied)
        if not self.is_running:
            return
        self.monitor.failed(failure)
        # Changes that failed meanwhile must be reported, and changes elsewhere must go on.
        self._looked()
        self.look_again_later()

    async def _see_all(self, look: _Look) -> None:
        context = self._context
        try:
            found = await context.storage.discover()
        except FlockerError:
            await self._see_without_zfs(look)
            raise
        datasets = with_told_sizes(found, self.local.datasets)
        if self.seen_all:
            self._accept_datasets(look, datasets)
        listening = await context.routing.listeners()
        containers = await context.containers.discover()
        routes = await context.routing.discover()
        view = context.desired.view
        desired = desired_images(view) if view is not None else frozenset()
        images = {image for image in desired if await context.containers.has_image(image)}
        # A container that came or went during this look is in one of the two.
        ours = (*self.local.containers.values(), *containers.values())
        listeners = foreign_listeners(listening, ours)
        with_stale_mounts = await self._mount_health.containers_with_stale_mounts(
            datasets, containers
        )
        kept = await _kept(context.containers)
        asides = await context.storage.asides()
        names = await context.hosts.discover()
        now = Local(datasets, containers, routes, frozenset(images), listeners=listeners)
        await self._accept(
            look,
            replace(
                now, kept=kept, with_stale_mounts=with_stale_mounts, asides=asides, names=names
            ),
        )
        self.seen_all = True

    async def _see_without_zfs(self, look: _Look) -> None:
        """Inspect what answers without ZFS: the containers and the mounts."""
        if self.seen_all:
            with suppress(FlockerError):
                containers = await self._context.containers.discover()
                # Before the mounts: a container that ended with its data is recognised by how the
                # datasets were until now.
                await self._accept(look, replace(self.local, containers=containers))
        self.local = await self._mount_health.without_zfs(self.local)

    async def _see(self, look: _Look) -> None:
        """Inspect the requested resources only."""
        now, resources, context = self.local, look.request.resources, self._context
        routes, images, listeners = now.routes, now.images, now.listeners
        found = await _datasets(context.storage, resources, now.datasets)
        datasets = with_told_sizes(found, now.datasets)
        self._accept_datasets(look, datasets)
        for image in sorted(each.image for each in resources if isinstance(each, ImageResource)):
            here = await context.containers.has_image(image)
            images = images | {image} if here else images - {image}
        names = sorted(each.name for each in resources if isinstance(each, ContainerResource))
        containers = await _containers(context.containers, names, now.containers)
        is_kept = may_be_kept(names, now, containers)
        kept = await _kept(context.containers) if is_kept else now.kept
        asides = await _asides(context.storage, resources, now.asides)
        if ROUTES in resources:
            listeners = foreign_listeners(await context.routing.listeners(), containers.values())
            routes = await context.routing.discover()
        names_led = await context.hosts.discover() if NAMES in resources else now.names
        seen = replace(
            now,
            datasets=datasets,
            containers=containers,
            routes=routes,
            images=images,
            listeners=listeners,
            kept=kept,
            # The container may run anew since its mounts were compared.
            with_stale_mounts=now.with_stale_mounts - set(names),
            asides=asides,
            names=names_led,
        )
        await self._accept(look, seen)

    def _accept_datasets(self, look: _Look, datasets: PMap[DatasetId, LocalDataset]) -> None:
        """Keep what storage said, even if Docker or the kernel does not answer afterwards.

        A dataset that a container may use now stays out of date until that was inspected.
        """
        self.local = replace(self.local, datasets=datasets)
        seen = frozenset(each for each in look.resources if isinstance(each, DatasetResource))
        look.resources -= seen - look.request.tied

    async def _accept(self, look: _Look, now: Local) -> None:
        """Write down which containers ended by themselves before anything relies on it."""
        gone = await self._context.containers.gone()
        # A container that ended and was then removed counts as ended.
        last = replace(now, containers=gone.update(now.containers))
        stopped = await self._mount_health.ended_without_data(
            self.local.datasets, last.containers, self._restart_tracker.histories
        )
        # A change may have stopped the container that this look saw stopped, and be over by now.
        stopped += [name for name in last.containers if ContainerResource(name) in look.worked_on]
        await self._restart_tracker.record_exits(last, stopped, self._context.desired.view)
        self.local = now
        await self._context.trials.see(now.datasets)


async def _datasets(
    storage: IStorage, resources: frozenset[Resource], known: PMap[DatasetId, LocalDataset]
) -> PMap[DatasetId, LocalDataset]:
    """All copies: the `known` ones, with these inspected again."""
    for identity in sorted(
        each.dataset_id for each in resources if isinstance(each, DatasetResource)
    ):
        try:
            found = await storage.look(identity)
        except LeaseError:
            found = (await storage.discover()).get(identity)
        known = known.discard(identity) if found is None else known.set(identity, found)
    return known


async def _containers(
    containers: IContainers, names: list[str], known: PMap[str, LocalContainer]
) -> PMap[str, LocalContainer]:
    """All containers: the `known` ones, with these inspected again."""
    if len(names) > ONE_BY_ONE_MAX:
        return await containers.discover()
    for name in names:
        found = await containers.look(name)
        known = known.discard(name) if found is None else known.set(name, found)
    return known


async def _kept(containers: IContainers) -> PMap[str, Kept]:
    """The kept Docker volumes, by the name of their container."""
    return kept_by_container(await containers.kept())


async def _asides(
    storage: IStorage, resources: frozenset[Resource], known: PMap[str, AsideCopy]
) -> PMap[str, AsideCopy]:
    """All asides: the `known` ones, or inspected again if one of these resources is an aside."""
    concerned = any(isinstance(each, AsideResource | AsidesResource) for each in resources)
    return await storage.asides() if concerned else known
