"""Containers that are deleted while they are on trial elsewhere, with a part of the network cut."""

from __future__ import annotations

from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.convergence.trials import MARGIN_SECONDS, trial_seconds
from flocker_lite.model import edits
from flocker_lite.model.lease import Role
from flocker_lite.model.records import Container, Dataset, HealthCheck, Volume
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode

D = "dddddddd-0000-4000-8000-000000000001"
CHECK = HealthCheck(command=("true",))
TRIAL_SECONDS = trial_seconds(CHECK) + MARGIN_SECONDS
SOON_SECONDS = 2.0


class DeletedOnTrialTests(SynchronousTestCase):
    """A container of two nodes, on trial at the second, where its check takes its time."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(2)
        self.cluster.start()
        self.source, self.target = self.cluster.nodes
        self.target.containers.answers = self.slow  # type: ignore[method-assign]
        shop = Container(
            "shop",
            self.source.node_id,
            "redis:7",
            volumes=(Volume(D, "/data"),),
            health_check=CHECK,
        )
        dataset = Dataset(D, self.source.node_id)
        self.cluster.edit(lambda before: edits.create_dataset(before, dataset))
        self.cluster.edit(lambda before: edits.create_container(before, shop))
        self.cluster.run(5.0)
        where = self.target.node_id
        self.cluster.edit(lambda before: edits.move_container(before, "shop", where))
        for _ in range(200):
            self.cluster.run(0.1)
            if self.role(self.target) is Role.PROBATION:
                break
        self.cluster.run(1.0)
        assert (self.role(self.source), self.role(self.target)) == (Role.LENT, Role.PROBATION)
        self.lent_at = self.cluster.clock.seconds() - 1.5

    async def slow(self, name: str, timeout_seconds: float) -> str | None:
        """A check that says nothing for as long as it may."""
        await deferLater(self.cluster.clock, timeout_seconds)
        return "not yet"

    def role(self, node: MemoryNode) -> Role | None:
        """What the copy of a node is."""
        copy = node.storage.copies.get(D)
        return copy.local.lease.role if copy is not None and copy.local.lease is not None else None

    def cut(self, *from_control: MemoryNode) -> None:
        """The nodes do not reach each other, and these not the control service either."""
        both = frozenset({self.source.node_id, self.target.node_id})
        self.cluster.network.cut.add(both)
        for node in from_control:
            self.cluster.cut_control(node)
        self.cluster.run(1.0)

    def delete(self) -> None:
        """Have the container deleted."""
        self.cluster.edit(lambda before: edits.delete_container(before, "shop"))
        self.cluster.run(SOON_SECONDS)

    def seen(self, node: MemoryNode) -> bool:
        """Whether state shows the container at a node."""
        assert self.cluster.control is not None
        return "shop" in self.cluster.control.cluster.nodes[node.node_id].containers

    def until_the_trial_is_over(self) -> None:
        """At the source nothing changes before; after it the dataset is its own."""
        while self.cluster.clock.seconds() < self.lent_at + TRIAL_SECONDS - 2.0:
            self.cluster.run(1.0)
            assert self.role(self.source) is Role.LENT
            assert not self.source.containers.processes
        self.cluster.run(10.0)
        assert self.role(self.source) is Role.PRIMARY

    def test_the_nodes_do_not_reach_each_other(self) -> None:
        """It is gone at both at once, and the copy that was tried is a replica again.

        The source cannot know that: what it lent stays lent until the trial is over.
        """
        self.cut()
        self.delete()
        assert not self.source.containers.made
        assert not self.target.containers.made
        assert not self.seen(self.source)
        assert not self.seen(self.target)
        assert self.role(self.target) is Role.REPLICA
        self.until_the_trial_is_over()
        assert not self.target.containers.made

    def test_the_target_is_cut_off(self) -> None:
        """At the source it is gone at once; the target ends the trial when its time is over."""
        self.cut(self.target)
        self.delete()
        assert not self.source.containers.made
        assert not self.seen(self.source)
        assert "shop" in self.target.containers.processes
        self.until_the_trial_is_over()
        assert not self.target.containers.processes
        assert self.role(self.target) is Role.REPLICA

    def test_the_source_is_cut_off(self) -> None:
        """At the target it is gone at once; the source goes on with what it knows."""
        self.cut(self.source)
        self.delete()
        assert not self.target.containers.made
        assert not self.seen(self.target)
        assert self.role(self.target) is Role.REPLICA
        self.until_the_trial_is_over()

    def test_the_source_is_started_again(self) -> None:
        """A new agent there does not wait either, and counts the whole trial anew for the data."""
        self.cut(self.target)
        self.cluster.stop_agent(self.source)
        self.cluster.start_agent(self.source)
        self.lent_at = self.cluster.clock.seconds()
        self.cluster.run(1.0)
        self.delete()
        assert not self.source.containers.made
        self.until_the_trial_is_over()

    def move_back(self) -> None:
        """Have it at its source again, after all."""
        where = self.source.node_id
        self.cluster.edit(lambda before: edits.move_container(before, "shop", where))
        self.cluster.run(SOON_SECONDS)

    def error(self) -> str:
        """What state says of the move."""
        assert self.cluster.control is not None
        return str(self.cluster.control.cluster.nodes[self.source.node_id].moves[D].error)

    def test_state_says_why_it_waits(self) -> None:
        """What is wanted at the source again is not started there before; the move says why."""
        self.cut(self.target)
        self.move_back()
        assert "does not answer" in self.error()
        assert "on trial for another" in self.error()
        before = self.error()
        self.cluster.run(10.0)
        assert self.error() != before
        assert "on trial for another" in self.error()
        self.until_the_trial_is_over()
        assert "on trial" not in self.error()
        assert "shop" in self.source.containers.processes

    def test_deleted_while_it_is_waited_for(self) -> None:
        """What is under way already does not keep the container either."""
        self.cut(self.target)
        self.move_back()
        assert self.source.containers.made
        self.delete()
        assert not self.source.containers.made
        assert not self.seen(self.source)
        assert "on trial for another" in self.error()
        self.until_the_trial_is_over()

    def test_what_is_made_anew_waits(self) -> None:
        """A container of the same name that uses the dataset does not run before it may."""
        self.cut(self.target)
        self.move_back()
        self.delete()
        again = Container("shop", self.source.node_id, "redis:7", volumes=(Volume(D, "/data"),))
        self.cluster.edit(lambda before: edits.create_container(before, again))
        self.until_the_trial_is_over()
        assert "shop" in self.source.containers.processes
