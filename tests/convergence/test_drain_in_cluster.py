"""A node is drained, in a whole cluster."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import draining, edits
from flocker_lite.model.drain import DONE, FAILED, Drain
from flocker_lite.model.records import HealthCheck
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode

MANY = 10


class DrainTests(SynchronousTestCase):
    """Three nodes in memory; all containers are at the first."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=3)
        self.node, self.other, self.third = self.cluster.nodes
        self.cluster.start()
        self.ids = {f"c{number}": str(UUID(int=number + 1, version=4)) for number in range(MANY)}
        for name, dataset_id in self.ids.items():
            self.cluster.configure(name, dataset_id, self.node)
        self.cluster.run(5.0)
        assert self.running(self.node) == set(self.ids)

    def tearDown(self) -> None:
        for node in self.cluster.nodes:
            if node.agent is not None:
                self.cluster.stop_agent(node)
        if self.cluster.control is not None:
            self.cluster.stop_control()

    def running(self, *nodes: MemoryNode) -> set[str]:
        return {name for node in nodes for name in node.containers.processes}

    def drain(self) -> None:
        """Begin to drain the first node."""
        control = self.cluster.control
        assert control is not None
        reports, now = control.reports, self.cluster.clock.seconds()
        self.cluster.edit(lambda before: draining.begin(before, self.node.address, now, reports))

    @property
    def state(self) -> Drain:
        """The drain as it is now."""
        drain = self.cluster.disk.configuration.nodes[self.node.node_id].drain
        assert drain is not None
        return drain

    def test_all(self) -> None:
        """Everything goes, some at a time, to both of the others; then everything comes back."""
        self.drain()
        while self.state.goes_on:
            self.cluster.run(0.5)
            assert len(self.cluster.disk.configuration.moves) <= self.state.parallel
            assert self.cluster.clock.seconds() < 200
        assert self.running(self.other, self.third) == set(self.ids)
        assert len(self.running(self.other)) == len(self.running(self.third)) == MANY / 2
        assert {item.phase for item in self.state.items} == {DONE}
        self.cluster.edit(lambda before: draining.bring_back(before, self.node.address))
        self.cluster.run(60.0)
        assert self.running(self.node) == set(self.ids)

    def test_sick(self) -> None:
        """One that does not get well elsewhere stays; the others go."""
        for node in (self.other, self.third):
            node.containers.unhealthy["c3"] = "no answer"
        self.revise_check("c3")
        self.drain()
        self.cluster.run(150.0)
        assert not self.state.goes_on
        (failed,) = self.state.with_phase(FAILED)
        assert failed.containers == ("c3",)
        assert "c3 failed" in (failed.error or "")
        assert self.running(self.node) == {"c3"}
        assert self.running(self.other, self.third) == set(self.ids) - {"c3"}

    def revise_check(self, name: str) -> None:
        """Give a container a health check."""
        check = HealthCheck(command=("true",))
        self.cluster.edit(
            lambda before: edits.update_container(
                before, name, lambda known: replace(known, health_check=check)
            )
        )
        self.cluster.run(5.0)

    def test_interrupted(self) -> None:
        """It goes on after the control service or the agent was away."""
        self.drain()
        self.cluster.run(1.0)
        self.cluster.stop_control()
        self.cluster.run(5.0)
        self.cluster.start_control()
        self.cluster.run(20.0)
        self.cluster.stop_agent(self.node)
        self.cluster.run(30.0)
        self.cluster.start_agent(self.node)
        self.cluster.run(150.0)
        assert not self.state.goes_on
        assert self.running(self.other, self.third) == set(self.ids)

    def test_destination_dies(self) -> None:
        """What has not begun goes to the nodes that are left."""
        self.drain()
        self.cluster.stop_agent(self.third)
        self.cluster.run(200.0)
        waiting = {item.containers[0] for item in self.state.items if item.phase != DONE}
        assert self.running(self.other) == set(self.ids) - waiting
        assert len(waiting) <= self.state.parallel
        self.cluster.start_agent(self.third)
        self.cluster.run(100.0)
        assert not self.state.goes_on
        assert self.running(self.node) == set()
