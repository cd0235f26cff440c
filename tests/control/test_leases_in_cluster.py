"""What agents do with leased datasets: nothing, until the lease is over."""

from __future__ import annotations

from pyrsistent import pmap
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import edits
from flocker_lite.model.records import UserLease
from flocker_lite.testing.cluster import MemoryCluster

DATASET = "dddddddd-0000-4000-8000-000000000001"
SETTLE_SECONDS = 60.0


class LeaseTests(SynchronousTestCase):
    """A container with a dataset on the first of two nodes, and the dataset leased to that node."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(2)
        self.cluster.start()
        self.one, self.two = self.cluster.nodes
        self.cluster.configure("web", DATASET, self.one)
        self.cluster.run(SETTLE_SECONDS)
        assert self.running() == [self.one.address]

    def lease(self, seconds: float | None = None) -> None:
        """Lease the dataset to the first node, for so long."""
        now = self.cluster.clock.seconds()
        lease = UserLease(DATASET, self.one.node_id, None if seconds is None else now + seconds)
        self.cluster.edit(lambda c: edits.acquire_lease(c, lease, now))

    def release(self) -> None:
        """End the lease."""
        now = self.cluster.clock.seconds()
        self.cluster.edit(lambda c: edits.release_lease(c, DATASET, now))

    def move(self) -> None:
        """Want the container on the second node."""
        self.cluster.edit(lambda c: edits.move_container(c, "web", self.two.node_id))

    def running(self) -> list[str]:
        """The nodes on which the container runs, as the control service sees it."""
        assert self.cluster.control is not None
        reports = self.cluster.control.cluster.containers.get("web", pmap())
        nodes = self.cluster.control.configuration.nodes
        return [nodes[node_id].address for node_id, state in reports.items() if state.running]

    def test_move_waits(self) -> None:
        """A move is put off until the lease is released."""
        self.lease()
        self.move()
        self.cluster.run(SETTLE_SECONDS)
        assert self.running() == [self.one.address]
        self.release()
        self.cluster.run(SETTLE_SECONDS)
        assert self.running() == [self.two.address]

    def test_move_waits_for_expiry(self) -> None:
        """Or until it ends by itself."""
        self.lease(2 * SETTLE_SECONDS)
        self.move()
        self.cluster.run(SETTLE_SECONDS)
        assert self.running() == [self.one.address]
        self.cluster.run(2 * SETTLE_SECONDS)
        assert self.running() == [self.two.address]

    def test_restart(self) -> None:
        """A lease outlives the control service."""
        self.lease()
        self.move()
        self.cluster.stop_control()
        self.cluster.start_control()
        self.cluster.run(SETTLE_SECONDS)
        assert self.running() == [self.one.address]
        self.release()
        self.cluster.run(SETTLE_SECONDS)
        assert self.running() == [self.two.address]

    def test_deletion_waits(self) -> None:
        """A dataset that is deleted is there as long as it is leased."""
        self.lease()
        self.cluster.edit(lambda c: edits.delete_container(c, "web"))
        self.cluster.edit(lambda c: edits.delete_dataset(c, DATASET))
        self.cluster.run(SETTLE_SECONDS)
        assert DATASET in self.one.storage.copies
        self.release()
        self.cluster.run(SETTLE_SECONDS)
        assert DATASET not in self.one.storage.copies

    def test_lease_of_the_destination(self) -> None:
        """A lease of the node to which it should go does not keep it where it is."""
        now = self.cluster.clock.seconds()
        lease = UserLease(DATASET, self.two.node_id)
        self.cluster.edit(lambda c: edits.acquire_lease(c, lease, now))
        self.move()
        self.cluster.run(SETTLE_SECONDS)
        assert self.running() == [self.two.address]
