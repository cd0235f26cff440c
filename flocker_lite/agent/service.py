"""The agent's service: runs the loop, and keeps the link to the control service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from pyrsistent import PMap, pmap
from twisted.application.internet import ClientService, backoffPolicy
from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite.agent.adoptions import Adoptions
from flocker_lite.agent.container_output import ContainerOutputs
from flocker_lite.agent.control_link import ControlLinkFactory
from flocker_lite.agent.fencing import ControlFencing
from flocker_lite.agent.greeting import (
    TOLD_SECONDS,
    ControlFinder,
    NotLeading,
    say_hello,
)
from flocker_lite.agent.greeting import Identity as Identity
from flocker_lite.agent.greeting import Trust as Trust
from flocker_lite.agent.machine import MachineWatch
from flocker_lite.agent.observations import Observations
from flocker_lite.agent.releases import Releases
from flocker_lite.convergence.context import AgentContext
from flocker_lite.convergence.discovery import WHOLE_DISCOVERY_SECONDS
from flocker_lite.convergence.forecast import forecast
from flocker_lite.convergence.loop import Loop
from flocker_lite.convergence.restart_tracker import UNREPORTED_SECONDS_MAX
from flocker_lite.convergence.volume_users import use_of
from flocker_lite.errors import FlockerError, PeerRefused
from flocker_lite.model import deltas
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.records import DatasetId, Move
from flocker_lite.model.state import Forecast, NodeState, NodeView
from flocker_lite.planner.container_plan import is_prepared
from flocker_lite.planner.resources import ASIDES, ContainerResource, DatasetResource
from flocker_lite.planner.status import NodeFacts, report
from flocker_lite.protocol.link import DISCONNECTED, Link, NodeForgotten
from flocker_lite.protocol.messages import Inbox
from flocker_lite.protocol.outbox import Outbox

RECONNECT_SECONDS_FIRST = 0.5

SERVING_SECONDS_MAX = 60.0
"""How long the source of a move waits for its container to serve here."""

REFUSED_SECONDS = 10.0
"""The least time before this agent connects again to a control service that refused it."""


class AgentService(MultiService):
    """Everything that an agent does, with the interfaces of its `context`.

    `cluster_id` returns the id of the cluster that this node joined ("" for none), `join` writes it
    down for good; both may be called at any time. Without `trust`, an administrator sets up the
    ssh keys between the nodes.
    """

    log = Logger()

    def __init__(
        self,
        identity: Identity,
        context: AgentContext,
        endpoint: Any,
        cluster_id: Callable[[], str],
        join: Callable[[str], None],
        discovery_seconds: float = WHOLE_DISCOVERY_SECONDS,
        trust: Trust | None = None,
        finder: ControlFinder | None = None,
    ) -> None:
        super().__init__()
        self._identity = identity
        self._context = context
        self._cluster_id = cluster_id
        self._join = join
        self._trust = trust
        self.loop = Loop(context, self._report, discovery_seconds)
        context.observer.follow(
            *(self._report, self.loop.plan_again, self.loop.look_again, self.loop.health_changed)
        )
        self.control: Link | None = None
        self._reported = NodeState()
        self._outbox: Outbox | None = None
        self._steps: list[Deferred[None]] = []
        self._watching: Deferred[None] | None = None
        self._watching_places: Deferred[None] | None = None
        self.is_connected = False
        self._is_refused = False
        self._is_told_first = False
        self._unanswered_count = 0
        self._finder = finder or ControlFinder()
        self._fencing = ControlFencing(context.clock, context.renewals, context.witnessing)
        seconds_max = self._finder.reconnect_seconds_max
        self._back_off = backoffPolicy(RECONNECT_SECONDS_FIRST, seconds_max)
        client = ClientService(
            endpoint,
            ControlLinkFactory(
                context.clock,
                self._connected,
                self.forecast,
                ContainerOutputs(context.containers).open,
                Adoptions(
                    context.foreign, context.directories, context.storage, context.allowance
                ).look,
                Releases(context).look,
                partial(use_of, context),
                Observations(context, lambda: self._reported.ports),
                self._finder.pulse,
                self._fencing.agree,
            ),
            retryPolicy=self._reconnect_seconds,
            clock=context.clock,
        )
        client.setServiceParent(self)
        self.machine = MachineWatch(context.machine.look, context.clock, self._report)
        self.machine.setServiceParent(self)

    def startService(self) -> None:
        self.loop.start()
        self._watching = Deferred.fromCoroutine(self._watch())
        self._watching.addErrback(self._watch_failed)
        self._watching_places = Deferred.fromCoroutine(self._watch_places())
        self._watching_places.addErrback(self._watch_failed)
        super().startService()

    def stopService(self) -> Deferred[None]:
        if self._outbox is not None:
            self._outbox.stop()
        if self._watching is not None:
            self._watching.cancel()
        if self._watching_places is not None:
            self._watching_places.cancel()
        self._context.readiness.stop()
        self._context.hooks.stop()
        self._context.routing.close()
        self._context.trials.stop()
        self._context.renewals.stop()
        self._context.standbys.stop()
        self._fencing.stop()
        stopping = Deferred.fromCoroutine(self.loop.stop())
        stopped: Any = super().stopService()
        return stopping.addCallback(lambda _: stopped)

    async def forecast(self, move: Move, pause_costs: PMap[str, float], address: str) -> Forecast:
        """Forecast a move from this node to the destination at `address`."""
        return await forecast(self._context, move, pause_costs, address)

    def dataset_changed(self, dataset_id: DatasetId) -> None:
        """A peer changed something about a dataset."""
        self.loop.look_again(frozenset({DatasetResource(dataset_id)}))

    def copy_set_aside(self, dataset_id: DatasetId) -> None:
        """A peer's request set aside a copy."""
        self.loop.look_again(frozenset({DatasetResource(dataset_id), ASIDES}))

    async def prepared(
        self, name: str, image: ExactImage | None = None, has_ended: bool = False
    ) -> None:
        """Wait until the container is created here; PeerRefused with the reason when it cannot be.

        The mountpoints of its data are ready by then, too. A container that `has_ended` for good is
        not created: this waits until the control service has told this node that it ended.
        """
        self._context.readiness.expect(name)
        await self._prepare_mountpoints(name)
        ends = self._context.clock.seconds() + UNREPORTED_SECONDS_MAX
        late = self._context.clock.callLater(UNREPORTED_SECONDS_MAX, self._report)
        try:
            await self._prepared(name, image, ends if has_ended else None)
        finally:
            if late.active():
                late.cancel()
        await self._prepare_mountpoints(name)

    async def _prepared(self, name: str, image: ExactImage | None, told_by: float | None) -> None:
        while True:
            have = self.loop.local.containers.get(name)
            desired = self.loop.view.containers.get(name) if self.loop.view is not None else None
            if desired is None or desired.node != self._identity.node_id:
                raise PeerRefused(f"this node was not told that container {name} moves here")
            # A container that was deleted and recreated may run here already, with no data to come.
            if image is not None and image.image == desired.image:
                self._context.pins.pin(name, image if image.image_id else None)
            # Pin once: another node, which sends other data of it, may pin another meanwhile.
            image, pin = None, self._context.pins.pinned.get(name)
            pin = pin if pin is not None and pin.image == desired.image else None
            if name in self.loop.restart_tracker.resting or self._knows_better(told_by):
                return
            is_here = have is not None and (have.running or is_prepared(have, desired, pin))
            if is_here and told_by is None:
                return
            # What must be looked at first is not even tried while that fails.
            if trouble := self._failure_of(name) or self.loop.discovery.monitor.trouble:
                raise PeerRefused(f"container {name} cannot be prepared: {trouble}")
            await self.next_step()

    async def _prepare_mountpoints(self, name: str) -> None:
        desired = self.loop.view.containers.get(name) if self.loop.view is not None else None
        for volume in desired.volumes if desired is not None else ():
            try:
                await self._context.storage.prepare_mountpoint(volume.dataset_id)
            except FlockerError as error:
                raise PeerRefused(f"container {name} cannot get its data here: {error}") from None

    async def tried(self, name: str) -> None:
        """Wait until the container is healthy on trial; PeerRefused once its trial is over."""
        trials = self._context.trials
        while (why := trials.over(name)) is None:
            if self._context.readiness.is_healthy(name):
                return
            trouble = self._context.readiness.trouble(name) or self._failure_of(name)
            if trouble is not None:
                trials.end(name, trouble)
            else:
                await self.next_step()
        raise PeerRefused(f"the trial of container {name} failed and it was given back: {why}")

    async def serving(self, name: str) -> None:
        """Wait until the container runs here and answers; PeerRefused when it takes too long."""
        clock, readiness = self._context.clock, self._context.readiness
        ends = clock.seconds() + SERVING_SECONDS_MAX
        late = clock.callLater(SERVING_SECONDS_MAX, self._report)
        try:
            while True:
                have = self.loop.local.containers.get(name)
                runs = have is not None and have.running and name not in readiness.starting
                # Clients wait: with many arrivals at once, the next discovery may take long.
                if runs or readiness.serves(name):
                    return
                if name in self.loop.restart_tracker.resting:
                    raise PeerRefused(f"container {name} has ended and is not started")
                if clock.seconds() >= ends:
                    raise PeerRefused(f"container {name} does not serve here yet")
                await self.next_step()
        finally:
            if late.active():
                late.cancel()

    def _knows_better(self, told_by: float | None) -> bool:
        """Whether the control service had its time to tell that a container has ended."""
        return told_by is not None and self._context.clock.seconds() >= told_by

    def next_step(self) -> Deferred[None]:
        """Fires when something about this node may have changed."""
        step: Deferred[None] = Deferred()
        self._steps.append(step)
        return step

    def _failure_of(self, name: str) -> str | None:
        """The error of the failed change of a container, if there is one."""
        for key, failed in self.loop.executions.failures.now.items():
            if ContainerResource(name) in key.resources:
                return failed.error
        return None

    # Not ClientService's prepareConnection: that does not handle a connection lost meanwhile.
    def _connected(self, link: Link) -> None:
        greeting = Deferred.fromCoroutine(self._greet(link))
        greeting.addErrback(lambda failure: self._not_welcome(link, failure))

    def _not_welcome(self, link: Link, failure: Failure) -> None:
        self._unanswered_count += int(self._finder.told is None)  # a new leader needs time to load
        if failure.check(NotLeading):
            self.log.info("this control service is not the leader: {why}", why=str(failure.value))
            link.hang_up()
            return
        if failure.check(*DISCONNECTED):
            self.log.warn(
                "the control service hung up without an answer; if it does so again, its log says "
                "why: it may require a certificate"
            )
            return
        self._is_refused = True
        if not failure.check(NodeForgotten):
            self.log.error(
                "cannot join the control service, next try in {delay:g} s: {reason}",
                reason=failure.value,
                delay=REFUSED_SECONDS,
            )
        elif self.loop.forget():
            self.log.error("stopping the containers here: {reason}", reason=failure.value)
            if self._trust is not None:
                self._trust.install(pmap())
        link.hang_up()

    def _reconnect_seconds(self, failed_attempts: int) -> float:
        if self._finder.told is not None:
            return TOLD_SECONDS
        # ClientService does not count a connection without an answer as a failed attempt.
        seconds = self._back_off(max(failed_attempts, self._unanswered_count))
        return max(seconds, REFUSED_SECONDS) if self._is_refused else seconds

    async def _greet(self, link: Link) -> None:
        cluster_id = await say_hello(
            *(link, self._identity, self._context, self._cluster_id(), self._trust, self._finder)
        )
        self._is_refused = False
        self._unanswered_count = 0
        self.control = link
        if not self._cluster_id():
            self._join(cluster_id)
        inbox = Inbox(NodeView(), self.loop.view)
        self._is_told_first = True
        link.attend(lambda data: self._told(inbox, data), self._lost)
        self.is_connected = True
        self._fencing.connected(link)
        if self._outbox is not None:
            self._outbox.stop()
        self._outbox = Outbox(
            lambda: deltas.whole(self._reported),
            link.send,
            lambda failure: self._could_not_report(link, failure),
        )
        if self.loop.discovery.seen_all:
            self._outbox.start()
        self.log.info("connected to the control service of cluster {cluster}", cluster=cluster_id)

    def _lost(self) -> None:
        self.is_connected = False
        self._fencing.lost()

    def _told(self, inbox: Inbox[NodeView], data: bytes) -> None:
        changes = inbox.take(data)
        if self._trust is not None:
            self._trust.install(inbox.maps.peers)
        self._context.desired.requests.told(inbox.requests, inbox.maps)
        self._context.pins.keep(inbox.maps.containers, self._identity.node_id)
        self.loop.set_view(inbox.maps)
        if self.loop.discovery.seen_all:
            told = {change.identity for change in changes if change.kind == "datasets"}
            self._context.proofs.apply_grants(told, inbox.maps.datasets, self.loop.local.datasets)
            if self._is_told_first:
                self._is_told_first = False
                self._context.proofs.apply_all_grants(inbox.maps.datasets, self.loop.local.datasets)

    def _report(self) -> None:
        """Send what changed since the last report; nothing before the first discovery."""
        if not self.loop.discovery.seen_all:
            return
        self._context.readiness.see(self.loop.local.containers)
        now = report(self._identity.node_id, self._facts())
        changes = deltas.difference(self._reported, now)
        self._reported = now
        steps, self._steps = self._steps, []
        for step in steps:
            step.callback(None)
        if self._outbox is not None:
            self._outbox.add(changes)
            self._outbox.start()

    def _facts(self) -> NodeFacts:
        context, loop = self._context, self.loop
        return NodeFacts(
            view=loop.view,
            local=replace(loop.local, adoptions=context.adoption_notes.notes),
            failures=loop.executions.failures.shown,
            moves=context.moves.moves,
            pulls=context.pulls.pulls,
            histories=loop.restart_tracker.histories,
            starting=context.readiness.starting,
            unhealthy=context.readiness.unhealthy,
            health=context.readiness.health,
            counts=context.routing.counts(),
            discovery_trouble=loop.discovery.monitor.trouble,
            stuck=loop.stuck_at_gate.over,
            crashing=loop.restart_tracker.crashing,
            starts_at=loop.restart_tracker.starts_at,
            held_back={**loop.held_back, **loop.barred},
            proof_of=context.proofs.of,
            machine=self.machine.told,
            copies=context.copies.known,
            sets=context.copies.notes.sets,
        )

    def _could_not_report(self, link: Link, failure: Failure) -> None:
        self.log.warn("cannot report: {reason}; reconnecting", reason=failure.value)
        link.hang_up()

    async def _watch(self) -> None:
        await self._context.containers.watch(
            lambda name: self.loop.look_again(frozenset({ContainerResource(name)}))
        )

    async def _watch_places(self) -> None:
        await self._context.storage.watch(self.loop.look_again)

    def _watch_failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self.log.failure(
                "cannot watch this node for changes; the next discovery finds them", failure
            )
