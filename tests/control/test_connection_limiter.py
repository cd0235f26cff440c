"""Who goes when one more connection comes than there may be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.control.connection_limiter import ConnectionLimiter

COUNT_MAX = 3


def limiter() -> tuple[ConnectionLimiter[int], list[int]]:
    """A crowd of three, and those it hung up on."""
    gone: list[int] = []
    return ConnectionLimiter(COUNT_MAX, gone.append), gone


def test_the_one_that_has_been_idle_longest_goes() -> None:
    """Not the newcomer, and not one that something is done for."""
    people, gone = limiter()
    for number in (1, 2, 3):
        people.came(number)
    people.busy(1)
    people.came(4)
    assert gone == [2]
    people.idle(1)
    people.came(5)
    assert gone == [2, 3]
    people.busy(4)
    people.busy(5)
    people.came(6)
    assert gone == [2, 3, 1]


def test_a_newcomer_goes_when_all_are_busy() -> None:
    """What is being done is not broken off for one that has asked for nothing yet."""
    people, gone = limiter()
    for number in (1, 2, 3):
        people.came(number)
        people.busy(number)
    people.came(4)
    assert gone == [4]


def test_one_that_left_makes_room() -> None:
    """Twice gone is gone once, and what is gone is neither busy nor idle any more."""
    people, gone = limiter()
    for number in (1, 2, 3):
        people.came(number)
    people.left(2)
    people.left(2)
    people.busy(2)
    people.idle(2)
    people.came(4)
    assert gone == []
    assert len(people) == COUNT_MAX


@given(st.lists(st.tuples(st.sampled_from(("came", "busy", "idle", "left")), st.integers(1, 8))))
def test_there_are_never_too_many(steps: list[tuple[str, int]]) -> None:
    """Whatever they do, in whatever order."""
    people, gone = limiter()
    here: set[int] = set()
    for step, number in steps:
        if step == "came" and number in here:
            continue
        getattr(people, step)(number)
        here = here | {number} if step == "came" else here - {number} if step == "left" else here
        here -= set(gone)
        gone.clear()
        assert len(people) == len(here) <= COUNT_MAX
