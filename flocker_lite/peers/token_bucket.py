"""A token bucket: how many bytes may go now without exceeding a rate. Pure; time is an argument."""

from __future__ import annotations

BURST_SECONDS = 0.1
"""The bucket holds the bytes of this many seconds; a sender waits until half of them may go."""


class TokenBucket:
    """Lets `bytes_per_second` through; it starts empty at `now` (in seconds of any clock)."""

    def __init__(self, bytes_per_second: int, now: float) -> None:
        self._bytes_per_second = max(1, bytes_per_second)
        self._burst_bytes = max(1.0, self._bytes_per_second * BURST_SECONDS)
        self._allowed_bytes = 0.0
        self._seen_at = now

    def allowance_bytes(self, now: float) -> int:
        """How many bytes may go now; 0 means to wait."""
        elapsed_seconds = max(0.0, now - self._seen_at)
        self._seen_at = now
        more = elapsed_seconds * self._bytes_per_second
        self._allowed_bytes = min(self._burst_bytes, self._allowed_bytes + more)
        return int(self._allowed_bytes)

    def take(self, count: int) -> None:
        """Record that `count` of the allowed bytes went."""
        self._allowed_bytes -= count

    def wait_seconds(self) -> float:
        """How long to wait until half a burst may go, which makes few waits and an even flow."""
        # At least one byte, and a little longer than it takes, because rounding errors add up.
        missing = max(1.0, self._burst_bytes / 2) - self._allowed_bytes
        return max(missing, 0.0) / self._bytes_per_second + BURST_SECONDS / 1000
