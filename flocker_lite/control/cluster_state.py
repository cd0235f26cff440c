"""What the agents report, indexed by what it is about; immutable, never stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pyrsistent import PMap, pmap

from flocker_lite.model import deltas
from flocker_lite.model.records import Change, DatasetId, NodeId
from flocker_lite.model.state import ContainerState, DatasetState, ImageState, NodeState

Report = TypeVar("Report")
Index = PMap[str, PMap[NodeId, Report]]


@dataclass(frozen=True, slots=True)
class ClusterState:
    """The state of every node whose agent reports, and who reports each thing."""

    nodes: PMap[NodeId, NodeState] = field(default_factory=pmap)
    datasets: PMap[DatasetId, PMap[NodeId, DatasetState]] = field(default_factory=pmap)
    containers: PMap[str, PMap[NodeId, ContainerState]] = field(default_factory=pmap)
    images: PMap[str, PMap[NodeId, ImageState]] = field(default_factory=pmap)

    def updated(self, node_id: NodeId, changes: Iterable[Change]) -> ClusterState:
        """After a report; its cost is that of the changes."""
        changes = tuple(changes)
        node = deltas.apply(self.nodes.get(node_id, NodeState()), changes)
        datasets, containers, images = self.datasets, self.containers, self.images
        for change in changes:
            if change.kind == "datasets":
                datasets = _indexed(datasets, node_id, change)
            elif change.kind == "containers":
                containers = _indexed(containers, node_id, change)
            elif change.kind == "images":
                images = _indexed(images, node_id, change)
        return ClusterState(self.nodes.set(node_id, node), datasets, containers, images)

    def forgotten(self, node_id: NodeId) -> tuple[ClusterState, tuple[Change, ...]]:
        """After the node's agent went away, and what is not known any more."""
        known = self.nodes.get(node_id)
        if known is None:
            return self, ()
        changes = deltas.difference(known, NodeState())
        after = self.updated(node_id, changes)
        return replace(after, nodes=after.nodes.remove(node_id)), changes


def _indexed(index: Index[Report], node_id: NodeId, change: Change) -> Index[Report]:
    reports = index.get(change.identity, pmap())
    if change.record is None:
        reports = reports.discard(node_id)
    else:
        reports = reports.set(node_id, change.record)  # type: ignore[arg-type]
    return index.set(change.identity, reports) if reports else index.discard(change.identity)
