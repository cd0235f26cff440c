"""A node's agent lets no container have more than its own file allows, whatever it is told."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits
from flocker_lite.model.records import Change, Configuration, Container, Edit, Node
from flocker_lite.testing.cluster import MemoryCluster

WEB = Container("web", "", "web:1", privileged=True)
LINE = "write `allow: [privileged]` into /etc/flocker-lite/agent.yml, and restart the agent"


class AllowanceTests(SynchronousTestCase):
    """`AgentContext.allowance`"""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=1)
        (self.node,) = self.cluster.nodes
        self.cluster.start()

    def configured_all_the_same(self) -> None:
        """A control service that somebody else controls asks for the container."""
        record = replace(WEB, node=self.node.node_id)
        change = Change("containers", record.name, record)

        def unchecked(before: Configuration) -> Edit:
            containers = before.containers.set(record.name, record)
            return Edit(replace(before, containers=containers), (change,))

        self.cluster.edit(unchecked)
        self.cluster.run(2.0)

    def error(self) -> str | None:
        """What the state says of the container."""
        assert self.cluster.control is not None
        states = self.cluster.control.cluster.nodes[self.node.node_id].containers
        return states["web"].error if "web" in states else None

    def test_told(self) -> None:
        """The control service knows what a node allows, and again after its agent restarts."""
        self.cluster.stop_agent(self.node)
        self.node.allow = ("privileged",)
        self.cluster.start_agent(self.node)
        self.cluster.run(2.0)
        self.cluster.edit(
            lambda before: edits.create_container(before, replace(WEB, node=self.node.address))
        )
        self.cluster.run(2.0)
        assert "web" in self.node.containers.processes

    def test_refused(self) -> None:
        """The agent makes no such container, and says which line it lacks; with it, it does."""
        self.configured_all_the_same()
        assert not self.node.containers.made
        assert LINE in (self.error() or "")
        self.cluster.stop_agent(self.node)
        self.node.allow = ("privileged",)
        self.cluster.start_agent(self.node)
        self.cluster.run(2.0)
        assert "web" in self.node.containers.processes
        assert self.error() is None

    def test_the_predecessor_runs_on(self) -> None:
        """A container that runs is not stopped for one that is not allowed."""
        plain = replace(WEB, privileged=False, node=self.node.address)
        self.cluster.edit(lambda before: edits.create_container(before, plain))
        self.cluster.run(2.0)
        before = self.node.containers.made["web"].local.run
        self.configured_all_the_same()
        assert LINE in (self.error() or "")
        assert "web" in self.node.containers.processes
        assert self.node.containers.made["web"].local.run == before

    def test_no_node_is_told_of(self) -> None:
        """A node that allows nothing is as it was in earlier releases."""
        assert self.cluster.control is not None
        node = self.cluster.control.configuration.nodes[self.node.node_id]
        assert isinstance(node, Node)
        assert node.allow == ()
