"""Through moves of containers no new connection is refused, whatever node it comes to, and when."""

from __future__ import annotations

from functools import partial
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits
from flocker_lite.model.records import Container, Dataset, Port, Volume
from flocker_lite.model.state import Held
from flocker_lite.testing.cluster import MemoryNode
from tests.simulation.world import Call, Hazard, World

DATASET = "7f3c1a52-8f2d-4d0e-9a55-3b6d4c1e0f00"
CONTAINER = "shop"
PORT = 8000
MOVES = 6
DELAY_SECONDS_MAX = 0.4
SEEDS = 2


def outcome(nodes: list[MemoryNode], node: MemoryNode) -> str:
    """What becomes of a connection to PORT of a node now: "served", "held" or why it is neither."""
    by_address = {other.address: other for other in nodes}
    for _ in nodes:
        rule = node.routing.goes_to(PORT)
        if rule is None:
            serves = CONTAINER in node.containers.processes
            return "served" if serves else f"refused by {node.address}"
        if isinstance(rule, Held):
            listens = node.holder.listeners.get(PORT) == rule.listener
            return "held" if listens else f"nobody holds it at {node.address}"
        node = by_address[rule.address]
    return "led round and round"


class ReachableTests(SynchronousTestCase):
    """Three nodes; each call takes its time, and at each the connections are tried."""

    def setUp(self) -> None:
        self.world = World(nodes=3)
        self.nodes = self.world.cluster.nodes
        self.outcomes: set[str] = set()
        self.random = Random(0)
        self.watching = False
        self.fails_once = ""
        self.world.hazard = self.hazard
        self.world.start()

    def hazard(self, call: Call) -> Hazard:
        """Look, and let time pass."""
        self.look()
        fails = self.watching and call.method == self.fails_once
        if fails:
            self.fails_once = ""
        return Hazard(
            self.random.uniform(0, DELAY_SECONDS_MAX),
            self.random.uniform(0, DELAY_SECONDS_MAX),
            fails_before=fails,
            at_end=self.look,
        )

    def look(self) -> None:
        """Try a connection to each node."""
        if self.watching:
            for node in self.nodes:
                found = outcome(self.nodes, node)
                self.outcomes.add(found)
                if found not in ("served", "held"):
                    self.world.note(f"from {node.address}: {found}")

    def move_about(self, container: Container) -> None:
        """Move it from node to node."""
        self.world.edit(partial(edits.create_container, container=container))
        self.world.rest()
        self.world.run(60.0)
        self.watching = True
        for number in range(MOVES):
            where = self.nodes[(number + 1) % 3].address
            self.world.edit(partial(edits.move_container, name=CONTAINER, where=where))
            self.world.rest()
            self.world.run(self.random.uniform(0.0, 10.0))
        self.watching = False

    def test_with_data(self) -> None:
        """Connections are held while nobody can serve them."""
        for seed in range(SEEDS):
            with self.subTest(seed=seed):
                self.setUp()
                self.random = Random(seed)
                home = self.nodes[0].node_id
                dataset = Dataset(DATASET, home)
                self.world.edit(partial(edits.create_dataset, dataset=dataset))
                volumes = (Volume(DATASET, "/data"),)
                self.move_about(Container(CONTAINER, home, "shop:1", (Port(80, PORT),), volumes))
                assert self.outcomes == {"served", "held"}, self.world.story()

    def test_a_step_fails(self) -> None:
        """A move that fails after the stop lets those who were held go on to where it started."""
        for step in ("set_lease", "stop", "unmount", "snapshot_all", "send", "receive"):
            with self.subTest(step=step):
                self.setUp()
                home = self.nodes[0].node_id
                dataset = Dataset(DATASET, home)
                self.world.edit(partial(edits.create_dataset, dataset=dataset))
                volumes = (Volume(DATASET, "/data"),)
                self.fails_once = step
                self.move_about(Container(CONTAINER, home, "shop:1", (Port(80, PORT),), volumes))
                assert self.fails_once == ""
                assert self.outcomes == {"served", "held"}, self.world.story()
                assert not any(node.holder.refused for node in self.nodes)

    def test_without_data(self) -> None:
        """It serves there before it ends here, so nothing need be held."""
        for seed in range(SEEDS):
            with self.subTest(seed=seed):
                self.setUp()
                self.random = Random(seed)
                home = self.nodes[0].node_id
                self.move_about(Container(CONTAINER, home, "shop:1", (Port(80, PORT),)))
                assert self.outcomes == {"served"}, self.world.story()
