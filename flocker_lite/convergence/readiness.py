"""Waits for the first answer of started containers; until then their connections are held."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite.convergence.health_monitor import HealthMonitor
from flocker_lite.convergence.move_log import MoveLog
from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IContainers
from flocker_lite.model.records import DatasetId, HealthCheck
from flocker_lite.model.state import STARTING, LocalContainer
from flocker_lite.routing.switchboard import Switchboard

ANSWER_SECONDS_MAX = 60.0
"""A container that does not listen at its ports by then counts as serving.

A container with a health check has its start period instead.
"""


@dataclass
class _Start:
    """A started container that does not get its connections yet.

    `waiting` is set until it has answered, or failed to, and again while its connections are
    routed here. `is_answered` and `trouble` are the result of a trial. `is_failed` says that the
    start itself failed on trial. `tried` are those who wait for the result. `started_at` is by the
    clock.
    """

    ports: tuple[int, ...]
    dataset_ids: tuple[DatasetId, ...]
    on_trial: bool
    health_check: HealthCheck | None = None
    waiting: Deferred[None] | None = None
    is_answered: bool = False
    trouble: str | None = None
    is_failed: bool = False
    tried: list[Deferred[None]] = field(default_factory=list)
    started_at: float = 0.0

    def tell(self) -> None:
        """Wake up those who wait for the result of a trial."""
        tried, self.tried = self.tried, []
        for each in tried:
            each.callback(None)


class Readiness:
    """Waits for each container's first answer; `changed` is called after each.

    From then on it watches the health of those that have a health check; `due` is called with the
    name of one that should be restarted because it is unhealthy. `serves` is called with the name
    of one that gets its connections now. `answered` is called with the name of one that answered,
    the seconds that it took, and whether a move has brought it here.
    """

    _log = Logger()

    def __init__(
        self,
        containers: IContainers,
        routing: Switchboard,
        moves: MoveLog,
        clock: IReactorTime,
        changed: Callable[[], None] = lambda: None,
        due: Callable[[str], None] = lambda _: None,
        serves: Callable[[str], None] = lambda _: None,
        answered: Callable[[str, float, bool], None] = lambda *_: None,
    ) -> None:
        self._serves = serves
        self._tell_answer = answered
        self._clock = clock
        self._changed = changed
        self._containers = containers
        self._routing = routing
        self._moves = moves
        self._monitor = HealthMonitor(containers, clock, changed, due)
        self._starts: dict[str, _Start] = {}
        self._serving: set[str] = set()

    @property
    def starting(self) -> frozenset[str]:
        """The names of the containers that do not answer yet, or are on trial."""
        return frozenset(name for name, start in self._starts.items() if not start.is_failed)

    @property
    def unhealthy(self) -> Mapping[str, str]:
        """What is wrong with each container that is unhealthy after its start period."""
        return self._monitor.troubles

    @property
    def health(self) -> Mapping[str, str]:
        """The health of each container that has a health check: see `HealthMonitor.statuses`."""
        return {**self._monitor.statuses, **dict.fromkeys(self.starting, STARTING)}

    @property
    def to_restart(self) -> frozenset[str]:
        """The containers that should be restarted because they are unhealthy."""
        return self._monitor.to_restart

    def serves(self, name: str) -> bool:
        """Whether it answered and gets its connections, even if discovery has not seen that yet."""
        return name in self._serving

    def expect(self, name: str) -> None:
        """The container will move here: forget that it served here before."""
        self._serving.discard(name)

    def see(self, containers: Mapping[str, LocalContainer]) -> None:
        """Discovery found these: from now on it knows which of them run."""
        self._serving -= {name for name, have in containers.items() if have.running}
        self._monitor.see(containers, self.starting)

    async def start(
        self,
        name: str,
        ports: tuple[int, ...],
        dataset_ids: tuple[DatasetId, ...],
        on_trial: bool = False,
        health_check: HealthCheck | None = None,
    ) -> None:
        """Start a prepared container, without waiting for its first answer.

        A container on trial gets no connections before `keep`.
        """
        self._give_up(name)
        start = self._starts[name] = _Start(ports, dataset_ids, on_trial, health_check)
        self._routing.freeze(ports)
        try:
            if on_trial:
                await self._routing.hold_frozen(name, ports)
            await self._containers.start(name)
        except FlockerError:
            if on_trial:
                # It may run in spite of the error: no connections until it is given back.
                start.is_failed = True
            else:
                self._starts.pop(name, None)
                await self._routing.forget(ports)
            raise
        start.started_at = self._clock.seconds()
        for dataset_id in dataset_ids:
            self._moves.mark(dataset_id, "start")
        # Once more, in case that it was given up while it started.
        self._starts[name] = start
        wait = self._try_out if on_trial else self._await_answer
        start.waiting = Deferred.fromCoroutine(wait(name, start))
        start.waiting.addBoth(self._tried_out if on_trial else self._answered, name, start)

    def is_healthy(self, name: str) -> bool:
        """Whether the container on trial answers."""
        start = self._starts.get(name)
        if start is None or not start.on_trial:
            return False
        return start.is_answered and start.trouble is None

    def trouble(self, name: str) -> str | None:
        """Why the container on trial failed to answer, in words; None while it still may."""
        start = self._starts.get(name)
        return start.trouble if start is not None and start.on_trial else None

    async def tried(self, name: str) -> str | None:
        """Wait for the result of a trial: None if the container is healthy, else why not."""
        start = self._starts.get(name)
        if start is not None and start.waiting is not None and not start.is_answered:
            waiting: Deferred[None] = Deferred()
            start.tried.append(waiting)
            await waiting
        if self.is_healthy(name):
            return None
        return self.trouble(name) or "nobody could tell whether it answers"

    def call_off(self, name: str) -> None:
        """Forget the trial of a container, and leave the connections that wait as they are."""
        self._give_up(name)

    def keep(self, name: str) -> None:
        """The trial succeeded: let connections reach the container."""
        if self.is_healthy(name):
            start = self._starts[name]
            start.on_trial = False
            for dataset_id in start.dataset_ids:
                self._moves.end_pause(dataset_id)
            start.waiting = Deferred.fromCoroutine(self._routing.serve_here(start.ports))
            start.waiting.addBoth(self._answered, name, start)
            if start.health_check is not None:
                self._monitor.note(name, start.health_check, None)

    async def end_trial(self, name: str) -> None:
        """The trial ended and the container was given back: forget this trial."""
        start = self._starts.get(name)
        self._give_up(name)
        if start is not None and start.on_trial:
            self._routing.refuse(start.ports)
            await self._routing.forget(start.ports)

    def stop(self) -> None:
        """Stop waiting for all containers."""
        for name in tuple(self._starts):
            self._give_up(name)
        self._monitor.stop()

    async def _await_answer(self, name: str, start: _Start) -> None:
        ports, check = start.ports, start.health_check
        try:
            trouble = await self._first_trouble(name, check)
            runs = trouble is None or await self._runs(name)
        except FlockerError as error:
            self._log.warn("cannot tell whether {name} answers: {error}", name=name, error=error)
            trouble, runs = str(error), True
        if trouble is None and runs:
            self._note_answer(name, start)
        for dataset_id in start.dataset_ids:
            self._moves.mark(dataset_id, "answer")
            self._moves.end_pause(dataset_id)
        # An unhealthy container only gets the connections that this node holds for it already.
        is_here = runs and (trouble is None or check is None or self._routing.holds(ports))
        await (self._routing.serve_here(ports) if is_here else self._routing.forget(ports))
        if is_here:
            self._serving.add(name)
        if check is not None and runs:
            self._monitor.note(name, check, trouble)

    async def _try_out(self, name: str, start: _Start) -> None:
        try:
            start.trouble = await self._first_trouble(name, start.health_check)
        except FlockerError as error:
            start.trouble = str(error)
        start.is_answered = True
        if start.trouble is None:
            self._note_answer(name, start)
        for dataset_id in start.dataset_ids:
            self._moves.mark(dataset_id, "answer")

    def _note_answer(self, name: str, start: _Start) -> None:
        arrived = any(self._moves.is_in_pause(dataset_id) for dataset_id in start.dataset_ids)
        self._tell_answer(name, self._clock.seconds() - start.started_at, arrived)

    async def _first_trouble(self, name: str, check: HealthCheck | None) -> str | None:
        """Wait until it serves; returns why it does not, once its time is over."""
        wait_seconds = ANSWER_SECONDS_MAX if check is None else check.start_period_seconds
        return await self._containers.answers(name, wait_seconds)

    async def _runs(self, name: str) -> bool:
        local = (await self._containers.discover()).get(name)
        return local is not None and local.running

    def _tried_out(self, result: Failure | None, name: str, start: _Start) -> None:
        if isinstance(result, Failure) and result.check(CancelledError):
            return
        start.waiting = None
        start.tell()
        if isinstance(result, Failure):
            self._log.failure("the trial of {name} failed unexpectedly", result, name=name)
        self._changed()

    def _answered(self, result: Failure | None, name: str, start: _Start) -> None:
        if isinstance(result, Failure):
            if result.check(CancelledError):
                return
            if result.check(FlockerError):
                self._log.warn(
                    "connections may not reach {name} here yet: {error}",
                    name=name,
                    error=result.value,
                )
            else:
                self._log.failure("connections may not reach {name} here yet", result, name=name)
        self._serves(name)
        if self._starts.get(name) is start:
            del self._starts[name]
        self._changed()

    def _give_up(self, name: str) -> None:
        start = self._starts.pop(name, None)
        self._serving.discard(name)
        self._monitor.forget(name)
        if start is not None and start.waiting is not None:
            start.waiting.cancel()
        if start is not None:
            start.tell()
