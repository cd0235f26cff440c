"""What becomes of a move that a user asks for, with agents at work: one clock, all in memory."""

from __future__ import annotations

from typing import Any

from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits, move_reports, moves, pause_history
from flocker_lite.model.move_progress import pause_by_step
from flocker_lite.model.open_moves import move_of_container
from flocker_lite.model.records import (
    Configuration,
    Container,
    Dataset,
    Move,
    MoveOptions,
    PastMove,
    Volume,
)
from flocker_lite.testing.cluster import MemoryCluster

D1, D2 = (f"dddddddd-0000-4000-8000-00000000000{number}" for number in (1, 2))
SETTLE_SECONDS = 60.0


class MoveTests(SynchronousTestCase):
    """A container with two datasets, and one without any, on the first of three nodes."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(3)
        self.cluster.start()
        self.one, self.two, self.three = self.cluster.nodes
        here = self.one.node_id
        volumes = (Volume(D1, "/one"), Volume(D2, "/two"))
        self.cluster.edit(lambda c: edits.create_dataset(c, Dataset(D1, here)))
        self.cluster.edit(lambda c: edits.create_dataset(c, Dataset(D2, here)))
        self.cluster.edit(
            lambda c: edits.create_container(c, Container("shop", here, "a:1", volumes=volumes))
        )
        self.cluster.edit(lambda c: edits.create_container(c, Container("bare", here, "a:1")))
        self.cluster.run(SETTLE_SECONDS)

    @property
    def configuration(self) -> Configuration:
        """As it is now."""
        assert self.cluster.control is not None
        return self.cluster.control.configuration

    def move(self, name: str, node: Any) -> Move:
        """Want the container there; the move that this opens."""
        known = set(self.configuration.moves)
        self.cluster.edit(lambda c: edits.move_container(c, name, node.node_id))
        [move_id] = set(self.configuration.moves) - known
        return self.configuration.moves[move_id]

    def over(self, move: Move) -> PastMove:
        """The same, when some time has passed."""
        self.cluster.run(SETTLE_SECONDS)
        assert self.configuration.moves == pmap()
        return self.configuration.past_moves[move.move_id]

    def test_done(self) -> None:
        """A container with its datasets is moved, and all of it is told."""
        past = self.over(self.move("shop", self.two))
        assert past.verdict == moves.DONE
        assert past.epochs == pmap({D1: 2, D2: 2})
        assert move_reports.is_complete(past.move, past.accounts)
        assert {"stop", "send", "start"} <= set(pause_by_step(past.accounts))

    def test_without_data(self) -> None:
        """A container without data is done when it serves there, and not here any more."""
        past = self.over(self.move("bare", self.two))
        assert (past.verdict, past.accounts) == (moves.DONE, ())

    def test_there_and_back(self) -> None:
        """The way back is a move of its own, and knows what the pause cost on the way there."""
        self.over(self.move("shop", self.two))
        back = self.move("shop", self.one)
        costs = pause_history.pause_costs(pause_history.last_alike(self.configuration, back))
        assert {"stop", "unmount"} <= set(costs)
        assert "send" not in costs
        assert self.over(back).verdict == moves.DONE

    def test_redirected(self) -> None:
        """Whichever node was configured last has it in the end, and each move has its verdict."""
        first = self.move("shop", self.two)
        second = self.move("shop", self.three)
        assert self.over(second).verdict == moves.DONE
        assert self.configuration.past_moves[first.move_id].verdict == moves.SUPERSEDED
        assert self.configuration.grants[D1].owner == self.three.node_id

    def test_given_up(self) -> None:
        """A pause that cannot be had ends the move, where that was asked for, at the source."""
        impossible = MoveOptions(max_pause_seconds=-1.0, on_miss="abort")
        control = self.cluster.control
        assert control is not None
        asking = control.edit(
            lambda c: edits.move_container(c, "shop", self.two.node_id),
            then=lambda c: moves.revise_options(
                c, move_of_container(c, "shop"), lambda options: impossible
            ),
        )
        self.successResultOf(Deferred.fromCoroutine(asking))
        [move] = self.configuration.moves.values()
        past = self.over(move)
        assert past.verdict == moves.ROLLED_BACK
        assert any(progress.error for progress in past.accounts)
        assert self.configuration.containers["shop"].node == self.one.node_id
        assert self.configuration.grants[D1].owner == self.one.node_id

    def test_control_restarts(self) -> None:
        """A move outlives the control service, and its end is not missed."""
        move = self.move("shop", self.two)
        self.cluster.run(0.1)
        self.cluster.stop_control()
        self.cluster.run(SETTLE_SECONDS)
        self.cluster.start_control()
        assert self.over(move).verdict == moves.DONE

    def test_agents_restart_while_the_control_service_is_away(self) -> None:
        """With nobody left who could tell what it was like, a move that is done is done."""
        move = self.move("shop", self.two)
        self.cluster.run(0.1)
        self.cluster.stop_control()
        self.cluster.run(SETTLE_SECONDS)
        for node in (self.one, self.two):
            self.cluster.stop_agent(node)
            self.cluster.start_agent(node)
        self.cluster.start_control()
        past = self.over(move)
        assert (past.verdict, past.epochs) == (moves.DONE, pmap({D1: 2, D2: 2}))
