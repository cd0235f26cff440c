"""The loop of an agent: look, plan, change, look again; level-triggered, not stopped by errors.

A resource has one change in flight at a time, and different resources go on side by side. A message
from outside (a new view, an event of Docker, a peer's request) only says "look again".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pyrsistent import PMap
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite.convergence import discovery
from flocker_lite.convergence.changes import (
    ROUTES_RESOURCE,
    Doors,
    IStateChange,
    container_resource,
    dataset_resource,
    image_resource,
    key,
)
from flocker_lite.convergence.ends import Ends
from flocker_lite.convergence.failures import Failures, wanted_of
from flocker_lite.convergence.ground import Ground
from flocker_lite.convergence.groups import Local
from flocker_lite.convergence.image_plan import wanted_images
from flocker_lite.convergence.kept_plan import may_be_kept
from flocker_lite.convergence.patience import Patience
from flocker_lite.convergence.plan import plan
from flocker_lite.convergence.routing_plan import strangers
from flocker_lite.convergence.sight import AGAIN_SECONDS, Sight
from flocker_lite.convergence.standing import STANDING_SECONDS_MAX, standing
from flocker_lite.errors import FlockerError, LeaseError
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import LocalDataset, NodeView

WHOLE_DISCOVERY_SECONDS = 30.0
TRANSFERS_MAX = 2

REPEAT_SECONDS = 1.0
"""A change that succeeded and is planned again at once has no effect: it waits this long."""


class Loop:
    """Makes one node look like its view."""

    log = Logger()

    def __init__(
        self,
        doors: Doors,
        changed: Callable[[], None],
        discovery_seconds: float = WHOLE_DISCOVERY_SECONDS,
    ) -> None:
        """`changed` is called when there may be something new to report.

        `discovery_seconds` is how often everything is looked at, whether or not it has changed.
        """
        self.local = Local()
        self.view: NodeView | None = None
        self.failures = Failures()
        self._doors = doors
        self._changed = changed
        self._clock: Any = doors.clock
        self.sight = Sight(doors.clock, changed)
        self._ground = Ground(doors.storage, self._busy, self._look_again_later)
        self.standing = Patience(doors.clock, STANDING_SECONDS_MAX)
        self._in_flight: dict[str, tuple[IStateChange, Deferred[None]]] = {}
        self._wanted: dict[str, object] = {}
        self._discovery_seconds = discovery_seconds
        self.ends = Ends(doors.node_id, doors.endings, doors.clock)
        self._done_at: dict[IStateChange, float] = {}
        self._looking: Deferred[None] | None = None
        self._to_look: set[str] = set()
        self._looking_at: frozenset[str] = frozenset()
        self._worked_on: set[str] = set()
        self._tied: frozenset[str] = frozenset()
        self._looking_tied: frozenset[str] = frozenset()
        self._look_at_all = False
        self.seen_all = False
        self._retry: Any = None
        self._look_later: Any = None
        self._poll = LoopingCall(self.look_again)
        self._poll.clock = self._clock
        self._stopped = True
        self._stepping = False
        self._step_again = False

    def start(self) -> None:
        """Begin; the first thing is a look at everything."""
        self._stopped = False
        self._poll.start(self._discovery_seconds, now=True)

    async def stop(self) -> None:
        """Cancel what is in flight, as a crash would, and do nothing any more."""
        self._stopped = True
        if self._poll.running:
            self._poll.stop()
        for pending in (self._retry, self._look_later):
            if pending is not None and pending.active():
                pending.cancel()
        for _, deferred in list(self._in_flight.values()):
            deferred.cancel()
        self.sight.end()
        if self._looking is not None:
            self._looking.cancel()

    def set_view(self, view: NodeView) -> None:
        """The control service says what is wanted now.

        No port is led anywhere before it was seen that no other software of this node has it.
        """
        known = self.view.routes if self.view is not None else view.routes
        self.view = self._doors.wishes.view = view
        if view.routes.keys() - known.keys():
            self.look_again(frozenset({ROUTES_RESOURCE}))
        for change, deferred in list(self._in_flight.values()):
            if change.withdrawn_by(view):
                self.log.info("is cut off, not wanted any more: {change}", change=key(change))
                deferred.cancel()
        self._step()

    def plan_again(self) -> None:
        """What may be done has changed, though nothing that could be looked at."""
        self._step()

    def look_again(self, resources: frozenset[str] | None = None) -> None:
        """Discover these resources anew (None: all), then plan."""
        if resources is None:
            self._look_at_all = True
        else:
            self._to_look |= resources
            if any(each.startswith(container_resource("")) for each in resources):
                self._tied |= {each for each in resources if each.startswith(dataset_resource(""))}
        self._look()

    # Looking

    def _look(self) -> None:
        if self._looking is not None or self._stopped:
            return
        if not self._look_at_all and not self._to_look:
            return
        everything, self._look_at_all = self._look_at_all, False
        self._looking_at, self._to_look = frozenset(self._to_look), set()
        self._looking_tied, self._tied = self._tied, frozenset()
        self._worked_on = self._busy()
        looking = Deferred.fromCoroutine(
            self._discover() if everything else self._discover_some(self._looking_at)
        )
        self._looking = looking
        self.sight.begin()
        looking.addCallbacks(self._looked, self._could_not_look)
        looking.addErrback(self._broken)

    async def _discover(self) -> None:
        doors = self._doors
        try:
            datasets = await doors.storage.discover()
        except FlockerError:
            self.local = await self._ground.without_zfs(self.local)
            raise
        if self.seen_all:
            self._take_in_datasets(datasets)
        listening = await doors.routing.listeners()
        containers = await doors.containers.discover()
        routes = await doors.routing.discover()
        wanted = wanted_images(self.view) if self.view is not None else frozenset()
        images = {image for image in wanted if await doors.containers.has_image(image)}
        # A container that came or went meanwhile is in one of the two.
        ours = (*self.local.containers.values(), *containers.values())
        listeners = strangers(listening, ours)
        blind = await self._ground.blind(datasets, containers)
        kept = await discovery.kept(doors.containers)
        asides = await doors.storage.asides()
        now = Local(datasets, containers, routes, frozenset(images), listeners=listeners)
        await self._take_in(replace(now, kept=kept, blind=blind, asides=asides))
        self.seen_all = True

    def _busy(self) -> set[str]:
        return {name for change, _ in self._in_flight.values() for name in change.resources}

    async def _discover_some(self, resources: frozenset[str]) -> None:
        now = self.local
        datasets, containers, routes, images, listeners = (
            now.datasets,
            now.containers,
            now.routes,
            now.images,
            now.listeners,
        )
        for identity in discovery.named(dataset_resource(""), resources):
            try:
                found = await self._doors.storage.look(identity)
            except LeaseError:
                found = (await self._doors.storage.discover()).get(identity)
            datasets = datasets.discard(identity)
            datasets = datasets.set(identity, found) if found is not None else datasets
        self._take_in_datasets(datasets)
        for image in discovery.named(image_resource(""), resources):
            here = await self._doors.containers.has_image(image)
            images = images | {image} if here else images - {image}
        names = discovery.named(container_resource(""), resources)
        containers = await discovery.containers(self._doors.containers, names, containers)
        is_kept = may_be_kept(names, now, containers)
        kept = await discovery.kept(self._doors.containers) if is_kept else now.kept
        asides = await discovery.asides(self._doors.storage, resources, now.asides)
        if ROUTES_RESOURCE in resources:
            listeners = strangers(await self._doors.routing.listeners(), containers.values())
            routes = await self._doors.routing.discover()
        await self._take_in(
            replace(
                now,
                datasets=datasets,
                containers=containers,
                routes=routes,
                images=images,
                listeners=listeners,
                kept=kept,
                # One that was looked at alone may be another run of it.
                blind=now.blind - set(names),
                asides=asides,
            )
        )

    def _take_in_datasets(self, datasets: PMap[DatasetId, LocalDataset]) -> None:
        """What storage says is known, also when Docker or the kernel do not answer after it.

        What a container may have got into use stays untouched until that one was looked at.
        """
        self.local = replace(self.local, datasets=datasets)
        seen = frozenset(each for each in self._looking_at if each.startswith(dataset_resource("")))
        self._looking_at -= seen - self._looking_tied

    async def _take_in(self, now: Local) -> None:
        """Remember which containers ended by themselves before anything is based on it."""
        ours = await self._ground.ended(self.local.datasets, now.containers, self.ends.endings)
        # A change that is over by now may have stopped what this look saw stopped.
        ours += [name for name in now.containers if container_resource(name) in self._worked_on]
        await self.ends.take_in(now, ours, self.view)
        self.local = now

    def _looked(self, _: None) -> None:
        self._looking, self._looking_at, self._looking_tied = None, frozenset(), frozenset()
        self.sight.succeeded()
        self._step()
        self._look()

    def _could_not_look(self, failure: Failure) -> None:
        self._looking = None
        self._to_look |= self._looking_at
        self._tied |= self._looking_tied
        self._looking_at = self._looking_tied = frozenset()
        if self._stopped:
            return
        self.sight.failed(failure)
        # What failed meanwhile is told all the same, and what need not be looked at goes on.
        self._step()
        self._look_again_later()

    def _look_again_later(self) -> None:
        """At everything, after a while; asked for meanwhile, it is done once."""
        if self._stopped or (self._look_later is not None and self._look_later.active()):
            return
        self._look_later = self._clock.callLater(AGAIN_SECONDS, self.look_again)

    # Changing

    def _step(self) -> None:
        """Plan, and start what is free to start; asked for meanwhile, it is done once more."""
        self._step_again = True
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._step_again:
                self._step_again = False
                self._step_once()
        finally:
            self._stepping = False

    def _step_once(self) -> None:
        if self.view is not None:
            self.failures.begin_anew(self.view)
            self.ends.see(self.local.containers, self.view.containers)
        self._changed()
        if self._stopped or self.view is None or not self.seen_all:
            return
        now = self._clock.seconds()
        self._done_at = {
            change: done for change, done in self._done_at.items() if done + REPEAT_SECONDS > now
        }
        waiting = self.failures.waiting(now)
        doors = self._doors
        local = replace(self.local, on_trial=doors.loans.on_trial, pins=doors.pins.pinned)
        planned = plan(
            doors.node_id, self.view, local, waiting, self.ends.resting, self.ends.untold
        )
        self.standing.see(standing(planned))
        wanted_keys = {key(change) for change in planned} | set(self._in_flight) | waiting
        going_on = [change for change, _ in self._in_flight.values()]
        self.failures.keep(wanted_keys, [*planned, *going_on])
        busy = self._busy()
        # What is still to be looked at may be out of date: no change is based on it.
        busy |= self._to_look | self._looking_at
        for change in planned:
            repeated = change in self._done_at
            if busy.isdisjoint(change.resources) and not repeated and self._has_room(change):
                self._start(change)
            busy |= change.resources
        self._schedule_retry(now)

    def _has_room(self, change: IStateChange) -> bool:
        going_on = sum(other.transfers for other, _ in self._in_flight.values())
        return not change.transfers or going_on < TRANSFERS_MAX

    def _start(self, change: IStateChange) -> None:
        self.log.info("begins: {change}", change=key(change))
        begin: Deferred[None] = Deferred()
        deferred = Deferred.fromCoroutine(_run_after(begin, change, self._doors))
        self._in_flight[key(change)] = (change, deferred)
        self._worked_on |= change.resources
        self.failures.begins(change)
        if self.view is not None:
            self._wanted[key(change)] = wanted_of(self.view, change.resources)
        deferred.addCallbacks(
            self._done, self._failed, callbackArgs=(change,), errbackArgs=(change,)
        )
        deferred.addErrback(self._broken)
        begin.callback(None)

    def _done(self, _: None, change: IStateChange) -> None:
        self.log.info("done: {change}", change=key(change))
        self._finish(change)
        self.failures.succeeds(change)
        self._done_at[change] = self._clock.seconds()
        self.look_again(change.resources)

    def _failed(self, failure: Failure, change: IStateChange) -> None:
        wanted = self._finish(change)
        if self._stopped:
            return
        if failure.check(CancelledError):
            self.look_again(change.resources)
            return
        failed = self.failures.fails(change, failure.value, wanted, self._clock.seconds())
        self.log.warn(
            "failed {times} times, next try in {delay:.1f} s: {change}: {error}",
            times=failed.times,
            delay=failed.delay_seconds,
            change=key(change),
            error=failed.error,
        )
        self.look_again(change.resources)

    def _finish(self, change: IStateChange) -> object:
        """What was wanted when it began."""
        del self._in_flight[key(change)]
        return self._wanted.pop(key(change), None)

    def _schedule_retry(self, now: float) -> None:
        if self._retry is not None and self._retry.active():
            self._retry.cancel()
        waits = self.failures.next_seconds(now)
        waits += [done + REPEAT_SECONDS - now for done in self._done_at.values()]
        waits += (*self.standing.due_seconds, *self.ends.due_seconds)
        if waits:
            self._retry = self._clock.callLater(min(waits), self._step)

    def _broken(self, failure: Failure) -> None:
        """A bug of the loop itself: it is logged, and the loop goes on."""
        self.log.failure("the loop met an unexpected error", failure)
        self._look_again_later()


async def _run_after(begin: Deferred[None], change: IStateChange, doors: Doors) -> None:
    """It must be known to be in flight before its first step, which may call back to the loop."""
    await begin
    await change.run(doors)
