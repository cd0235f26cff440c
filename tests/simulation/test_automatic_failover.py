"""Failovers that take place by themselves, at random; see `automatic_world` for the rules.

FLOCKER_LITE_AUTOMATIC_SEEDS="100" runs that many seeds, "17-18" those, to see a failure again.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.simulation.automatic_mutants import MUTANTS, Plant
from tests.simulation.automatic_world import SCHEDULES, AutomaticWorld, play

SEEDS_DEFAULT = "0-6"
SEEDS_OF_TWO_MAX = 40


def seeds() -> range:
    """The seeds to run."""
    first, _, last = os.environ.get("FLOCKER_LITE_AUTOMATIC_SEEDS", SEEDS_DEFAULT).rpartition("-")
    return range(int(first or 0), int(last))


@pytest.mark.parametrize("seed", seeds())
def test_one_runs_at_a_time(seed: int) -> None:
    """Whatever is cut off or dies, no two nodes run it; and in the end one of them does."""
    play(seed)


def test_failovers_take_place() -> None:
    """Seeds do what they are for; not each of them has to."""
    count = 0
    for seed in range(SEEDS_OF_TWO_MAX):
        world = AutomaticWorld(seed)
        world.play()
        count += world.failovers
        if count > 1:
            return
    raise AssertionError(f"{count} failovers")


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.__name__)
def test_a_schedule(schedule: Callable[[], None]) -> None:
    """Every rule holds in it."""
    schedule()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_planted_fault_is_found(mutant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its schedule finds it."""
    mutant(monkeypatch)
    with pytest.raises(AssertionError):
        MUTANTS[mutant]()
