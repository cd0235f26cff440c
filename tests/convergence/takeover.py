"""A node in memory on which a container passes between Docker and us, and what may befall it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from uuid import UUID

from twisted.internet.defer import Deferred

from flocker_lite.model import moves
from flocker_lite.model.editing import edited
from flocker_lite.model.records import Change, Configuration, Edit, HealthCheck, Move, PastMove
from flocker_lite.testing.cluster import MemoryCluster

D = str(UUID(int=77, version=4))
DOORS = ("directories", "adoption_notes", "foreign", "containers", "storage")
PORT = 7000
STEP_SECONDS = 0.05
OVER_SECONDS_MAX = 120
PATH = "/var/lib/docker/volumes/pgdata/_data"
CHECK = HealthCheck(command=("redis-cli", "ping"))


class Takeover(ABC):
    """One node; `pg` runs there, and writes each time that `write` is called.

    `acknowledged` is what its clients were told is safe: what the program wrote while it was
    reachable.
    """

    rest_seconds = 3.0
    """How long all that follows the end of the move takes."""

    def __init__(self, move_id: str) -> None:
        self.cluster = MemoryCluster(nodes=1)
        self.node = self.cluster.nodes[0]
        self.node.allow = ("adopt",)
        self.node.directories.now = self.cluster.clock.seconds
        self.move_id, self.dataset_id = move_id, D
        self.may_both_run = False
        self.acknowledged: list[str] = []

    @property
    @abstractmethod
    def plain_runs(self) -> bool:
        """Whether the container that is Docker's alone runs."""

    @abstractmethod
    def begin(self) -> Edit:
        """Have the move begun."""

    @abstractmethod
    def write(self) -> None:
        """A client writes to whoever serves it."""

    @abstractmethod
    def assert_right(self) -> None:
        """One of the two runs, with all that was acknowledged; the rest is as it should be."""

    @property
    def configuration(self) -> Configuration:
        """What is configured."""
        assert self.cluster.control is not None
        return self.cluster.control.configuration

    @property
    def open_move(self) -> Move | None:
        """The move, while it is open."""
        return self.configuration.moves.get(self.move_id)

    @property
    def past_move(self) -> PastMove | None:
        """The move once it is over."""
        return self.configuration.past_moves.get(self.move_id)

    def cancel(self) -> None:
        """A user wants it back."""
        moment = moves.Moment(0.0, lambda: "")
        self.cluster.edit(lambda before: moves.cancel(before, self.move_id, moment))

    @property
    def ours_runs(self) -> bool:
        """Whether ours has processes."""
        return "pg" in self.node.containers.processes

    @property
    def kept(self) -> list[str]:
        """What whoever runs has of what was acknowledged."""
        if self.plain_runs:
            found = self.node.foreign.texts.get(PATH, ())
        else:
            found = self.node.storage.copies[self.dataset_id].content
        return [text for text in found if text in self.acknowledged]

    def check(self) -> None:
        """The rules that hold at each moment."""
        assert self.may_both_run or not (self.plain_runs and self.ours_runs), "both run"

    def run(self, seconds: float) -> None:
        """Let time pass; clients write all the time."""
        ends = self.cluster.clock.seconds() + seconds
        while self.cluster.clock.seconds() < ends:
            self.cluster.run(STEP_SECONDS)
            self.write()
            self.check()

    def run_until_over(self) -> PastMove:
        """Let time pass until the move is over, and everything has come to rest."""
        for _ in range(OVER_SECONDS_MAX):
            if self.past_move is not None:
                break
            self.run(1.0)
        self.run(self.rest_seconds)
        past = self.past_move
        assert past is not None, self.node.adoption_notes.notes
        return past

    def restart_agent(self) -> None:
        """The agent is killed, and started again."""
        if self.node.agent is not None:
            self.cluster.stop_agent(self.node)
        self.cluster.start_agent(self.node)

    def lose_power(self) -> None:
        """The machine goes down, and comes back with Docker and the agent."""
        node = self.node
        self.cluster.stop_agent(node)
        node.containers.crash()
        node.routing.crash()
        node.storage.reboot()
        node.foreign.restart_docker()
        self.cluster.start_agent(node)

    def forget_the_move(self) -> None:
        """The control service loses what it knew of the move."""
        self.cluster.edit(lambda before: edited(before, [Change("moves", self.move_id, None)]))

    def always(self, door: str, method: str, act: Callable[[], None]) -> None:
        """Act whenever that method of that door is called."""

        async def before(called: str, _: str) -> None:
            if called == method:
                act()

        getattr(self.node, door).before = before

    def once(self, door: str, method: str, act: Callable[[], None]) -> None:
        """Act when that method of that door is called for the first time."""

        def act_once() -> None:
            self.free()
            act()

        self.always(door, method, act_once)

    def hang(self, door: str, method: str) -> None:
        """The next call of that method of that door has no end."""

        async def before(called: str, _: str) -> None:
            if called == method:
                await Deferred()

        getattr(self.node, door).before = before

    def free(self) -> None:
        """From now on nothing is in the way of any call."""
        for door in DOORS:
            getattr(self.node, door).before = None
