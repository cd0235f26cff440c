"""The fencing protocol, with everything that can fail: never two writers.

FLOCKER_LITE_FENCING_SEEDS="1000" runs that many seeds, "17-18" those, to see a failure again.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.simulation import fencing_mutants as mutants
from tests.simulation import fencing_schedules as schedules
from tests.simulation.fencing_mutants import MUTANTS, Plant
from tests.simulation.fencing_troubles import play
from tests.simulation.fencing_world import Counts, World

SEEDS_DEFAULT = "0-200"
SEEDS_PER_MUTANT = 300

Schedule = Callable[[], World]

NEEDED: dict[Plant, Schedule] = {
    mutants.margin: schedules.slow_clock,
    mutants.attempt: schedules.late_agreement,
    mutants.removed: schedules.removed_and_added,
    mutants.generation: schedules.renewal_of_before,
    mutants.called_off: schedules.told_of_a_promotion_that_is_not_done,
    mutants.promoting: schedules.renewal_while_promoting,
    mutants.destination: schedules.destination_of_before,
    mutants.written: schedules.agreed_before_a_restart,
    mutants.agreed: schedules.agreed_and_asked,
    mutants.asked: schedules.late_grant,
    mutants.every: schedules.one_of_two_witnesses,
    mutants.longest: schedules.shorter_time,
    mutants.unfenced: schedules.automatic_at_last,
}
"""What has to happen for a rule to matter."""


def seeds() -> range:
    """The seeds to run."""
    first, _, last = os.environ.get("FLOCKER_LITE_FENCING_SEEDS", SEEDS_DEFAULT).rpartition("-")
    return range(int(first or 0), int(last))


def test_never_two_writers() -> None:
    """Whatever fails, no two nodes run the container; and standbys are promoted meanwhile."""
    counts = Counts()
    for seed in seeds():
        world = play(seed)
        assert world.bad is None, f"seed {seed}: {world.bad}\n" + "\n".join(world.story)
        counts += world.counts
    if len(seeds()) >= 100:
        assert min(vars(counts).values()) > len(seeds()) // 4, counts


@pytest.mark.parametrize("schedule", NEEDED.values(), ids=lambda schedule: schedule.__name__)
def test_a_schedule_with_every_rule(schedule: Schedule) -> None:
    """No two nodes run the container then either."""
    world = schedule()
    assert world.bad is None, "\n".join([*world.story, world.bad])


@pytest.mark.parametrize("mutant", NEEDED, ids=lambda mutant: mutant.__name__)
def test_a_schedule_without_the_rule(mutant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two nodes run it: the rule is needed."""
    mutant(monkeypatch)
    world = NEEDED[mutant]()
    assert world.bad is not None, "\n".join(world.story)


@pytest.mark.parametrize(
    "mutant", [each for each in MUTANTS if each not in NEEDED], ids=lambda mutant: mutant.__name__
)
def test_seeds_without_a_rule(mutant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the seeds shows that the rule is needed."""
    mutant(monkeypatch)
    assert any(play(seed).bad is not None for seed in range(SEEDS_PER_MUTANT))
