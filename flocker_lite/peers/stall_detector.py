"""Notices that a stream stands still, because the node at its other end may hang silently."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

STALL_TIMEOUT_SECONDS = 600.0
"""Long enough for ZFS to scan a lot of unchanged data without finding anything to send."""

LOOKS_PER_TIMEOUT = 4


class StallDetector:
    """Calls `stood_still(seconds)` once, when `moved_bytes()` was the same for so many seconds.

    The time counts from the stream's first byte, or from the call of `expect`.
    """

    def __init__(
        self,
        clock: IReactorTime,
        moved_bytes: Callable[[], int],
        stood_still: Callable[[float], None],
    ) -> None:
        self._clock = clock
        self._moved_bytes = moved_bytes
        self._stood_still = stood_still
        self._timeout_seconds = STALL_TIMEOUT_SECONDS
        self._is_expected = False
        self._seen_bytes = 0
        self._seen_at = 0.0
        self._next_look: IDelayedCall | None = None
        self._count_anew()

    def expect(self, timeout_seconds: float | None = None) -> None:
        """Count from now on; a new time-out stays in force until the end."""
        self._is_expected = True
        self._timeout_seconds = timeout_seconds or self._timeout_seconds
        self._count_anew()

    def stop(self) -> None:
        """Stop watching: the stream has ended."""
        if self._next_look is not None and self._next_look.active():
            self._next_look.cancel()

    def _count_anew(self) -> None:
        self.stop()
        self._seen_bytes, self._seen_at = self._moved_bytes(), self._clock.seconds()
        self._look_later()

    def _look_later(self) -> None:
        seconds = self._timeout_seconds / LOOKS_PER_TIMEOUT
        self._next_look = self._clock.callLater(seconds, self._look)

    def _look(self) -> None:
        now, moved_bytes = self._clock.seconds(), self._moved_bytes()
        is_counted = self._is_expected or moved_bytes > 0
        if not is_counted or moved_bytes != self._seen_bytes:
            self._seen_bytes, self._seen_at = moved_bytes, now
        if now - self._seen_at >= self._timeout_seconds:
            self._stood_still(self._timeout_seconds)
        else:
            self._look_later()
