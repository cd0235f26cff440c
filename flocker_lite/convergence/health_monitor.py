"""Repeats the health checks of running containers, for as long as they run.

A container that was not healthy yet is tried with back-off, and from then on each interval; the
planner's `health_policy` says what follows from the results. There is one try of a container at a
time. When the container ends, is replaced or moves away, its try is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IContainers
from flocker_lite.model.records import HealthCheck
from flocker_lite.model.state import LocalContainer
from flocker_lite.planner import health_policy
from flocker_lite.planner.health_policy import Health

UNKNOWN_SECONDS = 5.0
"""The wait after a try that could not be made, because Docker does not answer, say."""


@dataclass
class _Watched:
    """A container whose health is watched; `trying` is unset while somebody has it paused.

    `instance` is "" until discovery has seen it. `is_due` says that it should be restarted.
    """

    check: HealthCheck
    instance: str = ""
    health: Health = field(default_factory=Health)
    is_due: bool = False
    trying: Deferred[None] | None = None

    def drop(self) -> None:
        """Give up what it waits for."""
        trying, self.trying = self.trying, None
        if trying is not None:
            trying.cancel()


class HealthMonitor:
    """Knows the health of the containers that have a health check.

    `changed` is called when it is another, `due` with the name of a container that should be
    restarted from now on.
    """

    _log = Logger()

    def __init__(
        self,
        containers: IContainers,
        clock: IReactorTime,
        changed: Callable[[], None] = lambda: None,
        due: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._changed = changed
        self._due = due
        self._containers = containers
        self._clock = clock
        self._watched: dict[str, _Watched] = {}
        self._stopped = False

    @property
    def troubles(self) -> Mapping[str, str]:
        """What is wrong with each unhealthy container, in words."""
        found = {
            name: health_policy.trouble(watched.health, watched.check)
            for name, watched in self._watched.items()
        }
        return {name: trouble for name, trouble in found.items() if trouble is not None}

    @property
    def statuses(self) -> Mapping[str, str]:
        """Whether each container is STARTING, HEALTHY or UNHEALTHY."""
        return {
            name: health_policy.status(watched.health, watched.check)
            for name, watched in self._watched.items()
        }

    @property
    def to_restart(self) -> frozenset[str]:
        """The containers that should be restarted because they are unhealthy."""
        return frozenset(name for name, watched in self._watched.items() if watched.is_due)

    def note(self, name: str, check: HealthCheck, trouble: str | None) -> None:
        """The first wait for a started container had this result; None means healthy."""
        self.forget(name)
        health = health_policy.tried(Health(), trouble, self._clock.seconds())
        watched = self._watched[name] = _Watched(check, health=health)
        if trouble is None:
            self._go_on(name, watched, check.interval_seconds)
        else:
            self._try_after(name, watched, health_policy.wait_seconds(health, check))

    def see(self, containers: Mapping[str, LocalContainer], starting: frozenset[str]) -> None:
        """Discovery found these: also check the containers that an earlier agent started."""
        for name, watched in tuple(self._watched.items()):
            local = containers.get(name)
            if local is None or not _is_same(watched, local):
                self.forget(name)
                continue
            watched.instance = local.instance
            if local.paused:
                watched.drop()
        for name, local in containers.items():
            check = local.container.health_check
            if check is None or not local.running or name in starting or self._stopped:
                continue
            known = self._watched.get(name)
            if known is None:
                known = self._watched[name] = _Watched(check, local.instance)
            if known.trying is None:
                within_seconds = min(check.interval_seconds, health_policy.ADOPTION_SECONDS_MAX)
                self._go_on(name, known, within_seconds)

    def forget(self, name: str) -> None:
        """The container no longer runs, or is about to be started."""
        watched = self._watched.pop(name, None)
        if watched is not None:
            watched.drop()

    def stop(self) -> None:
        """Stop all checks."""
        self._stopped = True
        for name in tuple(self._watched):
            self.forget(name)

    def _go_on(self, name: str, watched: _Watched, within_seconds: float) -> None:
        """Try it within that time, and again and again."""
        wait_seconds = health_policy.first_wait_seconds(name, within_seconds)
        self._try_after(name, watched, wait_seconds)

    def _try_after(self, name: str, watched: _Watched, wait_seconds: float) -> None:
        watched.trying = Deferred.fromCoroutine(self._try_on(name, watched, wait_seconds))
        watched.trying.addErrback(self._failed)

    async def _try_on(self, name: str, watched: _Watched, wait_seconds: float) -> None:
        check = watched.check
        await deferLater(self._clock, wait_seconds)
        trying = watched.trying
        while watched.trying is trying:
            try:
                trouble = await self._containers.probe(name)
            except FlockerError as error:
                self._log.debug("cannot try {name}: {error}", name=name, error=error)
                wait_seconds = min(UNKNOWN_SECONDS, check.interval_seconds)
            else:
                health = self._tried(name, watched, trouble)
                wait_seconds = health_policy.wait_seconds(health, check)
            if watched.trying is trying:
                await deferLater(self._clock, wait_seconds)

    def _tried(self, name: str, watched: _Watched, trouble: str | None) -> Health:
        """Take in the result of a try, and tell what follows."""
        before, now = watched.health, self._clock.seconds()
        after = watched.health = health_policy.tried(before, trouble, now)
        was_due = watched.is_due
        watched.is_due = health_policy.is_to_restart(after, watched.check, now)
        if _shown(before, watched.check) != _shown(after, watched.check):
            self._changed()
        if watched.is_due and not was_due:
            self._due(name)
        return after

    def _failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._log.failure("the health check of a container stopped unexpectedly", failure)


def _is_same(watched: _Watched, local: LocalContainer) -> bool:
    """Whether it is the watched container, and goes on."""
    is_same = watched.instance in ("", local.instance)
    return is_same and watched.check == local.container.health_check and _goes_on(local)


def _goes_on(local: LocalContainer) -> bool:
    # What was known of a paused container holds when it is unpaused.
    return local.running or local.paused


def _shown(health: Health, check: HealthCheck) -> tuple[str, str | None]:
    return health_policy.status(health, check), health_policy.trouble(health, check)
