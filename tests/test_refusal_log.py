"""Lines about who is refused: few, and none is lost without a count."""

from __future__ import annotations

from twisted.internet.task import Clock

from flocker_lite.refusal_log import ADDRESSES_MAX, LINES_MAX, OTHERS, WINDOW_SECONDS, RefusalLog


class Log:
    """What was written."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.lines: list[str] = []
        self.refusals = RefusalLog(
            self.clock, lambda who, count: self.lines.append(f"{who}: {count}")
        )

    def say(self, address: str) -> None:
        """Somebody is refused."""
        self.refusals.say(address, lambda: self.lines.append(address))

    def taken(self) -> list[str]:
        """What was written since the last time."""
        taken, self.lines = self.lines, []
        return taken


def test_one_now_and_then() -> None:
    """Each has its line."""
    log = Log()
    for _ in range(3 * LINES_MAX):
        log.say("a")
        log.clock.advance(WINDOW_SECONDS / LINES_MAX)
    assert log.taken() == ["a"] * 3 * LINES_MAX
    log.clock.advance(WINDOW_SECONDS)
    assert not log.clock.getDelayedCalls()


def test_one_address_over_and_over() -> None:
    """The first lines are written as they are, and then how many were not; others have theirs."""
    log = Log()
    for _ in range(LINES_MAX + 1000):
        log.say("a")
    log.say("b")
    assert log.taken() == [*["a"] * LINES_MAX, "b"]
    log.clock.advance(WINDOW_SECONDS)
    assert log.taken() == ["a: 1000"]
    log.say("a")
    assert log.taken() == ["a"]


def test_many_addresses() -> None:
    """From so many on they have lines together, however many there are."""
    log = Log()
    for number in range(ADDRESSES_MAX + LINES_MAX + 1000):
        log.say(str(number))
    assert len(log.taken()) == ADDRESSES_MAX + LINES_MAX
    log.clock.advance(WINDOW_SECONDS)
    assert log.taken() == [f"{OTHERS}: 1000"]
    assert not log.clock.getDelayedCalls()
