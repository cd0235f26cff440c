"""The checker finds each fault that is planted into a sound history, and no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from tests.linearizability.checker import complaints
from tests.linearizability.history import Kind, Operation, Outcome

READ, WRITE, WRITE_IF, APPEND = Kind.READ, Kind.WRITE, Kind.WRITE_IF, Kind.APPEND
DONE, MISMATCH, REFUSED, UNKNOWN = (
    Outcome.DONE,
    Outcome.MISMATCH,
    Outcome.REFUSED,
    Outcome.UNKNOWN,
)


class Register:
    """A true register with versions, and clients that overlap, from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.value, self.version, self.now = "v0", 100, 0.0
        self.history: list[Operation] = []
        self.appended: list[str] = []

    def play(self, count: int = 300) -> None:
        """Some operations; each takes effect at a moment of its own between its two ends."""
        for number in range(count):
            self.now += self.random.uniform(0.001, 0.1)
            self.operation(f"v{number + 1}")

    def operation(self, value: str) -> None:
        """One operation, which takes effect now."""
        before, after = (self.random.uniform(0, 0.3) for _ in range(2))
        began, ended = self.now - before, self.now + after
        kind = self.random.choice([READ, WRITE, WRITE_IF, APPEND])
        fate = self.random.choice([DONE] * 6 + [REFUSED, UNKNOWN])
        expected = self.random.choice([self.version, self.version - 1])
        is_done = fate is DONE or (fate is UNKNOWN and self.random.random() < 0.5)
        if kind is READ:
            if fate is DONE:
                self.history.append(Operation(READ, self.value, began, ended, DONE, self.version))
            return
        if kind is WRITE_IF and is_done and expected != self.version:
            fate = MISMATCH if fate is DONE else fate
            version = self.version if fate is MISMATCH else 0
            self.history.append(Operation(kind, value, began, ended, fate, version, expected))
            return
        if is_done:
            self.version += self.random.randint(1, 5)
            if kind is APPEND:
                self.appended.append(value)
            else:
                self.value = value
        condition = expected if kind is WRITE_IF else 0
        version = self.version if fate is DONE else 0
        self.history.append(Operation(kind, value, began, ended, fate, version, condition))


@pytest.mark.parametrize("seed", range(50))
def test_sound(seed: int) -> None:
    """A register that is one has no complaints, whatever overlaps, and whatever is not known."""
    register = Register(seed)
    register.play()
    assert complaints(register.history, "v0", register.appended) == []


def lost(history: list[Operation]) -> list[Operation]:
    """An acknowledged write is gone from then on: later reads have what was before."""
    return [*history, Operation(READ, "v0", 100, 101, version=10**6)]


def stale(history: list[Operation]) -> list[Operation]:
    """Somebody reads, late, what was long ago."""
    old = next(each for each in history if each.kind is READ)
    return [*history, replace(old, began_at=100, ended_at=101)]


def twice(history: list[Operation]) -> list[Operation]:
    """Two writes get one tag."""
    one = next(each for each in history if each.kind is WRITE and each.outcome is DONE)
    return [*history, replace(one, value="other")]


def condition_ignored(history: list[Operation]) -> list[Operation]:
    """A conditional write is done although another one was before it."""
    written = [each for each in history if each.kind is not READ and each.outcome is DONE]
    late = Operation(WRITE_IF, "late", 100, 101, DONE, 10**6, expected=written[0].version)
    return [*history, late]


def condition_refused(history: list[Operation]) -> list[Operation]:
    """A conditional write is refused although nothing was before it."""
    return [*history, Operation(WRITE_IF, "x", 100, 101, MISMATCH, 10**6, expected=10**6)]


def refused_and_done(history: list[Operation]) -> list[Operation]:
    """Something is refused, and there all the same."""
    return [
        *history,
        Operation(WRITE, "ghost", 99, 99.5, REFUSED),
        Operation(READ, "ghost", 100, 101, version=10**6),
    ]


def from_the_future(history: list[Operation]) -> list[Operation]:
    """Somebody reads what is only written afterwards."""
    return [
        *history,
        Operation(READ, "later", 99, 99.5, version=10**6 + 1),
        Operation(WRITE, "later", 100, 101, DONE, 10**6),
    ]


def back_again(history: list[Operation]) -> list[Operation]:
    """A write of unknown outcome is done twice."""
    return [
        *history,
        Operation(WRITE, "odd", 90, 91, UNKNOWN),
        Operation(READ, "odd", 92, 93, version=10**6),
        Operation(WRITE, "even", 94, 95, DONE, 10**6 + 1),
        Operation(READ, "odd", 96, 97, version=10**6 + 2),
    ]


def two_leaders(history: list[Operation]) -> list[Operation]:
    """A former leader acknowledges a write with a tag from before those of the new one."""
    return [
        *history,
        Operation(WRITE, "new", 99, 99.5, DONE, 10**6),
        Operation(WRITE, "old", 100, 101, DONE, 10**6 - 1),
    ]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "plant",
    [
        *(lost, stale, twice, condition_ignored, condition_refused),
        *(refused_and_done, from_the_future, back_again, two_leaders),
    ],
)
def test_planted(plant: Callable[[list[Operation]], list[Operation]], seed: int) -> None:
    """A fault that is planted is found."""
    register = Register(seed)
    register.play()
    assert complaints(plant(register.history), "v0", register.appended)


def test_planted_in_the_set() -> None:
    """So is one that is lost from the set, or in it although it was refused."""
    register = Register(1)
    register.play()
    assert complaints(register.history, "v0", register.appended[1:])
    refused = next(
        each for each in register.history if each.kind is APPEND and each.outcome is REFUSED
    )
    assert complaints(register.history, "v0", [*register.appended, refused.value])
