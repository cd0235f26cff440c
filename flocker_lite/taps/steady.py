"""Time that goes on evenly, whatever the clock of the machine is set to."""

from __future__ import annotations

import time
from typing import Any


def steady_seconds() -> float:
    """Seconds since some moment; they go on while the machine sleeps, and never jump."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def make_steady(reactor: Any) -> None:
    """Let the reactor count the seconds that pass, from the time of day that it is now.

    By itself Twisted reads the clock for every delay: with one that is set an hour back an agent
    would stand still for an hour, and with one set ahead every time-out would be over at once.
    """
    ahead_seconds = reactor.seconds() - steady_seconds()
    reactor.seconds = lambda: steady_seconds() + ahead_seconds
