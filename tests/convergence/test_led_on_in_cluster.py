"""When whoever waits for a container that moves is led on: as soon as it answers, and no later."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits
from flocker_lite.model.records import Port
from flocker_lite.model.state import Held, Route
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode

D = "dddddddd-0000-4000-8000-000000000001"
PORT = 7000
LOOK_SECONDS = 3.0
STEP_SECONDS = 0.05
LATE_SECONDS_MAX = 0.2
WAIT_SECONDS_MAX = 60


class LedOnTests(SynchronousTestCase):
    """A container at the first of two nodes moves to the other, which is busy with others."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster()
        self.source, self.target = self.cluster.nodes
        self.cluster.start()
        self.cluster.configure("shop", D, self.source)
        self.cluster.edit(
            lambda before: edits.update_container(
                before, "shop", lambda shop: replace(shop, ports=(Port(6379, PORT),))
            )
        )
        self.cluster.run(5.0)
        self.target.storage.before = self.slowly

    async def slowly(self, method: str, _: str) -> None:
        """A look at everything takes long, as while several containers arrive at once."""
        if method == "discover":
            await deferLater(self.cluster.clock, LOOK_SECONDS)

    def move(self, source: MemoryNode, target: MemoryNode) -> float:
        """Move it; how long after it serves at the target the source holds on to who waits."""
        self.cluster.edit(lambda before: edits.move_container(before, "shop", target.node_id))
        served_at = None
        for _ in range(int(WAIT_SECONDS_MAX / STEP_SECONDS)):
            assert self.target.agent is not None
            self.target.agent.loop.look_again()
            self.cluster.run(STEP_SECONDS)
            now, leads = self.cluster.clock.seconds(), source.routing.goes_to(PORT)
            if served_at is None and isinstance(leads, Held) and self.serves(target):
                served_at = now
            if isinstance(leads, Route):
                assert leads.address == target.address
                assert self.serves(target)
                return now - (served_at if served_at is not None else now)
        raise AssertionError("nobody was led on")

    def serves(self, node: MemoryNode) -> bool:
        """Whether its container runs there, and is what answers at the port."""
        return "shop" in node.containers.processes and node.routing.goes_to(PORT) is None

    def test_at_once(self) -> None:
        """Nobody waits until the other node has come round to look at what it started itself."""
        assert self.move(self.source, self.target) <= LATE_SECONDS_MAX

    def test_not_before(self) -> None:
        """That it served there some moves ago counts for nothing."""
        self.move(self.source, self.target)
        self.cluster.run(10.0)
        self.move(self.target, self.source)
        self.cluster.run(10.0)
        assert self.move(self.source, self.target) <= LATE_SECONDS_MAX
