"""Streams that stand still are noticed, and those that only wait are left alone."""

from __future__ import annotations

from twisted.internet.task import Clock

from flocker_lite.peers.stall_detector import (
    LOOKS_PER_TIMEOUT,
    STALL_TIMEOUT_SECONDS,
    StallDetector,
)

LOOK_SECONDS = STALL_TIMEOUT_SECONDS / LOOKS_PER_TIMEOUT


class Stream:
    """One that moves when it is told to."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.moved_bytes = 0
        self.told: list[float] = []
        self.standstill = StallDetector(self.clock, lambda: self.moved_bytes, self.told.append)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(100):
            self.clock.advance(seconds / 100)


def test_one_that_has_not_begun() -> None:
    """It is waited for: its container may take its time to stop."""
    stream = Stream()
    stream.wait(10 * STALL_TIMEOUT_SECONDS)
    assert stream.told == []


def test_one_that_moves() -> None:
    """However slowly."""
    stream = Stream()
    for _ in range(10):
        stream.moved_bytes += 1
        stream.wait(STALL_TIMEOUT_SECONDS * 0.9)
    assert stream.told == []


def test_one_that_stops_moving() -> None:
    """That is told once, soon after the time."""
    stream = Stream()
    stream.moved_bytes = 1
    stream.wait(LOOK_SECONDS + STALL_TIMEOUT_SECONDS * 0.9)
    assert stream.told == []
    stream.wait(LOOK_SECONDS)
    assert stream.told == [STALL_TIMEOUT_SECONDS]
    stream.wait(10 * STALL_TIMEOUT_SECONDS)
    assert stream.told == [STALL_TIMEOUT_SECONDS]


def test_one_that_should_have_begun() -> None:
    """Now, when it is to end or when somebody waits for it, nothing is as bad as no more."""
    stream = Stream()
    stream.wait(STALL_TIMEOUT_SECONDS)
    stream.standstill.expect(10.0)
    stream.wait(9.0)
    assert stream.told == []
    stream.wait(4.0)
    assert stream.told == [10.0]


def test_shorter_time() -> None:
    """It stays short when the end is awaited, and is counted anew from there."""
    stream = Stream()
    stream.standstill.expect(10.0)
    stream.moved_bytes = 5
    stream.wait(9.0)
    stream.standstill.expect()
    stream.wait(9.0)
    assert stream.told == []
    stream.wait(4.0)
    assert stream.told == [10.0]


def test_one_that_ended() -> None:
    """Nobody looks any more."""
    stream = Stream()
    stream.moved_bytes = 1
    stream.standstill.stop()
    stream.standstill.stop()
    assert stream.clock.getDelayedCalls() == []
