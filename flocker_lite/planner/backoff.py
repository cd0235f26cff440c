"""How long a change that failed waits before it is tried again; pure."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_DELAY_SECONDS = 0.5
DELAY_FACTOR = 2.0
DELAY_SECONDS_MAX = 60.0
AWAY_DELAY_SECONDS_MAX = 5.0
"""The ceiling while Docker is away or a dataset is in use: trying again is cheap then."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A change that failed `times` in a row, the last time with `error`.

    It waits `delay_seconds`, until the clock shows `until_seconds`, which is 0 while the change is
    tried again. `desired` is the configuration of its resources when it began. `is_past` says that
    the planner replaced it by another change.
    """

    times: int
    error: str
    until_seconds: float
    delay_seconds: float = 0.0
    desired: object = None
    is_past: bool = False


def failed_once_more(
    before: Failed | None, error: str, now_seconds: float, asks_only: bool
) -> Failed:
    """The failure with its next wait, twice the last one up to a ceiling.

    The ceiling is low where a try `asks_only`: it costs little.
    """
    times = before.times + 1 if before is not None else 1
    ceiling_seconds = AWAY_DELAY_SECONDS_MAX if asks_only else DELAY_SECONDS_MAX
    longer_seconds = before.delay_seconds * DELAY_FACTOR if before is not None else 0.0
    delay_seconds = min(max(FIRST_DELAY_SECONDS, longer_seconds), ceiling_seconds)
    return Failed(times, error, now_seconds + delay_seconds, delay_seconds)
