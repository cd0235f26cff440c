"""A takeover is struck at each of its steps: it fails, the agent is killed, or the power goes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred

from flocker_lite.errors import ContainerError, CopyFailed, FlockerError
from flocker_lite.model import moves
from tests.convergence.takeover import DOORS, Takeover

KINDS = ("fails", "killed", "power")

POINTS_MAX = 400
"""More calls than a takeover makes."""

READS = frozenset({"adoption", "discover", "look", "image", "has_image", "kept", "asides"})
"""Calls after which nothing is otherwise than before."""


@dataclass
class Strikes:
    """Counts the calls of one world's doors that change something, and strikes at one of them."""

    world: Takeover
    at: int = POINTS_MAX
    seen: int = 0
    struck: str = ""
    strike: Callable[[], Awaitable[None]] | None = None
    names: list[str] = field(default_factory=list)

    def attend(self) -> None:
        """Listen at all doors."""
        for door in DOORS:
            getattr(self.world.node, door).before = self._hook(door)

    def _hook(self, door: str) -> Callable[[str, str], Awaitable[None]]:
        async def before(method: str, _: str) -> None:
            self.world.write()
            self.world.check()
            if method in READS or self.struck:
                return
            self.seen += 1
            self.names.append(f"{door}.{method}")
            if self.seen == self.at and self.strike is not None:
                self.struck = f"{door}.{method}"
                await self.strike()

        return before


def struck(world: Takeover, at: int, kind: str) -> Strikes | None:
    """A takeover that is struck at that call; None if it does not make so many."""
    strikes = Strikes(world, at)
    hanging: list[Deferred[None]] = []

    async def hang() -> None:
        hanging.append(Deferred())
        await hanging[-1]

    async def fail() -> None:
        door = strikes.struck.partition(".")[0]
        error: FlockerError = ContainerError("struck")
        raise CopyFailed("struck") if door == "directories" else error

    strikes.strike = fail if kind == "fails" else hang
    strikes.attend()
    world.begin()
    for _ in range(400):
        world.run(0.1)
        if hanging or world.past_move is not None:
            break
    if not strikes.struck:
        return None
    if kind == "power":
        world.lose_power()
    elif kind == "killed":
        world.restart_agent()
    world.run_until_over()
    return strikes


def strike_each_call(make: Callable[[], Takeover], kind: str) -> None:
    """Strike one new world after the other, each at another call; all come out right."""
    verdicts: dict[str, set[str]] = {}
    for at in range(1, POINTS_MAX):
        strikes = struck(make(), at, kind)
        if strikes is None:
            break
        past = strikes.world.past_move
        assert past is not None
        try:
            strikes.world.assert_right()
        except AssertionError as error:
            raise AssertionError(f"{kind} at call {at}, {strikes.struck}: {error}") from error
        verdicts.setdefault(past.verdict, set()).add(strikes.struck)
    assert {moves.DONE, moves.ROLLED_BACK} <= verdicts.keys(), verdicts
    assert at > 20
