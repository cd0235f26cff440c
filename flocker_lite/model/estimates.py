"""Durations that are expected: the likely one, and one that is hardly ever exceeded; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Estimate:
    """Half of the times it takes at most `p50_seconds`; 95 of 100 times at most `p95_seconds`."""

    p50_seconds: float
    p95_seconds: float


def estimate(samples: Sequence[float]) -> Estimate:
    """What these durations, at least one, tell about the next: the fewer, the less sure.

    One sample could be half of the next, two samples two thirds, and so on.
    """
    middle = median(samples)
    return Estimate(middle, max(*samples, middle * (1 + 1 / len(samples))))


def total(parts: Iterable[Estimate]) -> Estimate:
    """How long they take one after the other; they are rarely all slow at the same time."""
    known = list(parts)
    likely = math.fsum(each.p50_seconds for each in known)
    margin = math.hypot(*(each.p95_seconds - each.p50_seconds for each in known))
    return Estimate(likely, likely + margin)
