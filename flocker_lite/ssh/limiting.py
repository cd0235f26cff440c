"""How many bytes may go now so that a rate is kept: a token bucket; pure, time is an argument."""

from __future__ import annotations

BURST_SECONDS = 0.1
"""What was not used for this long may be used at once; what is less is waited for together."""


class TokenBucket:
    """Lets `bytes_per_second` through, which begins empty at `now` (in seconds, of any clock)."""

    def __init__(self, bytes_per_second: int, now: float) -> None:
        self._bytes_per_second = max(1, bytes_per_second)
        self._burst_bytes = max(1.0, self._bytes_per_second * BURST_SECONDS)
        self._allowed_bytes = 0.0
        self._seen_at = now

    def allowance_bytes(self, now: float) -> int:
        """How many may go now; 0 means to wait."""
        elapsed_seconds = max(0.0, now - self._seen_at)
        self._seen_at = now
        more = elapsed_seconds * self._bytes_per_second
        self._allowed_bytes = min(self._burst_bytes, self._allowed_bytes + more)
        return int(self._allowed_bytes)

    def take(self, count: int) -> None:
        """So many went, of those that were allowed."""
        self._allowed_bytes -= count

    def wait_seconds(self) -> float:
        """How long, from the last look on, until half a burst may go: few waits, an even flow."""
        # A whole byte at least, and a little more than that: the sum of roundings is no byte.
        missing = max(1.0, self._burst_bytes / 2) - self._allowed_bytes
        return max(missing, 0.0) / self._bytes_per_second + BURST_SECONDS / 1000
