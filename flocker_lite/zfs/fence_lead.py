"""How long before a deadline a fence begins to kill, so that all is dead by the bound; pure.

Whoever waits for a deadline adds `KILL_SECONDS_MAX` to it. On a machine with two processors and
nothing else to do, 1,000 processes were dead after 0.24 s. On one that was overloaded, ten control
groups of 500 processes took 2.24 s: 0.45 ms for each.
"""

from __future__ import annotations

from collections.abc import Iterable

from flocker_lite.model.fencing.claims import KILL_SECONDS_MAX

SECONDS_PER_PROCESS = 0.001
"""More than twice what was measured while the machine was overloaded."""

KILL_SECONDS_SPARED = KILL_SECONDS_MAX / 2
"""This part of the bound is for what does not depend on the number: to wake up and to find them."""

LEAD_SECONDS_MAX = 3.0
"""A renewal always comes earlier than this before the shortest deadline, so that lots of processes
alone never end a container whose node is well. It is enough for 3,500 processes; with more of them,
only what was measured bounds the kill, up to some 7,000."""


def lead_seconds(processes: int) -> float:
    """How long before their deadline to begin with killing so many processes; never negative."""
    needed = processes * SECONDS_PER_PROCESS - (KILL_SECONDS_MAX - KILL_SECONDS_SPARED)
    return min(max(needed, 0.0), LEAD_SECONDS_MAX)


def to_begin(deadlines: Iterable[tuple[str, float, int]], now: float) -> tuple[list[str], float]:
    """The containers to begin with now, and when to look at the next one; inf without one.

    `deadlines` has the name, deadline and number of processes of each. A fence kills one process
    after the other, so all that is due no later is killed before.
    """
    ordered = sorted(deadlines, key=lambda each: each[1])
    due, processes, next_at = 0, 0, float("inf")
    for number, (_, until, count) in enumerate(ordered, 1):
        processes += count
        begin_at = until - lead_seconds(processes)
        if now >= begin_at:
            due, next_at = number, float("inf")
        else:
            next_at = min(next_at, begin_at)
    return [name for name, _, _ in ordered[:due]], next_at
