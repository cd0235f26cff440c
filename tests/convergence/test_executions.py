"""When a node plans again after a change is done."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.convergence.executions import Executions
from flocker_lite.model import edits
from flocker_lite.model.records import Dataset
from flocker_lite.testing.cluster import MemoryCluster

D = "dddddddd-0000-4000-8000-000000000001"
SECONDS = 10


class DoneTests(SynchronousTestCase):
    """A dataset that is created on the only node."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(1)
        [self.node] = self.cluster.nodes
        self.cluster.start()
        self.cluster.run(2)

    def create(self) -> None:
        self.cluster.edit(lambda c: edits.create_dataset(c, Dataset(D, "10.0.0.1")))
        self.cluster.run(0.5)

    @property
    def executions(self) -> Executions:
        assert self.node.agent is not None
        return self.node.agent.loop.executions

    def due_seconds(self) -> list[float]:
        return self.executions.due_seconds(self.cluster.clock.seconds())

    def test_done(self) -> None:
        """Then nothing is due, and nothing is planned again for it."""
        self.create()
        assert D in self.node.storage.copies
        assert self.due_seconds() == []

    def test_without_effect(self) -> None:
        """A change that is planned again right away is tried about once a second."""
        tried: list[str] = []

        async def create(dataset_id: str, *_: object) -> None:
            tried.append(dataset_id)

        self.patch(self.node.storage, "create", create)
        self.create()
        assert len(self.due_seconds()) == 1
        self.cluster.run(SECONDS)
        assert 2 <= len(tried) <= SECONDS + 2
