"""What people, and Docker itself, do to containers of a cluster, and what becomes of them."""

from __future__ import annotations

from dataclasses import replace

from pyrsistent import pmap
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits
from flocker_lite.model.records import Container, DatasetId
from flocker_lite.model.state import ContainerState
from flocker_lite.planner.restart_policy import STABLE_SECONDS
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode

DATASET: DatasetId = "dddddddd-0000-4000-8000-000000000001"


class LivesTests(SynchronousTestCase):
    """Two nodes in memory; a container with a dataset runs on the first one."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.here, self.there = self.cluster.nodes
        self.cluster.start()
        self.cluster.configure("kv", DATASET, self.here)
        self.cluster.run(2.0)
        assert self.runs(self.here)

    def runs(self, node: MemoryNode) -> bool:
        """Whether its program does its work there."""
        made = node.containers.made.get("kv")
        return made is not None and made.local.running

    def state(self, node: MemoryNode) -> ContainerState:
        """What the control service knows of it there."""
        assert self.cluster.control is not None
        return self.cluster.control.cluster.nodes[node.node_id].containers["kv"]

    def revise(self, **fields: object) -> None:
        """Want it otherwise."""

        def revised(container: Container) -> Container:
            return replace(container, **fields)  # type: ignore[arg-type]

        self.cluster.edit(lambda before: edits.update_container(before, "kv", revised))

    def starts(self) -> list[str]:
        """The starts from now on, as they happen."""
        found: list[str] = []

        async def before(method: str, name: str) -> None:
            if method == "start":
                found.append(name)

        self.here.containers.before = before
        return found

    def test_docker_restart(self) -> None:
        """It waits at its gate again, and is let go."""
        self.here.containers.restart("kv")
        self.cluster.run(1.0)
        assert self.runs(self.here)
        assert self.state(self.here).running
        self.cluster.run(STABLE_SECONDS)
        assert self.state(self.here).error is None

    def test_two_restarts_in_a_row(self) -> None:
        """The second one comes before the first was dealt with."""
        self.here.containers.restart("kv")
        self.here.containers.restart("kv")
        self.cluster.run(1.0)
        assert self.runs(self.here)

    def test_started_while_the_agent_was_dead(self) -> None:
        """It stands at its gate until there is an agent, which lets it go."""
        self.cluster.stop_agent(self.here)
        self.here.containers.restart("kv")
        self.cluster.run(5.0)
        assert not self.runs(self.here)
        self.cluster.start_agent(self.here)
        self.cluster.run(2.0)
        assert self.runs(self.here)

    def test_a_gate_that_does_not_open(self) -> None:
        """What stands there for longer than it should is said to do so."""

        async def start(name: str) -> None:
            """As an agent did that believed of one run what it had noted of another."""

        self.here.containers.start = start  # type: ignore[method-assign]
        self.here.containers.restart("kv")
        self.cluster.run(10.0)
        assert not self.state(self.here).running
        assert "start gate" in (self.state(self.here).error or "")

    def test_paused(self) -> None:
        """It is left alone, and shown for what it is."""
        starts = self.starts()
        self.here.containers.pause("kv")
        self.cluster.run(60.0)
        state = self.state(self.here)
        assert (state.paused, state.running, state.error, state.exit_code) == (
            True,
            False,
            None,
            None,
        )
        self.here.containers.unpause("kv")
        self.cluster.run(2.0)
        assert self.state(self.here).running
        assert starts == []

    def test_paused_and_desired_elsewhere(self) -> None:
        """It is not moved before it goes on, and both it and the move say so."""
        self.here.containers.pause("kv")
        self.revise(node=self.there.node_id)
        self.cluster.run(30.0)
        assert "docker unpause" in (self.state(self.here).error or "")
        assert self.cluster.control is not None
        (move,) = self.cluster.control.cluster.nodes[self.here.node_id].moves.values()
        assert "docker unpause" in (move.error or "")
        assert self.here.containers.made["kv"].local.paused
        self.here.containers.unpause("kv")
        self.cluster.run(3.0)
        assert self.runs(self.there)
        assert "kv" not in self.here.containers.made

    def test_paused_and_desired_otherwise(self) -> None:
        """It is made anew once it goes on."""
        self.here.containers.pause("kv")
        self.revise(environment=pmap({"TZ": "UTC"}))
        self.cluster.run(30.0)
        assert self.here.containers.made["kv"].local.paused
        assert "docker unpause" in (self.state(self.here).error or "")
        self.here.containers.unpause("kv")
        self.cluster.run(3.0)
        assert self.runs(self.here)
        assert self.here.containers.made["kv"].local.container.environment == {"TZ": "UTC"}

    def test_paused_and_deleted(self) -> None:
        """It is gone."""
        self.here.containers.pause("kv")
        self.cluster.run(1.0)
        self.cluster.edit(lambda before: edits.delete_container(before, "kv"))
        self.cluster.run(5.0)
        assert self.here.containers.made == {}

    def test_paused_while_its_data_went_elsewhere(self) -> None:
        """Where the data is another's now nothing is left that could go on to write."""
        self.here.containers.pause("kv")
        self.cluster.run(1.0)
        assert self.here.containers.processes != {}
        self.cluster.edit(
            lambda before: edits.set_grant(
                before,
                DATASET,
                replace(before.grants[DATASET], owner=self.there.node_id, epoch=2),
            )
        )
        self.cluster.run(5.0)
        assert self.here.containers.processes == {}

    def test_renamed(self) -> None:
        """It is the same container, and no second one is made beside it."""
        before = self.here.containers.made["kv"].local.instance
        self.here.containers.rename("kv", "kv-old")
        self.cluster.run(60.0)
        assert self.here.containers.made["kv"].local.instance == before
        self.revise(node=self.there.node_id)
        self.cluster.run(5.0)
        assert self.runs(self.there)
        assert self.here.containers.made == {}

    def test_removed_by_hand(self) -> None:
        """One that ran is made anew at once, and not when everything is looked at."""
        self.here.containers.remove_by_force("kv")
        self.cluster.run(2.0)
        assert self.runs(self.here)
