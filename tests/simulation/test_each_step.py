"""A move that is hit at each of its steps in turn: killed, cut off, out of power, or failing.

FLOCKER_LITE_THOROUGH=1 moves two datasets at once, and strikes before each step as well as after.
Otherwise a blow strikes after each second step, of a move with a trial after each fifth, and the
next kind of blow begins at the next step. What moves as one is struck from its announcement on.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from functools import partial

import pytest

from flocker_lite.model import edits
from flocker_lite.model.lease import Role
from flocker_lite.model.records import Container, Dataset, HealthCheck, Port, Volume
from flocker_lite.testing.cluster import MemoryNode
from tests.simulation.world import Call, Hazard, World

THOROUGH = bool(os.environ.get("FLOCKER_LITE_THOROUGH"))
DATASETS = (
    "1bb1f3c2-30b5-4f0b-9d52-5a4c1e2f6b01",
    "0aa1f3c2-30b5-4f0b-9d52-5a4c1e2f6b00",
    "2cc1f3c2-30b5-4f0b-9d52-5a4c1e2f6b02",
)
GROUP = 2 if THOROUGH else 1
STEPS_MIN = 25
STRIDE = 1 if THOROUGH else 2
TRIAL_STRIDE = 1 if THOROUGH else 5
GROUP_STRIDE = 1 if THOROUGH else 6
AWAY_SECONDS = 2.0
TRIAL_SECONDS = 90.0
"""By then every trial is over, whoever was struck, and the margin too."""
SOON_SECONDS = 10.0
SLOW_SECONDS = 0.5
MOMENT_SECONDS = 0.001
PORTS = (Port(80, 8000),)
CHECK = HealthCheck(command=("true",))

Blow = Callable[[World, MemoryNode, MemoryNode], None]


class Move:
    """A container that writes at every step, on its way from one node to another.

    With a health check it is tried there first; who is `ill` is given back.
    """

    def __init__(
        self, check: HealthCheck | None = None, ill: bool = False, size: int = GROUP
    ) -> None:
        self.world = World(hazard=self.hazard)
        self.check = check
        self.ill = ill
        self.datasets = DATASETS[:size]
        self.source, self.destination = self.world.cluster.nodes
        self.steps = 0
        self.announced_at_step = 0
        self.hit_at_step = 0
        self.hit: Callable[[Call], Hazard] = lambda _: Hazard()

    def prepare(self) -> None:
        """Everything up to the move."""
        world, node = self.world, self.source.node_id
        world.start()
        volumes = tuple(Volume(dataset_id, f"/{dataset_id}") for dataset_id in self.datasets)
        for dataset_id in self.datasets:
            world.edit(partial(edits.create_dataset, dataset=Dataset(dataset_id, node)))
        container = Container("shop", node, "shop:1", PORTS, volumes, health_check=self.check)
        world.edit(partial(edits.create_container, container=container))
        world.rest(seconds_max=5)
        if self.ill:
            self.destination.containers.unhealthy["shop"] = "it is ill"
        self.steps = self.announced_at_step = 0

    def move(self, seconds: float = AWAY_SECONDS) -> None:
        """The move, to its end."""
        where = self.destination.node_id
        self.world.edit(partial(edits.move_container, name="shop", where=where))
        self.world.run(seconds)

    def hazard(self, call: Call) -> Hazard:
        if call.method in ("look", "discover"):
            return Hazard()
        self.steps += 1
        if call.method in ("set_membership", "set_lease") and call.node is self.source:
            self.announced_at_step = self.announced_at_step or self.steps
        self.world.write()
        return self.hit(call) if self.steps == self.hit_at_step else Hazard()


def kill_source(world: World, source: MemoryNode, _: MemoryNode) -> None:
    world.kill_agent(source)


def kill_destination(world: World, _: MemoryNode, destination: MemoryNode) -> None:
    world.kill_agent(destination)


def kill_all(world: World, source: MemoryNode, destination: MemoryNode) -> None:
    world.kill_agent(source)
    world.kill_agent(destination)
    world.kill_control()


def power_off_source(world: World, source: MemoryNode, _: MemoryNode) -> None:
    world.reboot(source)


def power_off_destination(world: World, _: MemoryNode, destination: MemoryNode) -> None:
    world.reboot(destination)


def cut(world: World, source: MemoryNode, destination: MemoryNode) -> None:
    world.cut(source, destination)


def restart_source(world: World, source: MemoryNode, _: MemoryNode) -> None:
    """What the killed agent asked of the destination is still at work there."""
    world.kill_agent(source)
    world.start_agent(source)


BLOWS: tuple[Blow, ...] = (
    kill_source,
    kill_destination,
    kill_all,
    power_off_source,
    power_off_destination,
    cut,
    restart_source,
)


def lose_fences(world: World, _: MemoryNode, destination: MemoryNode) -> None:
    """What is on trial there is ended that very moment, perhaps as it becomes its own."""
    world.lose_fences(destination)


TRIAL_BLOWS = (*BLOWS, lose_fences)


def each_step(
    hit: Callable[[Move], Callable[[Call], Hazard]],
    make: Callable[[], Move] = Move,
    seconds: float = AWAY_SECONDS,
    first: int = 1,
    stride: int = 1,
) -> int:
    """Play the move once for each of its steps, hit there; returns how many there were.

    With a `stride`, for each so manieth of its steps from the `first` on.
    """
    step = first - stride
    while True:
        move = make()
        try:
            move.prepare()
            step += stride
            move.hit_at_step = step
            move.hit = hit(move)
            move.move(seconds)
            if move.steps < step:
                return step - stride
            move.world.heal()
            move.world.rest(seconds_max=90)
            assert len(move.world.history.written) == len(move.datasets)
        finally:
            move.world.close()


def first(blow: Blow, stride: int) -> int:
    """Where the strides begin: with each blow at another step."""
    return 1 + TRIAL_BLOWS.index(blow) % stride


def struck_by(blow: Blow, after: bool) -> Callable[[Move], Callable[[Call], Hazard]]:
    """The blow falls right before or right after the effect of the step."""

    def hit(move: Move) -> Callable[[Call], Hazard]:
        def strike() -> None:
            later = move.world.cluster.clock.callLater
            later(MOMENT_SECONDS / 2, blow, move.world, move.source, move.destination)

        if after:
            return lambda _: Hazard(delay_after_seconds=MOMENT_SECONDS, at_end=strike)
        return lambda _: Hazard(delay_before_seconds=MOMENT_SECONDS, at_start=strike)

    return hit


@pytest.mark.parametrize("blow", BLOWS, ids=lambda blow: blow.__name__)
@pytest.mark.parametrize("after", [False, True] if THOROUGH else [True])
def test_a_blow_at_each_step(blow: Blow, after: bool) -> None:
    """Whatever is struck, before or after a step's effect, nothing is lost, and all gets there."""
    steps = each_step(struck_by(blow, after), first=first(blow, STRIDE), stride=STRIDE)
    assert steps >= STEPS_MIN


