"""Containers that were started here and do not answer yet: what comes is still led away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite.convergence.health_watch import HealthWatch
from flocker_lite.convergence.move_log import MoveLog
from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IContainers
from flocker_lite.model.records import DatasetId, HealthCheck
from flocker_lite.model.state import LocalContainer
from flocker_lite.routing.switchboard import Switchboard

ANSWER_SECONDS_MAX = 60.0
"""A container that does not listen at its ports by then is taken to serve all the same.

For one with a health check that is its start period.
"""


@dataclass
class _Trial:
    """A container that nothing is led to yet; `trouble` says why it does not answer, once over."""

    ports: tuple[int, ...]
    dataset_ids: tuple[DatasetId, ...]
    is_over: bool = False
    trouble: str | None = None


class Arrivals:
    """Waits for each container's first answer; `changed` is called after each."""

    _log = Logger()

    def __init__(
        self,
        containers: IContainers,
        routing: Switchboard,
        moves: MoveLog,
        clock: Any,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """`clock` provides IReactorTime."""
        self.changed = changed
        self._containers = containers
        self._routing = routing
        self._moves = moves
        self._health = HealthWatch(containers, clock, lambda: self.changed())
        self._ports: dict[str, tuple[int, ...]] = {}
        self._waiting: dict[str, Deferred[None]] = {}
        self._trials: dict[str, _Trial] = {}

    @property
    def starting(self) -> frozenset[str]:
        """The names of those that do not answer yet, or are on trial."""
        return frozenset(self._ports)

    @property
    def unhealthy(self) -> Mapping[str, str]:
        """What is wrong with each container that had the time to become healthy and is not."""
        return self._health.troubles

    def see(self, containers: Mapping[str, LocalContainer]) -> None:
        """What there is on this node now."""
        self._health.see(containers, self.starting)

    async def start(
        self,
        name: str,
        ports: tuple[int, ...],
        dataset_ids: tuple[DatasetId, ...],
        on_trial: bool = False,
        health_check: HealthCheck | None = None,
    ) -> None:
        """Start a prepared container; it may answer later than this returns.

        To one that is on trial nothing is led before `keep`.
        """
        self._give_up(name)
        self._ports[name] = ports
        self._routing.keep(ports)
        try:
            if on_trial:
                await self._routing.keep_away(name, ports)
            await self._containers.start(name)
        except FlockerError:
            self._ports.pop(name, None)
            if on_trial:
                # It may run all the same: nothing gets there before it was given back.
                self._trials[name] = _Trial(ports, dataset_ids)
            else:
                await self._routing.forget(ports)
            raise
        for dataset_id in dataset_ids:
            self._moves.mark(dataset_id, "start")
        wait = self._try_out if on_trial else self._await_answer
        waiting = Deferred.fromCoroutine(wait(name, ports, dataset_ids, health_check))
        self._waiting[name] = waiting
        waiting.addBoth(self._tried_out if on_trial else self._answered, name)

    def is_healthy(self, name: str) -> bool:
        """Whether the container that is on trial answers."""
        trial = self._trials.get(name)
        return trial is not None and trial.is_over and trial.trouble is None

    def trouble(self, name: str) -> str | None:
        """Why the container that is on trial does not answer, in words; None while it may yet."""
        trial = self._trials.get(name)
        return trial.trouble if trial is not None else None

    def keep(self, name: str) -> None:
        """The trial is over, and went well: what comes is for it."""
        if self.is_healthy(name):
            trial = self._trials.pop(name)
            for dataset_id in trial.dataset_ids:
                self._moves.end_pause(dataset_id)
            leading = Deferred.fromCoroutine(self._routing.here(trial.ports))
            self._waiting[name] = leading
            leading.addBoth(self._answered, name)

    async def end_trial(self, name: str) -> None:
        """The container was given back; the next trial of it knows nothing of this one."""
        trial = self._trials.get(name)
        self._give_up(name)
        if trial is not None:
            self._routing.refuse(trial.ports)
            await self._routing.forget(trial.ports)

    def stop(self) -> None:
        """Wait for none any more."""
        for name in tuple(self._waiting):
            self._give_up(name)
        self._health.stop()

    async def _await_answer(
        self,
        name: str,
        ports: tuple[int, ...],
        dataset_ids: tuple[DatasetId, ...],
        check: HealthCheck | None,
    ) -> None:
        try:
            trouble = await self._first_trouble(name, check)
            runs = trouble is None or await self._runs(name)
        except FlockerError as error:
            self._log.warn("cannot tell whether {name} answers: {error}", name=name, error=error)
            trouble, runs = str(error), True
        for dataset_id in dataset_ids:
            self._moves.mark(dataset_id, "answer")
            self._moves.end_pause(dataset_id)
        # One that is not healthy is nobody's but theirs who have waited for it here already.
        is_here = runs and (trouble is None or check is None or self._routing.holds(ports))
        await (self._routing.here(ports) if is_here else self._routing.forget(ports))
        if check is not None and runs:
            self._health.note(name, check, trouble)

    async def _try_out(
        self,
        name: str,
        ports: tuple[int, ...],
        dataset_ids: tuple[DatasetId, ...],
        check: HealthCheck | None,
    ) -> None:
        trial = self._trials[name] = _Trial(ports, dataset_ids)
        try:
            trial.trouble = await self._first_trouble(name, check)
        except FlockerError as error:
            trial.trouble = str(error)
        trial.is_over = True
        for dataset_id in dataset_ids:
            self._moves.mark(dataset_id, "answer")

    async def _first_trouble(self, name: str, check: HealthCheck | None) -> str | None:
        """Wait until it serves; why not, when it does not in its time."""
        wait_seconds = ANSWER_SECONDS_MAX if check is None else check.start_period_seconds
        return await self._containers.answers(name, wait_seconds)

    async def _runs(self, name: str) -> bool:
        local = (await self._containers.discover()).get(name)
        return local is not None and local.running

    def _tried_out(self, result: Failure | None, name: str) -> None:
        if isinstance(result, Failure) and result.check(CancelledError):
            return
        self._waiting.pop(name, None)
        if isinstance(result, Failure):
            self._log.failure("{name} cannot be tried", result, name=name)
        self.changed()

    def _answered(self, result: Failure | None, name: str) -> None:
        if isinstance(result, Failure):
            if result.check(CancelledError):
                return
            if result.check(FlockerError):
                self._log.warn(
                    "{name} may not be reached here yet: {error}", name=name, error=result.value
                )
            else:
                self._log.failure("{name} may not be reached here yet", result, name=name)
        self._waiting.pop(name, None)
        self._ports.pop(name, None)
        self.changed()

    def _give_up(self, name: str) -> None:
        waiting = self._waiting.pop(name, None)
        self._ports.pop(name, None)
        self._trials.pop(name, None)
        self._health.forget(name)
        if waiting is not None:
            waiting.cancel()
