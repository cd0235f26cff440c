"""Containers whose image is for a platform, from the configuration to the state."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits
from flocker_lite.model.records import Container
from flocker_lite.testing.cluster import MemoryCluster
from flocker_lite.testing.memory_images import PLATFORM

OTHER = "linux/s390x"


class PlatformsTests(SynchronousTestCase):
    """A node in memory, and a container."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=1)
        (self.node,) = self.cluster.nodes
        self.cluster.start()
        container = Container("web", self.node.address, "nginx:1")
        self.cluster.edit(lambda before: edits.create_container(before, container))
        self.cluster.run(3.0)

    def revise(self, platform: str | None) -> None:
        """Configure it with that platform."""

        def revised(before: Container) -> Container:
            return replace(before, platform=platform)

        self.cluster.edit(lambda before: edits.update_container(before, "web", revised))
        self.cluster.run(3.0)

    def error(self) -> str | None:
        """What the state says of it."""
        assert self.cluster.control is not None
        return self.cluster.control.cluster.containers["web"][self.node.node_id].error

    def test_its_own(self) -> None:
        """A container is made anew for a platform."""
        before = self.node.containers.made["web"].local.instance
        self.revise(PLATFORM)
        assert self.node.containers.made["web"].local.container.platform == PLATFORM
        assert self.node.containers.made["web"].local.instance != before
        assert "web" in self.node.containers.processes

    def test_another(self) -> None:
        """An image that is not for it stops nothing: the error says so, until that is corrected."""
        before = self.node.containers.made["web"].local.instance
        self.revise(OTHER)
        assert f"not for platform {OTHER}" in (self.error() or "")
        assert self.node.containers.made["web"].local.instance == before
        assert "web" in self.node.containers.processes
        self.revise(None)
        assert self.error() is None
        assert self.node.containers.made["web"].local.instance == before
