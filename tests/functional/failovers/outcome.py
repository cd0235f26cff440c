"""What came of an outage for one database."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a row for one database, in seconds since it was struck last; None if nothing.

    `silent` is the longest time without an acknowledgement. Records in `lost` had been acknowledged
    within `lag` before the old primary's end, and all of them were set aside.
    """

    stopped: float | None = None
    started: float | None = None
    answered: float | None = None
    silent: float = 0.0
    lag: float | None = None
    lost: int = 0
    written: int = 0
