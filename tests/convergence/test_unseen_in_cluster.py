"""What agents do, and say, while their node cannot be looked at."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.convergence.discovery_monitor import LOOK_SECONDS_MAX
from flocker_lite.errors import FlockerError
from flocker_lite.model import edits
from flocker_lite.testing.cluster import MemoryCluster

DATASET_ID = "dddddddd-0000-4000-8000-000000000001"
SUSPENDED = "pool I/O is currently suspended"
SECONDS = 60.0


class UnseenTests(SynchronousTestCase):
    """Two nodes in memory, and a container with data on one of them, whose ZFS has trouble."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=2)
        self.node, self.other = self.cluster.nodes
        self.cluster.start()
        self.cluster.configure("shop", DATASET_ID, self.node)
        self.cluster.run(SECONDS)
        assert "shop" in self.node.containers.processes

    def errors(self) -> tuple[str | None, str | None]:
        """What the state says is wrong with the dataset, and with its container."""
        assert self.cluster.control is not None
        state = self.cluster.control.cluster.nodes[self.node.node_id]
        return state.datasets[DATASET_ID].error, state.containers["shop"].error

    async def _suspended(self, _method: str, _dataset_id: str) -> None:
        raise FlockerError(SUSPENDED)

    def test_all_looks_fail(self) -> None:
        """All that was seen last is still told, with what is wrong; it is not touched, and moves
        once it can be seen."""
        self.node.storage.before = self._suspended
        self.cluster.edit(lambda before: edits.move_container(before, "shop", self.other.node_id))
        self.cluster.run(SECONDS)
        for error in self.errors():
            assert SUSPENDED in str(error)
        assert "shop" in self.node.containers.processes
        assert "shop" not in self.other.containers.processes
        self.node.storage.before = None
        self.cluster.run(2 * SECONDS)
        assert "shop" in self.other.containers.processes

    def test_one_look_fails(self) -> None:
        """That is not worth a word."""
        self.node.storage.before = self._suspended
        assert self.node.agent is not None
        self.node.agent.loop.look_again()
        self.cluster.run(1.0)
        assert self.errors() == (None, None)
        self.node.storage.before = None
        self.cluster.run(SECONDS)
        assert self.errors() == (None, None)

    def test_a_look_that_does_not_end(self) -> None:
        """It is told as well, until there is an answer."""
        answer: Deferred[None] = Deferred()

        async def hangs(_method: str, _dataset_id: str) -> None:
            await answer

        self.node.storage.before = hangs
        assert self.node.agent is not None
        self.node.agent.loop.look_again()
        self.cluster.run(LOOK_SECONDS_MAX - 1.0)
        assert self.errors() == (None, None)
        self.cluster.run(2.0)
        for error in self.errors():
            assert "no answer" in str(error)
        self.node.storage.before = None
        answer.callback(None)
        self.cluster.run(1.0)
        assert self.errors() == (None, None)
