"""Lines about who is refused: few, and none is lost without a count."""

from __future__ import annotations

from twisted.internet.task import Clock

from flocker_lite.refusals import ADDRESSES_MAX, OTHERS, SECONDS_PER_LINE, Refusals


class Log:
    """What was written."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.lines: list[str] = []
        self.refusals = Refusals(
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
    for _ in range(3):
        log.say("a")
        log.clock.advance(SECONDS_PER_LINE)
    assert log.taken() == ["a"] * 3
    assert not log.clock.getDelayedCalls()


def test_one_address_over_and_over() -> None:
    """One line a second, the first as it is and then what was left out; others have their own."""
    log = Log()
    for _ in range(1000):
        log.say("a")
    log.say("b")
    assert log.taken() == ["a", "b"]
    log.clock.advance(SECONDS_PER_LINE)
    assert log.taken() == ["a: 999"]
    log.say("a")
    assert log.taken() == []
    log.clock.advance(SECONDS_PER_LINE)
    assert log.taken() == ["a: 1"]
    log.clock.advance(SECONDS_PER_LINE)
    log.say("a")
    assert log.taken() == ["a"]


def test_many_addresses() -> None:
    """From so many on they have lines together, however many there are."""
    log = Log()
    for number in range(ADDRESSES_MAX + 1000):
        log.say(str(number))
    assert len(log.taken()) == ADDRESSES_MAX + 1
    log.clock.advance(SECONDS_PER_LINE)
    assert log.taken() == [f"{OTHERS}: 999"]
    log.clock.advance(SECONDS_PER_LINE)
    assert not log.clock.getDelayedCalls()
