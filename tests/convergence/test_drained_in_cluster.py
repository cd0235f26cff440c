"""How a container without data ends where it was: once its clients are gone, or at the limit."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.convergence.container_executors import DRAIN_SECONDS, DRAIN_SECONDS_MAX
from flocker_lite.model import edits
from flocker_lite.model.records import Container, Port
from flocker_lite.testing.cluster import MemoryCluster

WEB = Container("web", "10.0.0.1", "redis:latest", ports=(Port(6379, 7000),))
LOOK_SECONDS = 0.1
MOVE_SECONDS = 20.0
LATE_SECONDS = 1.0


class DrainedTests(SynchronousTestCase):
    """The container moves from the first of two nodes to the second."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.source, self.target = self.cluster.nodes
        self.cluster.start()
        self.cluster.edit(lambda before: edits.create_container(before, WEB))
        self.cluster.run(2.0)
        self.cluster.edit(lambda before: edits.move_container(before, "web", self.target.node_id))
        for _ in range(round(MOVE_SECONDS / LOOK_SECONDS)):
            if self.target.routing.goes_to(7000) is None and "web" in self.target.containers.made:
                break
            self.cluster.run(LOOK_SECONDS)

    def seconds_until_it_ends(self) -> float:
        """From now on."""
        began = self.cluster.clock.seconds()
        while "web" in self.source.containers.processes:
            assert self.cluster.clock.seconds() - began < MOVE_SECONDS
            self.cluster.run(LOOK_SECONDS)
        return self.cluster.clock.seconds() - began

    def test_nobody_is_connected(self) -> None:
        """It ends when every new connection leads to the other one."""
        assert self.seconds_until_it_ends() <= DRAIN_SECONDS + LATE_SECONDS

    def test_a_long_request(self) -> None:
        """It ends once the request has."""
        self.source.containers.connected["web"] = 1
        self.cluster.run(2 * DRAIN_SECONDS)
        assert "web" in self.source.containers.processes
        self.source.containers.connected.clear()
        assert self.seconds_until_it_ends() <= LATE_SECONDS

    def test_one_that_never_ends(self) -> None:
        """It is cut off at the limit."""
        self.source.containers.connected["web"] = 1
        seconds = self.seconds_until_it_ends()
        assert DRAIN_SECONDS_MAX - LATE_SECONDS < seconds < DRAIN_SECONDS_MAX + 2 * LATE_SECONDS
