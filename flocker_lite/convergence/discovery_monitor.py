"""Whether discovery of a node works: failures are logged, and reported when they persist."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite.errors import FlockerError

LOOK_SECONDS_MAX = 90.0
"""Longer than the time-out of a command: then even killing the command did not help."""

RETRY_SECONDS = 1.0
HIDDEN_FAILURES_MAX = 2
"""This many looks in a row may fail before users are told."""


class DiscoveryMonitor:
    """Watches the looks at one node; `changed` is called when `trouble` changed between looks.

    `check_command` shows a person on the node whether its storage answers.
    """

    _log = Logger()

    def __init__(
        self, clock: IReactorTime, changed: Callable[[], None], check_command: str
    ) -> None:
        self.trouble: str | None = None
        self._clock = clock
        self._changed = changed
        self._check_command = check_command
        self._failed = 0
        self._late: IDelayedCall | None = None

    def begin(self) -> None:
        """A look begins."""
        self._late = self._clock.callLater(LOOK_SECONDS_MAX, self._is_late)

    def end(self) -> None:
        """The look ended, well or badly."""
        if self._late is not None and self._late.active():
            self._late.cancel()

    def succeeded(self) -> None:
        """The look succeeded."""
        self.end()
        self._failed, self.trouble = 0, None

    def failed(self, failure: Failure) -> None:
        """The look failed; the caller asks for another."""
        self.end()
        self._failed += 1
        if self._failed > HIDDEN_FAILURES_MAX:
            self.trouble = f"discovery of this node fails: {failure.value}"
        if failure.check(FlockerError):
            self._log.error(
                "discovery of this node failed, next try in {seconds:g} s: {error}",
                seconds=RETRY_SECONDS,
                error=failure.value,
            )
        else:
            self._log.failure("discovery of this node failed; trying again", failure)

    def _is_late(self) -> None:
        self.trouble = (
            f"discovery of this node hangs: no answer for {LOOK_SECONDS_MAX:g} s. Do the storage "
            f"(`{self._check_command}`) and Docker (`docker ps`) answer?"
        )
        self._log.error("{trouble}", trouble=self.trouble)
        self._changed()
