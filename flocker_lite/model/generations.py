"""The generation: a number that tells one state of the configuration from every other."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

from flocker_lite.model.records import Change

_MICROSECONDS = 1_000_000
_FOLLOWING = frozenset({"grants", "moves", "past_moves"})


def next_generation(current: int, changes: Iterable[Change], now: float) -> int:
    """The generation after these changes; `now` is in seconds since 1970.

    The number keeps up with the clock, so that a store that was restored from a backup does not
    give out a number twice. Grants and moves do not raise it: they follow from what users asked
    for.
    """
    if all(change.kind in _FOLLOWING for change in changes):
        return current
    return max(current + 1, int(now * _MICROSECONDS))


def next_generations(
    current: int, edits: Iterable[Iterable[Change]], now: float
) -> tuple[int, ...]:
    """The generation after each of these edits, where each edit builds on the one before."""
    after = accumulate(
        edits, lambda before, changes: next_generation(before, changes, now), initial=current
    )
    return tuple(after)[1:]
