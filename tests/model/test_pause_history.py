"""What past moves tell about the pause of the next one."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from pyrsistent import pmap

from flocker_lite.model.container_fields.switching import SwitchHook
from flocker_lite.model.estimates import Estimate, estimate
from flocker_lite.model.move_progress import HookRun, MoveProgress, Round, Step
from flocker_lite.model.pause_history import LAST_WRITES, NODE_STEPS, SEND, estimates, program_of
from flocker_lite.model.records import Configuration, Container, Move, PastMove

A, B = "a", "b"
SHOP = Container("shop", A, "redis:7")
MOVE = Move("next", A, B, 100.0, "shop", ("d-shop",))
STEPS = {"stop": 0.2, "unmount": 0.1, "mount": 0.3, "answer": 0.5}


def past(
    container: Container, ended_at: float, steps: dict[str, float], hook: bool = False
) -> PastMove:
    """A move of this container that was done, with these steps."""
    dataset_id = f"d-{container.name}"
    move = Move(f"m{ended_at}", A, B, ended_at - 1, container.name, (dataset_id,))
    # The last round has 2,000 bytes more than the rate of the one before explains.
    rounds = (Round(9000, 1.0), Round(0, 0.1, 1.0), Round(2000, 0.4))
    own = tuple(Step(name, seconds) for name, seconds in steps.items() if name != "answer")
    ran = (HookRun("before_switch", 0.1, 0),) if hook else ()
    source = MoveProgress(dataset_id, 2, "done", A, B, rounds, own, hooks=ran)
    there = MoveProgress(dataset_id, 2, "done", steps=(Step("answer", steps["answer"]),))
    program = program_of(container)
    return PastMove(move, "done", ended_at, pmap({dataset_id: 2}), (source, there), program)


def told(*moves: PastMove, container: Container = SHOP) -> dict[str, Estimate]:
    """What these tell about the next one."""
    configuration = Configuration(past_moves=pmap({each.move_id: each for each in moves}))
    return dict(estimates(configuration, MOVE, container))


def test_nothing() -> None:
    """A cluster where nothing has moved yet knows nothing."""
    assert told() == {}


def test_own_moves() -> None:
    """The last ones of the same container tell all, whatever others took."""
    slow = {name: 10 * seconds for name, seconds in STEPS.items()}
    other = past(Container("other", A, "redis:7"), 50.0, slow)
    seen = told(past(SHOP, 10.0, STEPS), past(SHOP, 20.0, STEPS), other)
    assert seen["answer"] == estimate([0.5, 0.5])
    assert seen[LAST_WRITES].p50_seconds == 0.4


def test_moves_of_the_same_program() -> None:
    """Another container of the image, also with another tag, stops and answers like this one."""
    alike = past(Container("other", A, "redis:6"), 10.0, {**STEPS, SEND: 0.4})
    seen = told(alike)
    assert seen["stop"] == estimate([0.2])
    assert seen["answer"] == estimate([0.5])
    assert (seen[SEND], seen[LAST_WRITES]) == (estimate([0.4]), estimate([0.4]))


def test_moves_of_other_programs() -> None:
    """They tell what the nodes take, and nothing about stopping and answering."""
    for other in (
        Container("db", A, "postgres"),
        Container("db", A, "redis:7", command_line=("sh", "-c", "sleep 3; exec redis-server")),
    ):
        seen = told(past(other, 10.0, STEPS))
        assert seen.keys() == {"unmount", "mount"} <= NODE_STEPS


def test_hooks() -> None:
    """What a checkpoint did before the stop then, the stop does now: it tells nothing."""
    hooked = replace(SHOP, before_switch=SwitchHook(("CHECKPOINT",)))
    alike = Container("other", A, "redis:7")
    seen = told(past(alike, 10.0, STEPS), container=hooked)
    assert "stop" not in seen
    assert LAST_WRITES not in seen
    assert told(past(alike, 10.0, STEPS, hook=True), container=hooked)["stop"] == estimate([0.2])


@given(st.sampled_from(["rolled back", "cancelled", "superseded"]))
def test_only_what_was_done(verdict: str) -> None:
    """A move that ended otherwise had no pause like this one."""
    assert told(replace(past(SHOP, 10.0, STEPS), verdict=verdict)) == {}
    assert told(replace(past(SHOP, 10.0, STEPS), accounts=())) == {}


def test_programs() -> None:
    """The image without its tag, and what is run of it; not the variables."""
    assert program_of(None) == ""
    assert program_of(SHOP) == program_of(replace(SHOP, image="docker.io/library/redis:8"))
    assert program_of(SHOP) == program_of(replace(SHOP, environment=pmap({"A": "1"})))
    assert program_of(SHOP) != program_of(replace(SHOP, command_line=("redis-server", "--save")))
    assert program_of(SHOP) != program_of(replace(SHOP, image="redis-stack:7"))
