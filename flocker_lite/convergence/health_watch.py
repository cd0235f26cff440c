"""Containers that run and whose health check has not succeeded yet: tried gently until it does.

It is a check of the start: one that was healthy once is not looked at again until it starts anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
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
    """`trouble` is what its last try said; `trying` is there until a try has succeeded."""

    trouble: str | None = None
    trying: Deferred[None] | None = None


class HealthWatch:
    """Knows of each container what its health check says; `changed` is called when that changes.

    `clock` provides IReactorTime.
    """

    _log = Logger()

    def __init__(
        self, containers: IContainers, clock: Any, changed: Callable[[], None] = lambda: None
    ) -> None:
        self.changed = changed
        self._containers = containers
        self._clock = clock
        self._watched: dict[str, _Watched] = {}
        self._stopped = False

    @property
    def troubles(self) -> Mapping[str, str]:
        """What is wrong with each container that is not healthy, in words."""
        return {
            name: watched.trouble
            for name, watched in self._watched.items()
            if watched.trouble is not None
        }

    def note(self, name: str, check: HealthCheck, trouble: str | None) -> None:
        """What the first wait for a container that was just started came to; None is healthy."""
        self.forget(name)
        self._watched[name] = _Watched(trouble)
        if trouble is not None:
            self._try(name, check)

    def see(self, containers: Mapping[str, LocalContainer], starting: frozenset[str]) -> None:
        """What runs now: those of them that an earlier agent started are tried as well."""
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
        """It does not run any more, or is about to be started."""
        watched = self._watched.pop(name, None)
        if watched is not None and watched.trying is not None:
            watched.trying.cancel()

    def stop(self) -> None:
        """Try nothing any more."""
        self._stopped = True
        for name in tuple(self._watched):
            self.forget(name)

    def _try(self, name: str, check: HealthCheck) -> None:
        begin: Deferred[None] = Deferred()
        watched = self._watched[name]
        trying = Deferred.fromCoroutine(self._until_healthy(begin, name, check, watched))
        watched.trying = trying
        trying.addCallbacks(self._healthy, self._failed, callbackArgs=(watched,))
        # It must be known to be tried before the first try, which may be over at once.
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
                self.changed()
            delay_seconds = min(delay_seconds * RETRY_FACTOR, RETRY_SECONDS_MAX)
            await deferLater(self._clock, delay_seconds)

    async def _trouble(self, name: str, check: HealthCheck) -> str | None:
        try:
            return await self._containers.answers(name, check.timeout_seconds)
        except FlockerError as error:
            return str(error)

    def _healthy(self, _: None, watched: _Watched) -> None:
        watched.trouble, watched.trying = None, None
        self.changed()

    def _failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._log.failure("a container is not looked at any more", failure)
