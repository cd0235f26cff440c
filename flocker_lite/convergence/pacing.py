"""How long a change that failed waits before it is tried again; pure."""

from __future__ import annotations

from dataclasses import dataclass

from flocker_lite.errors import DockerAway, InUse

FIRST_DELAY_SECONDS = 0.5
DELAY_FACTOR = 2.0
DELAY_SECONDS_MAX = 60.0
AWAY_DELAY_SECONDS_MAX = 5.0
"""For a Docker that does not answer, and a dataset that somebody holds: to ask costs little."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A change that failed `times` in a row, the last time with `error`, at rest until `until`.

    `delay_seconds` is how long it rests; `until_seconds` is 0 while it is tried again. `wanted` is
    what the user wanted of what it works on when it began. `is_past` says that something else is
    tried in its place.
    """

    times: int
    error: str
    until_seconds: float
    delay_seconds: float = 0.0
    wanted: object = None
    is_past: bool = False


def failed_again(before: Failed | None, error: BaseException | None, now_seconds: float) -> Failed:
    """The next wait: twice the one before, with a ceiling."""
    times = before.times + 1 if before is not None else 1
    asks_only = isinstance(error, (DockerAway, InUse))
    ceiling_seconds = AWAY_DELAY_SECONDS_MAX if asks_only else DELAY_SECONDS_MAX
    longer_seconds = before.delay_seconds * DELAY_FACTOR if before is not None else 0.0
    delay_seconds = min(max(FIRST_DELAY_SECONDS, longer_seconds), ceiling_seconds)
    text = str(error) or type(error).__name__
    return Failed(times, text, now_seconds + delay_seconds, delay_seconds)
