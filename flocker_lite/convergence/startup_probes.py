"""Repeats the health check of running containers, with back-off, until it succeeds once.

It is a startup probe: a container that was healthy once is not checked again until its next start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IContainers
from flocker_lite.model.records import HealthCheck
from flocker_lite.model.state import LocalContainer

RETRY_SECONDS_FIRST = 1.0
RETRY_FACTOR = 2.0
RETRY_SECONDS_MAX = 60.0


@dataclass
class _Watched:
    """`trouble` is the result of the last check; `trying` is set until a check has succeeded."""

    trouble: str | None = None
    trying: Deferred[None] | None = None


class StartupProbes:
    """Knows the last result of each health check; `changed` is called when one changes."""

    _log = Logger()

    def __init__(
        self,
        containers: IContainers,
        clock: IReactorTime,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._changed = changed
        self._containers = containers
        self._clock = clock
        self._watched: dict[str, _Watched] = {}
        self._stopped = False

    @property
    def troubles(self) -> Mapping[str, str]:
        """What is wrong with each unhealthy container, in words."""
        return {
            name: watched.trouble
            for name, watched in self._watched.items()
            if watched.trouble is not None
        }

    def note(self, name: str, check: HealthCheck, trouble: str | None) -> None:
        """The first wait for a started container had this result; None means healthy."""
        self.forget(name)
        self._watched[name] = _Watched(trouble)
        if trouble is not None:
            self._try(name, check)

    def see(self, containers: Mapping[str, LocalContainer], starting: frozenset[str]) -> None:
        """Discovery found these: also check the containers that an earlier agent started."""
        checks = {
            name: local.container.health_check
            for name, local in containers.items()
            if local.running and local.container.health_check is not None
        }
        for name in self._watched.keys() - checks.keys():
            self.forget(name)
        for name, check in checks.items():
            if name not in self._watched and name not in starting and not self._stopped:
                self._watched[name] = _Watched()
                self._try(name, check)

    def forget(self, name: str) -> None:
        """The container no longer runs, or is about to be started."""
        watched = self._watched.pop(name, None)
        if watched is not None and watched.trying is not None:
            watched.trying.cancel()

    def stop(self) -> None:
        """Stop all checks."""
        self._stopped = True
        for name in tuple(self._watched):
            self.forget(name)

    def _try(self, name: str, check: HealthCheck) -> None:
        begin: Deferred[None] = Deferred()
        watched = self._watched[name]
        trying = Deferred.fromCoroutine(self._until_healthy(begin, name, check, watched))
        watched.trying = trying
        trying.addCallbacks(self._healthy, self._failed, callbackArgs=(watched,))
        # `trying` must be set before the first check, which may be over at once.
        begin.callback(None)

    async def _until_healthy(
        self, begin: Deferred[None], name: str, check: HealthCheck, watched: _Watched
    ) -> None:
        await begin
        delay_seconds = RETRY_SECONDS_FIRST
        if watched.trouble is not None:
            await deferLater(self._clock, delay_seconds)
        while (trouble := await self._trouble(name, check)) is not None:
            if trouble != watched.trouble:
                watched.trouble = trouble
                self._changed()
            delay_seconds = min(delay_seconds * RETRY_FACTOR, RETRY_SECONDS_MAX)
            await deferLater(self._clock, delay_seconds)

    async def _trouble(self, name: str, check: HealthCheck) -> str | None:
        try:
            return await self._containers.answers(name, check.timeout_seconds)
        except FlockerError as error:
            return str(error)

    def _healthy(self, _: None, watched: _Watched) -> None:
        watched.trouble, watched.trying = None, None
        self._changed()

    def _failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._log.failure("the health check of a container stopped unexpectedly", failure)
