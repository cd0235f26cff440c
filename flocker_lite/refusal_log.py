"""Limits the log lines about refused clients, so that nobody can fill the disk with them.

An address gets one line a second on average; they may come all at once. Lines beyond that are
counted, and the count is logged.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

LINES_MAX = 20
WINDOW_SECONDS = 20.0
"""In each window an address gets LINES_MAX lines, and one more with the number left out."""

ADDRESSES_MAX = 16
"""This many addresses have lines of their own in a window; all others share theirs."""

OTHERS = "other addresses"


class RefusalLog:
    """Limits lines; calls `left_out` with an address and the number of lines it left out."""

    def __init__(self, clock: IReactorTime, left_out: Callable[[str, int], None]) -> None:
        self._clock = clock
        self._left_out = left_out
        self._counts: dict[str, int] = {}

    def say(self, address: str, write: Callable[[], None]) -> None:
        """Call `write` for a line about `address`, or only count the line."""
        if address not in self._counts and len(self._counts) >= ADDRESSES_MAX:
            address = OTHERS
        if address not in self._counts:
            self._counts[address] = 0
            self._clock.callLater(WINDOW_SECONDS, self._over, address)
        self._counts[address] += 1
        if self._counts[address] <= LINES_MAX:
            write()

    def _over(self, address: str) -> None:
        count = self._counts.pop(address) - LINES_MAX
        if count > 0:
            self._left_out(address, count)
