"""The same random users, whose containers are one application, and who drain nodes.

FLOCKER_LITE_SEEDS is as for the runs without one.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from pyrsistent import pmap

from flocker_lite.applications import edits as application_edits
from flocker_lite.model import draining
from flocker_lite.model.container_fields.identity import Membership
from flocker_lite.testing.cluster import MemoryNode
from tests.simulation.test_rough import RoughSimulation
from tests.simulation.test_simulation import Simulation, play, seeds

APPLICATION = "shop"


class CompanionsMixin(Simulation):
    """Most containers belong to one application, and depend on others of it."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.acts |= {
            self.move_application: 20,
            self.move_container: 6,
            self.create_container: 12,
            self.drain: 3,
            self.bring_back: 6,
        }

    def application(self, name: str) -> dict[str, Any]:
        earlier = [other for other in "abcde" if other < name]
        chosen = self.random.sample(earlier, min(len(earlier), self.random.choice((0, 1, 1, 2))))
        needs = {other: self.random.choice(("started", "healthy")) for other in chosen}
        if self.random.random() < 0.1:
            return {}
        return {"application": Membership(APPLICATION, name), "depends_on": pmap(needs)}

    def move_application(self) -> None:
        """All of its containers go to one node."""
        node: MemoryNode = self.node()
        self.world.edit(
            partial(application_edits.move, name=APPLICATION, where=node.node_id),
            f"move {APPLICATION} to {node.address}",
        )

    def drain(self) -> None:
        """Everything is to leave a node."""
        node, control = self.node(), self.world.cluster.control
        if control is not None:
            begin = partial(draining.begin, now=self.world.cluster.clock.seconds())
            reports = control.reports
            self.world.edit(
                lambda before: begin(before, node.node_id, reports=reports), f"drain {node.address}"
            )

    def bring_back(self) -> None:
        """A node takes back what was drained."""
        node = self.node()
        self.world.edit(
            lambda before: draining.bring_back(before, node.node_id), f"return to {node.address}"
        )


class CompanionsSimulation(CompanionsMixin, Simulation):
    """Random users and faults."""


class RoughCompanionsSimulation(CompanionsMixin, RoughSimulation):
    """Full pools, slow links and late messages beside."""


@pytest.mark.parametrize("seed", seeds())
def test_nothing_is_lost_whatever_fails(seed: int) -> None:
    """One writer, nothing lost, nothing made up; and once faults end, all is as configured."""
    play(CompanionsSimulation, seed)


@pytest.mark.parametrize("seed", seeds())
def test_nothing_is_lost_where_much_is_in_the_way(seed: int) -> None:
    """The same beside full pools, slow links and late messages."""
    play(RoughCompanionsSimulation, seed)
