"""A node with many containers: what it costs, in calls of its doors, to get there and to stay."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.convergence.discovery import ONE_BY_ONE_MAX, WHOLE_DISCOVERY_SECONDS
from flocker_lite.testing.cluster import MemoryCluster

MANY = 200
SOME = 50
CALLS_OF_EACH_MAX = 11
"""Calls of storage and Docker for a container with its dataset, from nothing to running."""

CALL_SECONDS = 0.1


class ManyTests(SynchronousTestCase):
    """One node, whose calls of storage and Docker are counted."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=1)
        (self.node,) = self.cluster.nodes
        self.calls: Counter[str] = Counter()
        self.slow = False
        for door in ("storage", "containers"):
            self.count(door)
        self.cluster.start()

    def tearDown(self) -> None:
        self.cluster.stop_agent(self.node)
        self.cluster.stop_control()

    def count(self, door: str) -> None:
        """Count its calls by their names."""

        async def before(method: str, identity: str) -> None:
            self.calls[f"{door}.{method}"] += 1
            if self.slow:
                await deferLater(self.cluster.clock, CALL_SECONDS)

        getattr(self.node, door).before = before

    def have(self, first: int, count: int) -> None:
        """Have so many containers with a dataset each, and let the node come to rest."""
        for number in range(first, first + count):
            self.cluster.configure(f"c{number}", str(UUID(int=number, version=4)), self.node)
        self.cluster.run(10.0)
        assert len(self.node.containers.processes) == first + count

    def test_convergence(self) -> None:
        """Each costs some calls and no more, however many there are."""
        self.have(0, MANY)
        assert self.calls.total() <= MANY * CALLS_OF_EACH_MAX, self.calls

    def test_one_more(self) -> None:
        """One more costs the same calls beside many as beside none, and nothing is seen whole."""
        self.have(0, 1)
        self.calls.clear()
        self.have(1, 1)
        beside_one = self.calls.copy()
        self.have(2, SOME)
        self.calls.clear()
        self.have(SOME + 2, 1)
        assert self.calls == beside_one
        assert self.calls.total() <= CALLS_OF_EACH_MAX
        assert not {"containers.discover", "storage.discover"} & set(self.calls)

    def test_rest(self) -> None:
        """When nothing happens, all is seen with one question of a kind at a slow interval."""
        self.have(0, SOME)
        self.calls.clear()
        self.cluster.run(2 * WHOLE_DISCOVERY_SECONDS)
        looks = ("storage.discover", "storage.asides", "containers.discover", "containers.kept")
        assert self.calls == dict.fromkeys(looks, 2)

    def test_an_end(self) -> None:
        """One container that ends is looked at, and no other."""
        self.have(0, SOME)
        self.calls.clear()
        self.node.containers.end("c7", exit_code=0)
        self.cluster.run(1.0)
        assert self.calls == {"containers.look": 1}

    def test_many_ends(self) -> None:
        """When many end at once, all are seen with one question."""
        self.have(0, SOME)
        self.calls.clear()
        self.slow = True
        for number in range(ONE_BY_ONE_MAX + 2):
            self.node.containers.end(f"c{number}", exit_code=0)
        self.cluster.run(1.0)
        assert self.calls == {"containers.look": 1, "containers.discover": 1}
