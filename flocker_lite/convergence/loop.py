"""The loop of an agent: discover, plan, change, discover again; level-triggered.

A resource has one change in flight at a time; different resources change side by side. A message
from outside (a new view, an event of Docker, a peer's request) only says "look again". No error
stops the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from enum import Enum, auto

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite.convergence.context import AgentContext
from flocker_lite.convergence.discovery import WHOLE_DISCOVERY_SECONDS, Discovery
from flocker_lite.convergence.executions import Executions
from flocker_lite.convergence.overdue import Overdue
from flocker_lite.convergence.restart_tracker import RestartTracker
from flocker_lite.model.fencing.names import volume_of
from flocker_lite.model.state import NodeView
from flocker_lite.planner import start_order
from flocker_lite.planner.changes import ChangeKey, IStateChange, key
from flocker_lite.planner.deadlines import (
    mounted_volumes,
    remembered,
    under_deadline,
    without_deadline,
)
from flocker_lite.planner.forgotten_plan import plan_forgotten
from flocker_lite.planner.groups import Local
from flocker_lite.planner.plan import plan
from flocker_lite.planner.replication_changes import DatedChange, PruneSnapshots
from flocker_lite.planner.resources import ROUTES, ContainerResource, CopyResource, Resource
from flocker_lite.planner.start_gates import GATE_SECONDS_MAX, gates_to_open


class Loop:
    """Makes one node look like its view."""

    log = Logger()

    def __init__(
        self,
        context: AgentContext,
        changed: Callable[[], None],
        discovery_seconds: float = WHOLE_DISCOVERY_SECONDS,
    ) -> None:
        """`changed` is called when there may be something new to report.

        Everything is inspected each `discovery_seconds`, whether or not an event came.
        """
        self.restart_tracker = RestartTracker(
            context.node_id,
            context.restart_history,
            context.clock,
            lambda: context.readiness.to_restart,
        )
        self.held_back: Mapping[str, str] = {}
        self.barred: Mapping[str, str] = {}
        self.is_forgotten = False
        self.stuck_at_gate = Overdue(context.clock, GATE_SECONDS_MAX)
        self.executions = Executions(context, self._ended, self._broken)
        self._dated: tuple[float, ...] = ()
        self._step = _OneAtATime(self._step_once)
        self.discovery = Discovery(
            context, self.restart_tracker, self.executions.busy, self._step, changed, self._broken
        )
        self._context = context
        self._changed = changed
        self._discovery_seconds = discovery_seconds
        self._retry: IDelayedCall | None = None

    @property
    def view(self) -> NodeView | None:
        """What the control service said last; None before the first time."""
        return self._context.desired.view

    @property
    def local(self) -> Local:
        """What the node had at the last discovery."""
        return self.discovery.local

    def start(self) -> None:
        """Begin with a discovery of everything."""
        self.discovery.start(self._discovery_seconds)

    async def stop(self) -> None:
        """Cancel everything in flight, as a crash would, and plan nothing more."""
        # Discovery first: without it, the callbacks of cancelled changes plan nothing.
        self.discovery.stop()
        self._stop_retry()
        self.executions.stop()

    def set_view(self, view: NodeView) -> None:
        """Act on a new view from the control service.

        New routes wait for a look at the listeners: a port that other software uses gets no route.
        A container that is down is looked at before a restart that a user asked for starts it.
        """
        known = self.view.routes if self.view is not None else view.routes
        self._context.desired.view, self.is_forgotten = view, False
        if view.routes.keys() - known.keys():
            self.look_again(frozenset({ROUTES}))
        to_note = self.restart_tracker.to_note(self.local.containers, view.containers)
        if to_note:
            self.look_again(frozenset(map(ContainerResource, to_note)))
        self.executions.withdraw(view)
        self._step()

    def forget(self) -> bool:
        """The cluster has forgotten this node: stop what runs here, and do nothing else.

        Returns whether that is news.
        """
        if self.is_forgotten:
            return False
        self._context.desired.view, self.is_forgotten = None, True
        self.executions.withdraw_all()
        self.look_again()
        return True

    def plan_again(self) -> None:
        """Plan again, without a discovery: the agent's own records changed."""
        self._step()

    def health_changed(self) -> None:
        """Report that; and plan again if a container may wait for it."""
        if self.held_back:
            self._step()
        else:
            self._changed()

    def look_again(self, resources: frozenset[Resource] | None = None) -> None:
        """Discover these resources again (None: all), then plan."""
        self.discovery.look_again(resources)

    def _ended(self, resources: frozenset[Resource]) -> None:
        """A change is over. Of a copy elsewhere there is nothing to see here."""
        if all(isinstance(each, CopyResource) for each in resources):
            self._step()
        else:
            self.look_again(resources)

    def _step_once(self) -> None:
        """Plan, and start the changes whose resources are free."""
        if self.view is not None:
            self.executions.failures.begin_anew(self.view)
            self.restart_tracker.see(self.local.containers, self.view.containers)
        self._changed()
        discovery = self.discovery
        if not discovery.is_running or not discovery.seen_all:
            return
        now = self._context.clock.seconds()
        if self.view is not None:
            self._carry_out(self._plan(self.view, now), now)
        elif self.is_forgotten:
            self._carry_out(self._plan_stop(now), now)
        else:
            self._go_on_with_deadlines()

    def _carry_out(self, planned: tuple[IStateChange, ...], now: float) -> None:
        """Start the planned changes whose resources are free."""
        discovery = self.discovery
        self.stuck_at_gate.see(gates_to_open(planned))
        # No change may rely on resources that are out of date.
        busy = self.executions.busy() | discovery.out_of_date
        for change in planned:
            if busy.isdisjoint(change.resources) and self.executions.may_start(change):
                discovery.is_worked_on(change.resources)
                self.executions.start(change)
            busy |= change.resources
        self._schedule_retry(now)

    def _plan_stop(self, now_seconds: float) -> tuple[IStateChange, ...]:
        """What a node does that was forgotten; nobody renews a deadline for it."""
        context, executions = self._context, self.executions
        executions.forget_done(now_seconds)
        renewals = context.renewals
        renewals.see({}, self._in_use(self.local, renewals.countings), is_told=False)
        context.witnessing.see(NodeView(), self.local.datasets)
        self.held_back, self.barred, self._dated = {}, {}, ()
        waiting = executions.failures.waiting(now_seconds)
        planned = plan_forgotten(self.local, waiting)
        self._keep(planned, waiting)
        return planned

    def _keep(self, planned: tuple[IStateChange, ...], waiting: Collection[ChangeKey]) -> None:
        """Keep what is known of changes that are planned, go on or wait; forget all others."""
        executions = self.executions
        still = {key(change) for change in planned} | executions.keys | set(waiting)
        executions.failures.keep(still, [*planned, *executions.going_on])
        at_work = {resource for each in still for resource in each.resources}
        at_work |= self.discovery.out_of_date
        at_work |= set(map(ContainerResource, (*self.held_back, *self.barred)))
        self._context.desired.requests.keep(at_work, self.view)

    def _plan(self, view: NodeView, now_seconds: float) -> tuple[IStateChange, ...]:
        context, executions = self._context, self.executions
        executions.forget_done(now_seconds)
        local = replace(
            self.local,
            on_trial=context.trials.on_trial,
            pins=context.pins.pinned,
            adoptions=context.adoption_notes.notes,
        )
        local = self._with_deadlines(view, local)
        waiting = executions.failures.waiting(now_seconds)
        health = context.readiness.health
        self.held_back = start_order.held_back(context.node_id, view, local, health)
        planned = plan(
            context.node_id,
            view,
            local,
            waiting,
            self.restart_tracker.resting,
            self.restart_tracker.unreported,
            self.restart_tracker.due,
            frozenset(self.held_back),
            context.copies.known,
        )
        unneeded = (change.snapshots for change in planned if isinstance(change, PruneSnapshots))
        context.copies.see_unneeded(each.guid for snapshots in unneeded for each in snapshots)
        due = (change.due_at for change in planned if isinstance(change, DatedChange))
        self._dated = tuple(due_at for due_at in due if due_at > now_seconds)
        self._keep(planned, waiting)
        return planned

    def _go_on_with_deadlines(self) -> None:
        """Renew what runs here, though the control service has told this agent nothing yet."""
        renewals, local = self._context.renewals, self.local
        running = self._in_use(local, renewals.countings)
        wanted = remembered(local, running, renewals.countings)
        renewals.see(wanted, running, is_told=False)
        self._context.witnessing.see(NodeView(), local.datasets)

    def _with_deadlines(self, view: NodeView, local: Local) -> Local:
        """What must not start, or has to stop, for want of a fencing deadline that is renewed."""
        context = self._context
        context.witnessing.see(view, local.datasets)
        wanted = under_deadline(context.node_id, view, local, context.renewals.expected)
        fenced = context.renewals.fenced
        running = self._in_use(local, {*wanted, *fenced})
        unneeded = without_deadline(context.node_id, view, local, fenced)
        context.renewals.see(wanted, running, unneeded)
        barred = context.renewals.barred(wanted)
        self.barred = {
            name: why
            for name, why in barred.items()
            if name not in running and volume_of(name) is None
        }
        return replace(local, barred=frozenset(barred), unguarded=context.renewals.to_stop)

    def _in_use(self, local: Local, names: Collection[str]) -> dict[str, str]:
        """The instance of each container that has processes; of these, the volumes in use, too.

        One that Docker is about to use counts: it may be mounted although that was not seen yet.
        """
        awaited = self._context.awaited_mounts.is_awaited
        volumes = {name for name in names if awaited(volume_of(name) or "")}
        return {
            **dict.fromkeys(volumes | mounted_volumes(local, names), ""),
            **{name: it.instance for name, it in local.containers.items() if it.has_processes},
        }

    def _schedule_retry(self, now: float) -> None:
        self._stop_retry()
        waits = [
            *self.executions.due_seconds(now),
            *self.stuck_at_gate.due_seconds,
            *self.restart_tracker.due_seconds,
            *(due_at - now for due_at in self._dated),
        ]
        if waits:
            self._retry = self._context.clock.callLater(min(waits), self._step)

    def _stop_retry(self) -> None:
        if self._retry is not None and self._retry.active():
            self._retry.cancel()

    def _broken(self, failure: Failure) -> None:
        """Log a bug of the loop itself, and go on."""
        self.log.failure("the loop met an unexpected error", failure)
        self.discovery.look_again_later()


class _Turn(Enum):
    """Whether `_OneAtATime` is working, and whether it was called again meanwhile."""

    IDLE = auto()
    ASKED = auto()
    WORKING = auto()


class _OneAtATime:
    """Runs `work` when called; a call from within `work` runs it once more afterwards."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._turn = _Turn.IDLE

    def __call__(self) -> None:
        is_free = self._turn is _Turn.IDLE
        self._turn = _Turn.ASKED
        if not is_free:
            return
        try:
            while self._turn is _Turn.ASKED:
                self._turn = _Turn.WORKING
                self._work()
        finally:
            self._turn = _Turn.IDLE
