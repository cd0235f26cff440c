"""Containers that wait for others before their first start, in a whole cluster."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from pyrsistent import pmap
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits
from flocker_lite.model.records import Configuration, Container, Edit, HealthCheck
from flocker_lite.model.state import ContainerState
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode

CHECK = HealthCheck(command=("pg_isready",))
DATASET = "dddddddd-0000-4000-8000-000000000001"


def _created(before: Configuration, container: Container) -> Edit:
    return edits.create_container(before, container)


class StartOrderTests(SynchronousTestCase):
    """Two nodes in memory; a database that is not healthy yet at the first, and a site."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.here, self.there = self.cluster.nodes
        for node in self.cluster.nodes:
            node.containers.unhealthy["db"] = "no answer"
        self.cluster.start()

    def container(self, name: str, **fields: object) -> Container:
        """A container for the first node."""
        container = Container(name, self.here.address, f"{name}:latest")
        return replace(container, **fields)  # type: ignore[arg-type]

    def create(self, *containers: Container) -> None:
        """Have these containers, by one edit."""
        functions = [partial(_created, container=container) for container in containers]
        self.cluster.edit(lambda before: edits.in_turn(before, *functions))

    def both(self, condition: str = "healthy") -> None:
        """The site, and what it waits for."""
        self.create(
            self.container("web", depends_on=pmap({"db": condition})),
            self.container("db", health_check=CHECK),
        )
        self.cluster.run(5.0)

    def runs(self, name: str, node: MemoryNode | None = None) -> bool:
        """Whether it is at work there."""
        return name in (node or self.here).containers.processes

    def state(self, name: str = "web") -> ContainerState:
        """What the control service knows of it."""
        assert self.cluster.control is not None
        return self.cluster.control.cluster.nodes[self.here.node_id].containers[name]

    def cure(self) -> None:
        """From now on the database is healthy."""
        for node in self.cluster.nodes:
            node.containers.unhealthy.pop("db", None)

    def test_healthy(self) -> None:
        """It is prepared and says for what it waits, and is started as soon as that is so."""
        self.both()
        assert (self.runs("db"), self.runs("web")) == (True, False)
        assert "web" in self.here.containers.made
        assert self.state().error == "waits until container db is healthy"
        self.cure()
        self.cluster.run(5.0)
        assert self.runs("web")
        assert self.state().error is None

    def test_started(self) -> None:
        """It does not wait for its health."""
        self.both("started")
        assert self.runs("web")

    def test_completed(self) -> None:
        """A job that failed is none that has completed; that is said, and the next run counts."""
        self.both("completed")
        assert not self.runs("web")
        self.here.containers.end("db", 1)
        self.cluster.run(5.0)
        assert self.state().error == (
            "waits until container db has completed: it ended with exit code 1"
        )
        self.cluster.edit(lambda before: edits.restart_container(before, "db"))
        self.cluster.run(5.0)
        self.here.containers.end("db", 0)
        self.cluster.run(5.0)
        assert self.runs("web")
        assert not self.runs("db")

    def test_what_runs_goes_on(self) -> None:
        """Whatever becomes of what it waited for, and when it is to wait for something else."""
        self.cure()
        self.both()
        self.here.containers.unhealthy["db"] = "no answer"
        self.cluster.edit(lambda before: edits.delete_container(before, "db"))
        self.cluster.run(5.0)
        before = self.here.containers.made["web"]
        self.create(self.container("late", health_check=CHECK))
        self.here.containers.unhealthy["late"] = "no answer"
        needs = pmap({"late": "healthy"})
        self.cluster.edit(
            lambda known: edits.update_container(
                known, "web", lambda web: replace(web, depends_on=needs)
            )
        )
        self.cluster.run(5.0)
        assert self.here.containers.made["web"] == before
        # A new container in its place waits for nothing either, while the old one runs.
        self.cluster.edit(
            lambda known: edits.update_container(
                known, "web", lambda web: replace(web, labels=pmap({"a": "b"}))
            )
        )
        self.cluster.run(5.0)
        assert self.runs("web")

    def test_moves(self) -> None:
        """With its data and without, it moves whatever it would wait for there."""
        self.cluster.configure("web", DATASET, self.here)
        self.create(self.container("db", health_check=CHECK), self.container("cache"))
        self.cluster.run(5.0)
        needs = pmap({"db": "healthy"})
        for name in ("web", "cache"):
            self.cluster.edit(
                lambda known, name=name: edits.update_container(  # type: ignore[misc]
                    known, name, lambda web: replace(web, depends_on=needs)
                )
            )
        for name in ("db", "web", "cache"):
            where = self.there.address
            self.cluster.edit(
                lambda known, name=name, where=where: edits.move_container(  # type: ignore[misc]
                    known, name, where
                )
            )
        self.cluster.run(100.0)
        assert self.runs("web", self.there)
        assert self.runs("cache", self.there)
        assert not self.runs("web")

    def test_the_agent_was_restarted(self) -> None:
        """It still waits, and what ran before it is started again without waiting."""
        self.both()
        self.cluster.stop_agent(self.here)
        self.cluster.start_agent(self.here)
        self.cluster.run(5.0)
        assert not self.runs("web")
        self.cure()
        self.cluster.run(10.0)
        assert self.runs("web")
