"""The end of users' leases."""

from __future__ import annotations

from twisted.internet.task import Clock

from flocker_lite.control.lease_timers import DELAY_SECONDS_MAX, RETRY_SECONDS, LeaseTimers
from flocker_lite.model.records import Change, UserLease

DATASET, NODE = "d", "n"


class Timers:
    """Timers, and what they called."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.over: list[str] = []
        self.timers = LeaseTimers(self.clock, self.over.append)

    def lease(self, expires_at: float | None) -> None:
        """The dataset is leased until then."""
        lease = UserLease(DATASET, NODE, expires_at)
        self.timers.changed([Change("leases", DATASET, lease)])

    def release(self) -> None:
        """The lease is gone."""
        self.timers.changed([Change("leases", DATASET, None)])


def test_over() -> None:
    """A lease that is over is told, not before; and again, until it is gone."""
    timers = Timers()
    timers.lease(5.0)
    timers.clock.advance(4.9)
    assert timers.over == []
    timers.clock.advance(0.2)
    assert timers.over == [DATASET]
    timers.clock.advance(RETRY_SECONDS)
    assert timers.over == [DATASET] * 2
    timers.release()
    assert timers.clock.getDelayedCalls() == []


def test_renewed() -> None:
    """The latest expiry counts; a lease without one never ends."""
    timers = Timers()
    timers.lease(5.0)
    timers.lease(9.0)
    timers.clock.advance(8.0)
    assert timers.over == []
    timers.lease(None)
    timers.clock.advance(1e6)
    assert timers.over == []


def test_long() -> None:
    """A lease for years is looked at now and then, and ends when it should."""
    timers = Timers()
    timers.lease(3.5 * DELAY_SECONDS_MAX)
    for _ in range(3):
        timers.clock.advance(DELAY_SECONDS_MAX)
    assert timers.over == []
    timers.clock.advance(DELAY_SECONDS_MAX)
    assert timers.over == [DATASET]


def test_already_over() -> None:
    """One that ended while the service was down ends at once."""
    timers = Timers()
    timers.clock.advance(10.0)
    timers.lease(5.0)
    timers.clock.advance(0)
    assert timers.over == [DATASET]


def test_stop() -> None:
    """Nothing is called after the end."""
    timers = Timers()
    timers.lease(5.0)
    timers.timers.stop()
    assert timers.clock.getDelayedCalls() == []
