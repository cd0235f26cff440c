"""Who is refused again and again fills no disk with it: of each address one line a second.

They may come all at once. What was left out is counted, and the count is a line as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

LINES_MAX = 20
WINDOW_SECONDS = 20.0
"""In so many seconds an address has so many lines, and one more with what it lacks."""

ADDRESSES_MAX = 16
"""So many have lines of their own in that time; all others have them together."""

OTHERS = "other addresses"


class Refusals:
    """Says what may be said; `left_out` is called with an address and how many lines it lacks."""

    def __init__(self, clock: Any, left_out: Callable[[str, int], None]) -> None:
        self._clock = clock
        self._left_out = left_out
        self._counts: dict[str, int] = {}

    def say(self, address: str, write: Callable[[], None]) -> None:
        """Have a line about `address` written, or counted."""
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
