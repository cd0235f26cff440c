"""How long a change that failed waits before it is tried again; pure."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_DELAY_SECONDS = 0.5
DELAY_FACTOR = 2.0
DELAY_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Failed:
    """A change that failed `times` in a row, the last time with `error`, at rest until `until`."""

    times: int
    error: str
    until_seconds: float


def failed_again(before: Failed | None, error: str, now_seconds: float) -> Failed:
    """The next wait: exponential, with a ceiling."""
    times = before.times + 1 if before is not None else 1
    delay_seconds = min(FIRST_DELAY_SECONDS * DELAY_FACTOR ** (times - 1), DELAY_SECONDS_MAX)
    return Failed(times, error, now_seconds + delay_seconds)
