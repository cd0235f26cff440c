"""What is known best of each step of a pause counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.model.estimates import Estimate, estimate, total
from flocker_lite.model.pause_history import LAST_WRITES, SEND
from flocker_lite.model.state import RunTimes
from flocker_lite.planner.pause_costs import (
    CONTAINER_STEPS,
    DATASET_STEPS,
    expected,
    last_writes_seconds,
    whole_pause,
)

UNKNOWN = RunTimes()
SECONDS = st.floats(0, 1e4)
NAMES = st.sampled_from([*DATASET_STEPS, *CONTAINER_STEPS, SEND, LAST_WRITES, "lend"])
TOLD = st.dictionaries(NAMES, st.builds(lambda a, b: Estimate(a, a + b), SECONDS, SECONDS))
HERE = st.builds(RunTimes, st.none() | SECONDS, st.none() | SECONDS, st.booleans())


def test_nothing_is_known() -> None:
    """All steps are assumed; a lone dataset has no program to stop."""
    assert expected({}, {}, UNKNOWN, True) == {**DATASET_STEPS, **CONTAINER_STEPS}
    assert expected({}, {}, UNKNOWN, False) == DATASET_STEPS


def test_own_moves() -> None:
    """They count alone; only a stop that they cannot tell is assumed."""
    told = {"stop": Estimate(2.5, 3.5)}
    here = RunTimes(9.0, 9.0)
    assert expected({"stop": 3.0, "mount": 0.5}, told, here, True) == {
        "stop": Estimate(2.5, 3.5),
        "mount": estimate([0.5]),
    }
    assert expected({"mount": 0.5}, {}, here, True)["stop"] == CONTAINER_STEPS["stop"]
    assert "stop" not in expected({"mount": 0.5}, {}, UNKNOWN, False)


def test_last_stop_and_start_here() -> None:
    """They say more of this container than the moves of others do."""
    told = {"stop": Estimate(2.5, 3.5), "answer": Estimate(2.5, 3.5), "mount": Estimate(0.3, 0.4)}
    steps = expected({}, told, RunTimes(0.5, 1.5), True)
    assert (steps["stop"], steps["answer"]) == (Estimate(0.5, 3.5), Estimate(1.5, 3.5))
    alone = expected({}, {}, RunTimes(0.5, 1.5), True)
    assert (alone["stop"], alone["answer"]) == (estimate([0.5]), estimate([1.5]))
    assert steps["mount"] == told["mount"]


def test_first_start() -> None:
    """It may have set things up, so moves of the same program tell more."""
    first = RunTimes(None, 4.0, was_first=True)
    told = {"answer": Estimate(0.2, 0.3)}
    assert expected({}, told, first, True)["answer"] == told["answer"]
    assert expected({}, {}, first, True)["answer"] == estimate([4.0])


@given(st.dictionaries(st.sampled_from(["stop", "mount"]), SECONDS), TOLD, HERE, st.booleans())
def test_the_send_is_no_step(
    own: dict[str, float], told: dict[str, Estimate], here: RunTimes, has_container: bool
) -> None:
    """The push knows more of it than any past move; and what is expected is never less than 0."""
    steps = expected(own, told, here, has_container)
    assert not {SEND, LAST_WRITES} & steps.keys()
    assert all(0 <= each.p50_seconds <= each.p95_seconds for each in steps.values())
    whole = whole_pause(steps, 1.0, 2)
    assert whole.p50_seconds >= total(steps.values()).p50_seconds
    assert whole.p50_seconds <= whole.p95_seconds


def test_last_writes() -> None:
    """Shared by the datasets; nothing as long as nobody has seen it."""
    assert last_writes_seconds({}, 1) == 0.0
    assert last_writes_seconds({LAST_WRITES: Estimate(1.0, 2.0)}, 2) == 0.5
