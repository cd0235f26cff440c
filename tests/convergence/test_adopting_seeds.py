"""One adoption after the other, with random users and random faults, from a seed."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

import pytest
from twisted.internet.task import deferLater

from flocker_lite.errors import ContainerError, CopyFailed
from flocker_lite.model import moves
from flocker_lite.model.adoption import ADOPTED
from tests.convergence.adopting import Adopted
from tests.convergence.takeover import DOORS

SEEDS = range(40)
ACTIONS = 30
FAULTS = 0.03
SLOW_SECONDS_MAX = 0.4


class Chance:
    """What befalls one world; `is_struck` since the present adoption began."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.world = Adopted()
        self.is_struck = False
        self.is_cancelled = False
        self.is_quiet = False
        for door in DOORS:
            getattr(self.world.node, door).before = self._before(door)

    def _before(self, door: str) -> Callable[[str, str], Awaitable[None]]:
        async def before(method: str, _: str) -> None:
            if self.is_quiet:
                return
            if self.random.random() < 0.3:
                seconds = self.random.random() * SLOW_SECONDS_MAX
                await deferLater(self.world.cluster.clock, seconds)
            if self.random.random() < FAULTS and method not in ("discover", "watch"):
                self.is_struck = True
                raise (CopyFailed if door == "directories" else ContainerError)("struck")

        return before

    def act(self) -> None:
        """One thing that may happen."""
        world, chance = self.world, self.random.random()
        if chance < 0.1 and world.open_move is not None:
            self.is_cancelled = True
            world.cancel()
        elif chance < 0.2:
            self.is_struck = True
            world.restart_agent()
        elif chance < 0.24:
            self.is_struck = True
            world.lose_power()
        elif chance < 0.28:
            world.cluster.stop_control()
            world.run(self.random.random())
            world.cluster.start_control()
        elif chance < 0.32:
            self.is_struck = True
            world.node.containers.unhealthy["pg"] = "no tables"
        else:
            world.node.containers.unhealthy.pop("pg", None)
        world.run(self.random.random())

    def judge(self) -> bool:
        """Whether the present adoption is over; it must have ended as it should."""
        past = self.world.past_move
        if past is None:
            return False
        if not self.is_struck:
            ended = (moves.CANCELLED, moves.DONE) if self.is_cancelled else (moves.DONE,)
            assert past.verdict in ended, past
        return True


@pytest.mark.parametrize("seed", SEEDS)
def test_seed(seed: int) -> None:
    """In the end one of the two runs, with all that was acknowledged, and never did both."""
    chance = Chance(seed)
    world = chance.world
    world.begin()
    for _ in range(ACTIONS):
        chance.act()
        if not chance.judge():
            continue
        if world.past_move is not None and world.past_move.verdict == moves.DONE:
            break
        chance.is_struck = chance.is_cancelled = False
        world.again()
    chance.is_quiet = True
    world.node.containers.unhealthy.clear()
    world.run_until_over()
    note = world.node.adoption_notes.notes.get("pg")
    assert note is None or note.step == ADOPTED
    world.assert_right()