@pytest.mark.parametrize("blow", TRIAL_BLOWS, ids=lambda blow: blow.__name__)
@pytest.mark.parametrize("after", [False, True] if THOROUGH else [True])
def test_a_blow_at_each_step_of_a_trial(blow: Blow, after: bool) -> None:
    """The same where the copy is tried before it is kept; it takes longer to be sure then."""
    steps = each_step(
        struck_by(blow, after),
        partial(Move, CHECK),
        TRIAL_SECONDS,
        first(blow, TRIAL_STRIDE),
        TRIAL_STRIDE,
    )
    assert steps >= STEPS_MIN


@pytest.mark.parametrize("blow", TRIAL_BLOWS, ids=lambda blow: blow.__name__)
def test_a_blow_at_each_step_of_a_trial_that_fails(blow: Blow) -> None:
    """What is ill is given back, also by those who are struck meanwhile."""
    steps = each_step(
        struck_by(blow, after=True),
        partial(Move, CHECK, True),
        TRIAL_SECONDS,
        first(blow, TRIAL_STRIDE),
        TRIAL_STRIDE,
    )
    assert steps >= STEPS_MIN


def announced(make: Callable[[], Move]) -> int:
    """The step of a move from which on several datasets move as one."""
    move = make()
    move.prepare()
    move.move(TRIAL_SECONDS)
    move.world.close()
    return move.announced_at_step


@pytest.mark.parametrize("blow", BLOWS, ids=lambda blow: blow.__name__)
@pytest.mark.parametrize(("size", "check"), [(2, CHECK), (3, CHECK), (3, None)])
def test_a_blow_at_each_step_of_a_group(blow: Blow, size: int, check: HealthCheck | None) -> None:
    """What moves as one is never torn, and all of it gets there."""
    make = partial(Move, check, False, size)
    begins = announced(make)
    assert begins > 0
    seconds = AWAY_SECONDS if check is None else TRIAL_SECONDS
    for after in (False, True):
        place = begins + (BLOWS.index(blow) + after) % GROUP_STRIDE
        each_step(struck_by(blow, after), make, seconds, place, GROUP_STRIDE)


@pytest.mark.parametrize("check", [None, CHECK], ids=["no-trial", "trial"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_failure_of_each_step(after: bool, check: HealthCheck | None) -> None:
    """A step that fails, with or without effect, is made good by itself."""
    steps = each_step(
        lambda _: lambda _: Hazard(fails_before=not after, fails_after=after),
        partial(Move, check),
        AWAY_SECONDS if check is None else TRIAL_SECONDS,
    )
    assert steps >= STEPS_MIN


def acquisition_fails(move: Move, place: int, after: bool) -> Callable[[Call], Hazard]:
    """Of what is acquired on trial, the so manieth dataset fails, before its effect or after.

    The source is slow from then on: it hears from the cluster who is primary before it asks again.
    """
    acquisitions = itertools.count()
    failed: list[Call] = []

    def hazard(call: Call) -> Hazard:
        copy = move.destination.storage.copies.get(call.identity)
        held = copy.local.lease if copy is not None else None
        is_one = (
            call.node is move.destination
            and call.method == "set_lease"
            and held is not None
            and held.role is Role.PROBATION
        )
        fails = is_one and next(acquisitions) == place
        failed.extend([call] if fails else [])
        if failed and call.node is move.source:
            return Hazard(delay_before_seconds=SLOW_SECONDS)
        return Hazard(fails_before=fails and not after, fails_after=fails and after)

    return hazard


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("size", "place"), [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)])
def test_a_failure_of_each_acquisition(size: int, place: int, after: bool) -> None:
    """What is kept gets its connections, even if its node was told that the lease is not set."""
    move = Move(CHECK, size=size)
    move.prepare()
    move.world.hazard = acquisition_fails(move, place, after)
    move.move(SOON_SECONDS)
    move.world.rest(seconds_max=SOON_SECONDS)
    move.world.close()


def test_a_move_that_fails_before_its_commit_leaves_the_service_where_it_was() -> None:
    """While the other node is cut off, the container runs where it ran."""
    move = Move()
    move.prepare()
    move.world.cut(move.source, move.destination)
    move.move()
    assert list(move.source.containers.processes) == ["shop"]
    move.world.close()
