"""Who is refused again and again fills no disk with it: of each address one line a second.

What was left out is counted, and the count is a line as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SECONDS_PER_LINE = 1.0
ADDRESSES_MAX = 16
"""So many have lines of their own in one second; all others together are one more."""

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
        if address in self._counts:
            self._counts[address] += 1
            return
        self._wait(address)
        write()

    def _wait(self, address: str) -> None:
        self._counts[address] = 0
        self._clock.callLater(SECONDS_PER_LINE, self._over, address)

    def _over(self, address: str) -> None:
        count = self._counts.pop(address)
        if count:
            self._wait(address)
            self._left_out(address, count)
