"""Runs the changes of a node side by side, and keeps their failures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite.convergence.context import AgentContext
from flocker_lite.convergence.copy_turns import CopyTurns
from flocker_lite.convergence.executors import execute
from flocker_lite.convergence.failures import Failures, desired_of
from flocker_lite.logs.bound_fields import only
from flocker_lite.model.state import NodeView
from flocker_lite.planner.changes import ChangeKey, IStateChange, key
from flocker_lite.planner.replication_changes import DatedChange, ReplicateDatasets
from flocker_lite.planner.resources import ContainerResource, Resource

TRANSFERS_MAX = 2

REPEAT_SECONDS = 1.0
"""A change that is planned again right after it succeeded had no effect: it waits this long."""


@dataclass
class _Execution:
    """A running change: its present step, and the configuration of its resources at its start.

    `fields` are on each line about it.
    """

    change: IStateChange
    desired: object
    fields: Mapping[str, str]
    step: IStateChange | None = None
    doing: Deferred[None] | None = None

    def begins(self, step: IStateChange) -> None:
        self.step = step

    def cancel(self) -> None:
        """Cancel it, whatever it is doing."""
        if self.doing is not None:
            self.doing.cancel()


class Executions:
    """Runs changes; `ended` is called with the resources of each change that is over."""

    log = Logger()

    def __init__(
        self,
        context: AgentContext,
        ended: Callable[[frozenset[Resource]], None],
        broken: Callable[[Failure], None],
    ) -> None:
        """`broken` is called with a bug in what follows the end of a change."""
        self.failures = Failures()
        self._context = context
        self._ended = ended
        self._broken = broken
        self._in_flight: dict[ChangeKey, _Execution] = {}
        self._done_at: dict[IStateChange, float] = {}
        self._repeated: set[IStateChange] = set()
        self._copy_turns = CopyTurns(context)

    @property
    def keys(self) -> set[ChangeKey]:
        """The keys of the running changes."""
        return set(self._in_flight)

    @property
    def going_on(self) -> list[IStateChange]:
        """The running changes."""
        return [execution.change for execution in self._in_flight.values()]

    def busy(self) -> set[Resource]:
        """The resources that running changes work on."""
        return {resource for change in self.going_on for resource in change.resources}

    def may_start(self, change: IStateChange) -> bool:
        """Whether it was not just done, and does not exceed the number of transfers."""
        if change in self._done_at:
            self._repeated.add(change)
            return False
        if isinstance(change, DatedChange):
            return change.due_at <= self._context.clock.seconds() and self._may_send_copy(change)
        if not change.transfers:
            return True
        transfers = {self._together(other) for other in self.going_on if other.transfers}
        return self._together(change) in transfers or len(transfers) < TRANSFERS_MAX

    def _may_send_copy(self, change: DatedChange) -> bool:
        if not isinstance(change, ReplicateDatasets):
            return True
        steps = [execution.step for execution in self._in_flight.values()]
        return self._copy_turns.may_begin(change, self.going_on, steps)

    def _together(self, change: IStateChange) -> frozenset[Resource]:
        """What moves together with a change counts as one transfer: all have to be under way."""
        names = {each.name for each in change.resources if isinstance(each, ContainerResource)}
        others = {
            other for name in names for other in self._context.joint_switches.companions(name)
        }
        return frozenset(map(ContainerResource, names | others)) if others else change.resources

    def start(self, change: IStateChange) -> None:
        """Start a change, which may be over when this returns."""
        view = self._context.desired.view
        desired = desired_of(view, change.resources) if view is not None else None
        fields = self._context.desired.belongs_to(change.resources)
        execution = self._in_flight[key(change)] = _Execution(change, desired, fields)
        begin: Deferred[None] = Deferred()
        with only(fields):
            self.log.info("started: {change}", change=key(change))
            doing = execution.doing = Deferred.fromCoroutine(self._do(begin, execution))
        self.failures.begins(change)
        doing.addCallbacks(
            self._done, self._failed, callbackArgs=(execution,), errbackArgs=(execution,)
        )
        doing.addErrback(self._broken)
        begin.callback(None)

    def withdraw(self, view: NodeView) -> None:
        """Cancel the changes that this view no longer wants."""
        for execution in list(self._in_flight.values()):
            if execution.step is not None and execution.step.withdrawn_by(view):
                with only(execution.fields):
                    self.log.info(
                        "cancelled, no longer wanted: {change}", change=key(execution.change)
                    )
                execution.cancel()

    def withdraw_all(self) -> None:
        """Cancel everything: this node is to do nothing more for anybody."""
        for execution in list(self._in_flight.values()):
            self.log.info("cancelled: {change}", change=key(execution.change))
            execution.cancel()

    def stop(self) -> None:
        """Cancel everything, as a crash would, and call nobody."""
        stopped, self._in_flight = self._in_flight, {}
        for execution in stopped.values():
            execution.cancel()

    def forget_done(self, now_seconds: float) -> None:
        """Before planning: forget the changes that were done a while ago, and may start again."""
        self._repeated.clear()
        self._copy_turns.forget()
        self._done_at = {
            change: done
            for change, done in self._done_at.items()
            if done + REPEAT_SECONDS > now_seconds
        }

    def due_seconds(self, now_seconds: float) -> list[float]:
        """How long each change still waits that failed, was planned again too soon, or gave way."""
        repeats = (self._done_at[each] + REPEAT_SECONDS - now_seconds for each in self._repeated)
        waits = self.failures.next_seconds(now_seconds)
        return [*waits, *repeats, *self._copy_turns.due_seconds]

    async def _do(self, begin: Deferred[None], execution: _Execution) -> None:
        """Wait for `begin`: the first step may call back, and must find the change in flight."""
        await begin
        await execute(execution.change, self._context, execution.begins)

    def _done(self, _: None, execution: _Execution) -> None:
        change = execution.change
        if not self._is_over(execution):
            return
        with only(execution.fields):
            self.log.info("done: {change}", change=key(change))
        self.failures.succeeds(change)
        self._done_at[change] = self._context.clock.seconds()
        self._ended(change.resources)

    def _failed(self, failure: Failure, execution: _Execution) -> None:
        change = execution.change
        if not self._is_over(execution):
            return
        if not failure.check(CancelledError):
            now = self._context.clock.seconds()
            failed = self.failures.fails(change, failure.value, execution.desired, now)
            with only(execution.fields):
                self.log.warn(
                    "failed {times} times, next try in {delay:.1f} s: {change}: {error}",
                    times=failed.times,
                    delay=failed.delay_seconds,
                    change=key(change),
                    error=failed.error,
                )
        self._ended(change.resources)

    def _is_over(self, execution: _Execution) -> bool:
        """Whether it was in flight until now; `stop` has removed what it cancelled."""
        is_known = self._in_flight.get(key(execution.change)) is execution
        if is_known:
            del self._in_flight[key(execution.change)]
        return is_known
