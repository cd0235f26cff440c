"""A container under a fencing deadline, in a cluster in memory: ended, and started again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pyrsistent import pmap
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits
from flocker_lite.model.fencing.claims import Renewal
from flocker_lite.model.records import RestartPolicy
from flocker_lite.model.state import DesiredFencing, NodeView
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode

D = "dddddddd-0000-4000-8000-000000000001"
AFTER = 12


class DeadlinesInClusterTests(SynchronousTestCase):
    """Two nodes; what the control service renews is the test's."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.cluster.start()
        self.node, self.other = self.cluster.nodes
        self.cluster.configure("db", D, self.node)
        self.cluster.run(10.0)
        self.is_granting = True
        self.asked: list[Renewal] = []
        self.told(self.node)
        self.told(self.other)

    def told(self, node: MemoryNode) -> None:
        """The agent of a node is told that the container is fenced."""
        agent = node.agent
        assert agent is not None
        agent._context.renewals.ask_control = self.ask
        fencing = DesiredFencing(
            *(self.node.node_id, pmap({D: 1}), "g", (self.other.node_id,), AFTER),
            pmap({self.other.node_id: self.other.address}),
        )
        set_view = agent.loop.set_view

        def with_fencing(view: NodeView) -> None:
            set_view(replace(view, fencings=pmap({"db": fencing})))

        agent.loop.set_view = with_fencing  # type: ignore[method-assign]
        if agent.loop.view is not None:
            with_fencing(agent.loop.view)

    async def ask(self, renewals: tuple[Renewal, ...]) -> Mapping[str, str]:
        self.asked += renewals
        if self.is_granting:
            return {}
        return {renewal.container: "a standby is promoted" for renewal in renewals}

    @property
    def runs(self) -> bool:
        return "db" in self.node.containers.processes

    @property
    def error(self) -> str:
        """What the node reports of it."""
        assert self.node.agent is not None
        return self.node.agent._reported.containers["db"].error or ""

    def test_it_runs_on_under_a_deadline(self) -> None:
        """Nothing is stopped to have it fenced."""
        instance = self.node.containers.made["db"].local.instance
        self.cluster.run(3 * AFTER)
        armed = self.node.deadline_fence.armed["db"]
        assert (armed.instances, armed.has_passed) == ({instance}, False)
        assert self.runs
        assert self.node.containers.made["db"].local.instance == instance

    def test_who_gets_no_renewal_is_ended_and_says_so(self) -> None:
        """Whatever its restart policy: it did not end by itself. A renewal starts it again."""
        never = RestartPolicy("never")
        self.cluster.edit(
            lambda before: edits.update_container(
                before, "db", lambda container: replace(container, restart_policy=never)
            )
        )
        self.cluster.run(10.0)
        self.is_granting = False
        self.cluster.run(AFTER + 3.0)
        assert not self.runs
        assert "its fencing deadline passed" in self.error
        assert "a standby is promoted" in self.error
        assert not self.node.storage.copies[D].local.mounted
        self.is_granting = True
        self.cluster.run(AFTER / 2)
        assert self.runs
        assert self.error == ""

    def test_a_new_agent_starts_nothing_before_a_renewal(self) -> None:
        """It was away for longer than the deadline."""
        self.cluster.run(5.0)
        self.cluster.stop_agent(self.node)
        self.cluster.run(AFTER + 1.0)
        assert not self.runs
        self.is_granting = False
        self.cluster.start_agent(self.node)
        self.told(self.node)
        self.cluster.run(5.0)
        assert not self.runs
        self.is_granting = True
        self.cluster.run(AFTER / 2)
        assert self.runs

    def test_a_move_does_not_wait_for_renewals(self) -> None:
        """The destination has them before the source stops; then the source is under none."""
        seen: list[bool] = []

        async def before(method: str, name: str) -> None:
            if method == "stop" and name == "db":
                epochs = [dict(asked.epochs) for asked in self.asked]
                seen.append({D: 2} in epochs and "db" in self.other.deadline_fence.armed)

        self.cluster.run(5.0)
        self.node.containers.before = before
        where = self.other.node_id
        self.cluster.edit(lambda configuration: edits.move_container(configuration, "db", where))
        self.cluster.run(20.0)
        assert seen
        assert all(seen)
        assert "db" in self.other.containers.processes
        instance = self.other.containers.made["db"].local.instance
        assert instance in self.other.deadline_fence.armed["db"].instances
        assert self.node.deadline_fence.armed == {}

    def test_nothing_moves_to_a_node_that_could_not_run_it(self) -> None:
        """It goes on where it is, and the move says why."""
        self.cluster.run(5.0)
        agent = self.other.agent
        assert agent is not None

        async def refuse(renewals: tuple[Renewal, ...]) -> Mapping[str, str]:
            return {renewal.container: "the store is full" for renewal in renewals}

        agent._context.renewals.ask_control = refuse
        where = self.other.node_id
        self.cluster.edit(lambda configuration: edits.move_container(configuration, "db", where))
        self.cluster.run(40.0)
        assert self.runs
        assert self.node.agent is not None
        (progress,) = self.node.agent._reported.moves.values()
        assert "the store is full" in str(progress.error)

    def test_an_agent_that_starts_while_the_control_service_is_dead(self) -> None:
        """It goes on with the standby that counted before."""
        self.cluster.run(5.0)
        self.cluster.stop_agent(self.node)
        self.cluster.stop_control()
        asked: list[str] = []

        async def ask(node_id: str, renewals: tuple[Renewal, ...]) -> Mapping[str, str]:
            asked.append(node_id)
            return {}

        self.cluster.start_agent(self.node)
        assert self.node.agent is not None
        self.node.agent._context.renewals._witnesses.ask = ask  # type: ignore[method-assign]
        self.cluster.run(3 * AFTER)
        assert self.runs
        assert set(asked) == {self.other.node_id}
