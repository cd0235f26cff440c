"""Which node is told of a move, and for how long."""

from __future__ import annotations

from typing import Any

from pyrsistent import pmap
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits, moves
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.move_progress import MoveProgress, Step
from flocker_lite.model.records import Container, Dataset, MoveOptions, Volume
from flocker_lite.model.state import ContainerState, DatasetState, NodeState
from tests.control.fake_agents import ControlWorld, FakeAgent, holding

A, B, C = (f"{letter * 8}-0000-4000-8000-000000000001" for letter in "abc")
DATASET = "dddddddd-0000-4000-8000-000000000001"
SHOP = Container("shop", A, "a:1", volumes=(Volume(DATASET, "/data"),))


class ToldTests(SynchronousTestCase):
    """A container with a dataset on the first of three nodes, each of which has a copy."""

    def setUp(self) -> None:
        self.world = ControlWorld()
        self.nodes = [
            FakeAgent(self.world, node_id, f"10.0.0.{number}")
            for number, node_id in enumerate((A, B, C), 1)
        ]
        self.edit(edits.create_dataset, Dataset(DATASET, A))
        self.edit(edits.create_container, SHOP)
        for agent, role in zip(self.nodes, (Role.PRIMARY, Role.REPLICA, Role.REPLICA), strict=True):
            agent.report(holding(**{DATASET: Lease(role, 1)}))

    def edit(self, function: Any, *args: Any) -> None:
        """Change the configuration."""
        self.successResultOf(self.world.edit(lambda c: function(c, *args)))

    def told(self) -> list[Any]:
        """What each node is told of the move."""
        return [agent.view.datasets[DATASET].move for agent in self.nodes]

    def test_both_ends(self) -> None:
        """The source and the destination are, and no other node."""
        assert self.told() == [None, None, None]
        self.edit(edits.move_container, "shop", B)
        [move] = self.world.control.configuration.moves.values()
        assert self.told() == [move, move, None]

    def test_redirected(self) -> None:
        """They are told of another one when it is redirected, of none when it is called back."""
        self.edit(edits.move_container, "shop", B)
        self.edit(edits.move_container, "shop", C)
        [move] = self.world.control.configuration.moves.values()
        assert self.told() == [move, None, move]
        self.edit(edits.move_container, "shop", A)
        assert self.told() == [None, None, None]

    def test_options(self) -> None:
        """They are told when a user wants it to go in another way."""
        self.edit(edits.move_container, "shop", B)
        [move] = self.world.control.configuration.moves.values()
        limited = MoveOptions(bandwidth_limit=5)
        self.edit(moves.revise_options, move, lambda options: limited)
        assert [each.options for each in self.told()[:2]] == [limited, limited]

    def test_over(self) -> None:
        """When it is done they are told of none; the next one has what the pause cost."""
        self.edit(edits.move_container, "shop", B)
        self.world.run(0)
        self.nodes[0].report(
            NodeState(
                pmap({DATASET: DatasetState(DATASET, Lease(Role.REPLICA, 2))}),
                moves=pmap({DATASET: progress("stop", A)}),
            )
        )
        self.nodes[1].report(
            NodeState(
                pmap({DATASET: DatasetState(DATASET, Lease(Role.PRIMARY, 2))}),
                pmap({"shop": ContainerState(SHOP, True, serving=True)}),
                pmap({DATASET: progress("start", None)}),
            )
        )
        assert self.told() == [None, None, None]
        self.edit(edits.move_container, "shop", A)
        costs = [agent.view.datasets[DATASET].pause_costs for agent in self.nodes]
        known = pmap({"stop": 0.5, "start": 0.5})
        assert costs == [known, known, pmap()]


def progress(step: str, source: str | None) -> MoveProgress:
    """What one side says of a move that is done."""
    return MoveProgress(DATASET, 2, "done", source, B, steps=(Step(step, 0.5),))
