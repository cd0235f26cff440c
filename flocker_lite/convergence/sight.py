"""Whether a node can be looked at: what is in the way is logged, and told once it stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite.errors import FlockerError

LOOK_SECONDS_MAX = 90.0
"""Longer than a command that is killed because it took too long: then not even that ended it."""

AGAIN_SECONDS = 1.0
HICCUPS_MAX = 2
"""So many looks in a row may fail before it is told."""


class Sight:
    """How the looks at one node go; `changed` is called when there is something new to tell."""

    _log = Logger()

    def __init__(self, clock: Any, changed: Callable[[], None]) -> None:
        """`clock` provides IReactorTime."""
        self.trouble: str | None = None
        self._clock = clock
        self._changed = changed
        self._failed = 0
        self._late: Any = None

    def begin(self) -> None:
        """A look begins."""
        self._late = self._clock.callLater(LOOK_SECONDS_MAX, self._is_late)

    def end(self) -> None:
        """It ended, however."""
        if self._late is not None and self._late.active():
            self._late.cancel()

    def succeeded(self) -> None:
        """The node was seen."""
        self.end()
        self._failed, self.trouble = 0, None

    def failed(self, failure: Failure) -> None:
        """It was not; one more look is due."""
        self.end()
        self._failed += 1
        if self._failed > HICCUPS_MAX:
            self.trouble = f"this node cannot be looked at: {failure.value}"
        if failure.check(FlockerError):
            self._log.error(
                "could not see what this node has, trying again in {seconds:g} s: {error}",
                seconds=AGAIN_SECONDS,
                error=failure.value,
            )
        else:
            self._log.failure("could not see what this node has; trying again", failure)

    def _is_late(self) -> None:
        self.trouble = (
            f"this node cannot be looked at: no answer for {LOOK_SECONDS_MAX:g} s. Does ZFS "
            "answer (`zpool status`), and Docker (`docker ps`)?"
        )
        self._log.error("{trouble}", trouble=self.trouble)
        self._changed()
