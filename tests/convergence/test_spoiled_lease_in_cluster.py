"""What an agent does, and says, when somebody wrote nonsense over the lease of one dataset."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits
from flocker_lite.testing.cluster import MemoryCluster

SPOILED = "dddddddd-0000-4000-8000-000000000001"
SOUND = "dddddddd-0000-4000-8000-000000000002"
SECONDS = 40.0


class SpoiledLeaseTests(SynchronousTestCase):
    """Two nodes in memory, and two containers with data on one of them."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.node, self.other = self.cluster.nodes
        self.cluster.start()
        self.cluster.configure("spoiled", SPOILED, self.node)
        self.cluster.configure("sound", SOUND, self.node)
        self.cluster.run(SECONDS)
        self.before = self.node.storage.copies[SPOILED]
        self.node.storage.corrupt_lease(SPOILED)

    def move(self, name: str) -> None:
        """Have a container go to the other node."""
        self.cluster.edit(lambda before: edits.move_container(before, name, self.other.node_id))

    def errors(self) -> tuple[str | None, str | None]:
        """What the state says is wrong with the dataset, and with its container."""
        assert self.cluster.control is not None
        state = self.cluster.control.cluster.nodes[self.node.node_id]
        return state.datasets[SPOILED].error, state.containers["spoiled"].error

    def test_it_alone_is_left_as_it_is(self) -> None:
        """It is said of it and of its container, which runs on; all else goes on as ever."""
        self.move("spoiled")
        self.move("sound")
        self.cluster.run(SECONDS)
        trouble = f"{SPOILED}: 'nonsense' is not a lease"
        assert self.errors() == (trouble, trouble)
        spoiled = replace(self.before.local, lease=None, trouble=trouble)
        assert self.node.storage.copies[SPOILED] == replace(self.before, local=spoiled)
        assert SPOILED not in self.other.storage.copies
        assert "spoiled" in self.node.containers.processes
        assert "sound" in self.other.containers.processes
        self.node.storage.copies[SPOILED] = self.before
        self.cluster.run(SECONDS)
        assert "spoiled" in self.other.containers.processes

    def test_looked_at_alone(self) -> None:
        """An event that concerns it does not keep the agent from seeing all else."""
        assert self.node.agent is not None
        self.node.agent.dataset_changed(SPOILED)
        self.cluster.run(1.0)
        assert self.errors()[0] is not None
        assert self.node.agent.loop.local.datasets[SOUND].lease is not None
