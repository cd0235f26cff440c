"""What the agents report, indexed by what it is about; immutable, never stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from pyrsistent import PMap, pmap

from flocker_lite.model import deltas
from flocker_lite.model.records import Change, DatasetId, NodeId
from flocker_lite.model.state import ContainerState, DatasetState, ImageState, NodeState

_INDEXED = ("datasets", "containers", "images")


@dataclass(frozen=True, slots=True)
class ClusterState:
    """The state of every node whose agent reports, and who reports each thing."""

    nodes: PMap[NodeId, NodeState] = field(default_factory=pmap)
    datasets: PMap[DatasetId, PMap[NodeId, DatasetState]] = field(default_factory=pmap)
    containers: PMap[str, PMap[NodeId, ContainerState]] = field(default_factory=pmap)
    images: PMap[str, PMap[NodeId, ImageState]] = field(default_factory=pmap)

    def updated(self, node_id: NodeId, node: NodeState, changes: Iterable[Change]) -> ClusterState:
        """After a report, which changed the state to that; its cost is that of the changes."""
        indexes: dict[str, Any] = {}
        for change in changes:
            if change.kind in _INDEXED:
                if change.kind not in indexes:
                    indexes[change.kind] = getattr(self, change.kind).evolver()
                _index(indexes[change.kind], node_id, change)
        changed = {kind: index.persistent() for kind, index in indexes.items()}
        return replace(self, nodes=self.nodes.set(node_id, node), **changed)

    def forgotten(self, node_id: NodeId) -> tuple[ClusterState, tuple[Change, ...]]:
        """After the node's agent went away, and what is not known any more."""
        known = self.nodes.get(node_id)
        if known is None:
            return self, ()
        changes = deltas.difference(known, NodeState())
        after = self.updated(node_id, NodeState(), changes)
        return replace(after, nodes=after.nodes.remove(node_id)), changes


def _index(index: Any, node_id: NodeId, change: Change) -> None:
    """Note the report of one node in an evolver of one of the maps by identity."""
    reports = index[change.identity] if change.identity in index else pmap()
    if change.record is None:
        reports = reports.discard(node_id)
    else:
        reports = reports.set(node_id, change.record)
    if reports:
        index[change.identity] = reports
    elif change.identity in index:
        del index[change.identity]
