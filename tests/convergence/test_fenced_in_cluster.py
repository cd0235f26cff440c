"""A fence that kills a container in the very moment in which its node has become the primary."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import HealthCheck, RestartPolicy
from flocker_lite.testing.cluster import MemoryCluster

D = "dddddddd-0000-4000-8000-000000000001"
NEVER = RestartPolicy("never")
CHECK = HealthCheck(command=("redis-cli", "ping"))


class FencedTests(SynchronousTestCase):
    """Two nodes in memory, and a container that has moved after it was tried."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.cluster.start()
        self.source, self.destination = self.cluster.nodes
        self.cluster.configure("db", D, self.source)
        self.cluster.edit(
            lambda before: edits.update_container(
                before,
                "db",
                lambda container: replace(container, health_check=CHECK, restart_policy=NEVER),
            )
        )
        self.cluster.run(10.0)

    def move(self) -> None:
        where = self.destination.node_id
        self.cluster.edit(lambda before: edits.move_container(before, "db", where))

    def test_it_is_guarded_before_it_may_write(self) -> None:
        """By the very instance that runs on trial."""
        self.destination.containers.unhealthy["db"] = "not yet"
        self.move()
        seen: list[set[str]] = []

        async def before(method: str, name: str) -> None:
            if method == "start" and name == "db":
                made = self.destination.containers.made["db"].local
                armed = self.destination.fence.armed["db"]
                seen.append({made.instance} - armed.instances)

        self.destination.containers.before = before
        self.cluster.run(10.0)
        assert seen
        assert not any(seen)

    def test_it_is_started_again_whatever_its_restart_policy_says(self) -> None:
        """It did not end by itself, though its agent may be a new one that knows of no fence."""
        self.move()
        self.cluster.run(30.0)
        copy = self.destination.storage.copies[D].local
        assert copy.lease == Lease(Role.PRIMARY, 2)
        for agent_is_dead in (False, True):
            if agent_is_dead:
                self.cluster.stop_agent(self.destination)
            self.destination.containers.fenced(
                self.destination.containers.made["db"].local.instance
            )
            # An agent that lives starts it in this very moment.
            assert ("db" in self.destination.containers.processes) is not agent_is_dead
            if agent_is_dead:
                self.cluster.start_agent(self.destination)
            self.cluster.run(10.0)
            assert "db" in self.destination.containers.processes
