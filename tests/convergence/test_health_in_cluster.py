"""Health checks as the control service sees them, through what may befall an agent."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import ContainerError
from flocker_lite.model import edits
from flocker_lite.model.records import Container, HealthCheck, Port
from flocker_lite.model.state import ContainerState
from flocker_lite.testing.cluster import MemoryCluster

CHECK = HealthCheck(command=("redis-cli", "ping"))
WEB = Container("web", "10.0.0.1", "redis:latest", ports=(Port(6379, 7000),), health_check=CHECK)
SAID = "`redis-cli ping` exited with 1"


class HealthTests(SynchronousTestCase):
    """Two nodes in memory; at the first a container whose health check fails at first."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.node = self.cluster.nodes[0]
        self.node.containers.unhealthy["web"] = SAID
        self.cluster.start()

    def run_web(self) -> None:
        """Have the container run."""
        self.cluster.edit(lambda before: edits.create_container(before, WEB))
        self.cluster.run(1.0)

    def state(self) -> ContainerState:
        """What the control service knows of it."""
        assert self.cluster.control is not None
        return self.cluster.control.cluster.nodes[self.node.node_id].containers["web"]

    def cure(self) -> None:
        """From now on its check succeeds."""
        del self.node.containers.unhealthy["web"]

    def test_not_healthy(self) -> None:
        """It is said what its check says; nobody else serves it, so it is led to all the same."""
        self.run_web()
        state = self.state()
        assert (state.running, state.serving) == (True, False)
        assert state.error == f"not healthy: {SAID}"
        assert self.cluster.control is not None
        told = self.cluster.nodes[1].agent
        assert told is not None
        assert told.loop.view is not None
        assert told.loop.view.routes["7000"].address == self.node.address

    def move(self) -> None:
        """Have it at the other node, which takes a while."""
        where = self.cluster.nodes[1].address
        self.cluster.edit(lambda before: edits.move_container(before, "web", where))
        self.cluster.run(100.0)

    def test_what_is_sick_elsewhere_takes_nothing_over(self) -> None:
        """One without data serves on where it is until it is healthy at the other node."""
        self.cure()
        self.run_web()
        other = self.cluster.nodes[1]
        other.containers.unhealthy["web"] = SAID
        self.move()
        assert self.state().serving
        assert "web" in other.containers.processes
        del other.containers.unhealthy["web"]
        self.cluster.run(100.0)
        assert "web" not in self.node.containers.processes
        assert "web" in other.containers.processes

    def test_cured(self) -> None:
        """The error goes, and the container is the same."""
        self.run_web()
        before = self.node.containers.made["web"]
        self.cure()
        self.cluster.run(5.0)
        assert self.state().error is None
        assert self.node.containers.made["web"] == before

    def test_healthy(self) -> None:
        """There is nothing to say."""
        self.cure()
        self.run_web()
        assert (self.state().error, self.state().serving) == (None, True)

    def test_the_agent_was_restarted(self) -> None:
        """A new agent finds out by itself what is not healthy, and when it is."""
        self.run_web()
        self.cluster.stop_agent(self.node)
        self.cluster.start_agent(self.node)
        self.cluster.run(2.0)
        assert self.state().error == f"not healthy: {SAID}"
        self.cure()
        self.cluster.run(5.0)
        assert self.state().error is None

    def test_it_ended(self) -> None:
        """Of one that does not run it is said how it ended."""
        self.run_web()
        self.node.containers.end("web", 3)
        self.cluster.run(1.0)
        assert "exit code 3" in (self.state().error or "")

    def test_another_check(self) -> None:
        """With another health check it is made anew, and asked by that."""
        self.run_web()
        instance = self.node.containers.made["web"].local.instance
        assert self.cluster.control is not None

        def revise(before: Container) -> Container:
            return replace(before, health_check=HealthCheck(port=6379))

        self.cluster.edit(lambda before: edits.update_container(before, WEB.name, revise))
        self.cure()
        self.cluster.run(5.0)
        assert self.state().error is None
        assert self.state().container.health_check == HealthCheck(port=6379)
        assert self.node.containers.made["web"].local.instance != instance

    def test_docker_is_away(self) -> None:
        """When nobody can tell, it is led to."""
        self.node.containers.fail_next("answers", ContainerError("Docker does not answer"))
        self.cure()
        self.run_web()
        assert self.state().serving
        self.cluster.run(5.0)
        assert self.state().error is None
