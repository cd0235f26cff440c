"""Secrets reach the node that runs the container, at the right time, and no other node."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

from pyrsistent import pmap
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits, secrets
from flocker_lite.model.container_fields.secrets import SecretFile
from flocker_lite.model.records import Container
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode

DATASET = "dddddddd-0000-4000-8000-000000000001"


def data(value: bytes) -> str:
    """As it is stored."""
    return b64encode(value).decode()


class SecretsTests(SynchronousTestCase):
    """Three nodes; a container with data gets a secret as a variable and as a file."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=3)
        self.here, self.there, self.other = self.cluster.nodes
        self.cluster.start()
        for name in ("pg", "unused"):
            self.create(name)
        self.cluster.configure("db", DATASET, self.here)

        def with_secret(before: Container) -> Container:
            return replace(
                before,
                environment_secret=pmap({"PASSWORD": "pg"}),
                secrets=(SecretFile("pg", "/run/secrets/pg"),),
            )

        self.cluster.edit(lambda before: edits.update_container(before, "db", with_secret))
        self.cluster.run(3.0)

    def create(self, name: str) -> None:
        """Have a secret of this name."""
        self.cluster.edit(lambda before: secrets.create_secret(before, name, data(b"one"), 1.0))

    def given(self, node: MemoryNode) -> dict[str, bytes] | None:
        """What its container was made with there."""
        made = node.containers.made.get("db")
        return None if made is None else dict(made.secrets)

    def told(self, node: MemoryNode) -> bool:
        """Whether its agent knows any secret now."""
        assert node.agent is not None
        view = node.agent._context.desired.view
        return view is not None and bool(view.secrets)

    def test_it_runs_with_it(self) -> None:
        """The one node has the one secret, and others are told nothing."""
        assert "db" in self.here.containers.processes
        assert self.given(self.here) == {"pg": b"one"}
        assert [self.told(node) for node in self.cluster.nodes] == [True, False, False]

    def test_another_value(self) -> None:
        """The container is replaced, and has the new one."""
        before = self.here.containers.made["db"].local.run
        self.cluster.edit(lambda before: secrets.change_secret(before, "pg", data(b"two"), 2.0))
        self.cluster.run(3.0)
        assert self.given(self.here) == {"pg": b"two"}
        assert "db" in self.here.containers.processes
        assert self.here.containers.made["db"].local.run != before

    def test_a_move(self) -> None:
        """It goes along; afterwards the source is told no secret any more."""
        self.cluster.edit(lambda before: edits.move_container(before, "db", self.there.address))
        self.cluster.run(30.0)
        assert self.given(self.there) == {"pg": b"one"}
        assert "db" in self.there.containers.processes
        assert not self.told(self.other)
        assert self.told(self.there)

    def test_after_restarts(self) -> None:
        """The agent and the control service start again, and nothing is replaced."""
        before = self.here.containers.made["db"].local.run
        self.cluster.stop_agent(self.here)
        self.cluster.stop_control()
        self.cluster.start_control()
        self.cluster.start_agent(self.here)
        self.cluster.run(5.0)
        assert self.here.containers.made["db"].local.run == before
        self.cluster.edit(lambda before: secrets.change_secret(before, "pg", data(b"two"), 2.0))
        self.cluster.run(3.0)
        assert self.given(self.here) == {"pg": b"two"}
