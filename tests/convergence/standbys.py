"""A cluster in memory whose datasets have standbys, for the tests of replication."""

from __future__ import annotations

from dataclasses import replace

from flocker_lite.model import edits
from flocker_lite.model.records import DatasetId, Replicas
from flocker_lite.model.replication import Replication, replication_key
from flocker_lite.model.snapshot_sets import SnapshotSet
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode

D = "dddddddd-0000-4000-8000-00000000000a"
RPO = 10.0


class StandbyCluster(MemoryCluster):
    """Three nodes; container shop on the first."""

    def __init__(self, nodes: int = 3, resumes: bool = False) -> None:
        super().__init__(nodes, resumes)
        self.start()

    def serve(self) -> None:
        """Configure a container with its dataset on the first node, and wait until it runs."""
        self.configure("shop", D, self.nodes[0])
        self.run(2.0)
        assert "shop" in self.nodes[0].containers.processes

    def replicate(self, *standbys: MemoryNode, dataset_id: DatasetId = D, rpo: float = RPO) -> None:
        """Have these nodes stand by; none for no more standbys."""
        nodes = tuple(node.node_id for node in standbys)
        replicas = Replicas(nodes, rpo) if nodes else None
        self.edit(
            lambda before: edits.update_dataset(
                before, dataset_id, lambda dataset: replace(dataset, replicas=replicas)
            )
        )

    def complete(self, standby: MemoryNode, dataset_id: DatasetId = D) -> SnapshotSet | None:
        """The set that a standby reports to be complete."""
        assert self.control is not None
        report = self.control.cluster.datasets[dataset_id].get(standby.node_id)
        return report.complete_set if report is not None else None

    def lag(self, standby: MemoryNode, dataset_id: DatasetId = D) -> float:
        """How old that is."""
        complete = self.complete(standby, dataset_id)
        assert complete is not None
        return self.clock.seconds() - complete.taken_at

    def told(self, standby: MemoryNode, dataset_id: DatasetId = D) -> Replication:
        """What the first node reports of the copy at a standby."""
        assert self.control is not None
        reported = self.control.cluster.nodes[self.nodes[0].node_id].replications
        return reported[replication_key(dataset_id, standby.node_id)]

    def names(self, node: MemoryNode, dataset_id: DatasetId = D) -> list[str]:
        """The snapshots of a copy, oldest first."""
        return [each.name for each in node.storage.copies[dataset_id].local.snapshots]

    def lags(self, seconds: float, standby: MemoryNode) -> list[float]:
        """The lag at the end of each half second."""
        found = []
        for _ in range(round(seconds * 2)):
            self.run(0.5)
            found.append(self.lag(standby))
        return found
