"""Nodes log in to registries for the images that they pull from them, and know no other login."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits, registries
from flocker_lite.model.records import Container, Registry
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode

HOST = "registry.example:5000"
IMAGE = f"{HOST}/shop/web:1"
LOGIN = Registry(HOST, "bob", "hunter2", 1.0)
LONG_SECONDS = 120.0


class RegistriesTests(SynchronousTestCase):
    """Two nodes; the registry wants a login."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.here, self.there = self.cluster.nodes
        for node in self.cluster.nodes:
            node.containers.private = frozenset({HOST})
        self.cluster.start()

    def log_in(self, login: Registry = LOGIN) -> None:
        """Tell the control service."""
        self.cluster.edit(lambda before: registries.set_registry(before, login))

    def create(self) -> None:
        """A container of that registry."""
        container = Container("web", self.here.address, IMAGE)
        self.cluster.edit(lambda before: edits.create_container(before, container))

    def waiting_seconds(self) -> float:
        """How long the first node waits before it tries again what failed."""
        assert self.here.agent is not None
        failures = self.here.agent.loop.executions.failures.now.values()
        return max((failed.delay_seconds for failed in failures), default=0.0)

    def logins(self, node: MemoryNode) -> list[str]:
        """The passwords that an agent knows now."""
        assert node.agent is not None
        view = node.agent._context.desired.view
        return [] if view is None else [login.password for login in view.logins.values()]

    def test_before(self) -> None:
        """A login that is there already is used; the other node is not told of it."""
        self.log_in()
        self.create()
        self.cluster.run(3.0)
        assert "web" in self.here.containers.processes
        assert (self.logins(self.here), self.logins(self.there)) == (["hunter2"], [])

    def test_after(self) -> None:
        """One that comes later cures at once what failed; another password replaces it."""
        self.create()
        self.cluster.run(LONG_SECONDS)
        assert "web" not in self.here.containers.processes
        self.log_in(replace(LOGIN, registry="another.example"))
        self.cluster.run(2.0)
        assert self.waiting_seconds() > 10
        self.log_in()
        self.cluster.run(2.0)
        assert "web" in self.here.containers.processes
        self.log_in(replace(LOGIN, password="hunter3"))
        self.cluster.run(1.0)
        assert self.logins(self.here) == ["hunter3"]

    def test_a_move(self) -> None:
        """The destination logs in too; then the source forgets."""
        self.log_in()
        self.create()
        self.cluster.run(3.0)
        self.cluster.edit(lambda before: edits.move_container(before, "web", self.there.address))
        self.cluster.run(LONG_SECONDS)
        assert "web" in self.there.containers.processes
        assert (self.logins(self.here), self.logins(self.there)) == ([], ["hunter2"])

    def test_in_advance(self) -> None:
        """An image that a node should have is pulled like that, and forgotten with its login."""
        self.cluster.edit(lambda before: edits.want_image(before, self.here.address, IMAGE))
        self.cluster.run(LONG_SECONDS)
        assert self.waiting_seconds() > 10
        self.log_in()
        self.cluster.run(2.0)
        assert IMAGE in self.here.containers.pulled
        assert self.logins(self.here) == ["hunter2"]
        self.cluster.edit(lambda before: registries.forget_registry(before, HOST))
        self.cluster.run(1.0)
        assert self.logins(self.here) == []
