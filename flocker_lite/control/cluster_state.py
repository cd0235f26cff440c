"""What the agents report, indexed by dataset, container and so on; immutable, never stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from pyrsistent import PMap, pmap

from flocker_lite.model import deltas
from flocker_lite.model.records import Change, DatasetId, NodeId
from flocker_lite.model.state import (
    AsideState,
    Claim,
    ContainerState,
    DatasetState,
    ImageState,
    Kept,
    NodeState,
    Replication,
)

_INDEXED = ("datasets", "containers", "images", "kept", "set_aside", "replications")


@dataclass(frozen=True, slots=True)
class ClusterState:
    """The state of every node whose agent reports, and the same reports by what they are about.

    `claims` are reports of ownership that cannot be verified: see `control.grants`. `replications`
    are by dataset, and then by the node that reports it and its standby.
    """

    nodes: PMap[NodeId, NodeState] = field(default_factory=pmap)
    datasets: PMap[DatasetId, PMap[NodeId, DatasetState]] = field(default_factory=pmap)
    containers: PMap[str, PMap[NodeId, ContainerState]] = field(default_factory=pmap)
    images: PMap[str, PMap[NodeId, ImageState]] = field(default_factory=pmap)
    kept: PMap[str, PMap[NodeId, Kept]] = field(default_factory=pmap)
    claims: PMap[DatasetId, tuple[Claim, ...]] = field(default_factory=pmap)
    set_aside: PMap[str, PMap[NodeId, AsideState]] = field(default_factory=pmap)
    replications: PMap[DatasetId, PMap[tuple[NodeId, NodeId], Replication]] = field(
        default_factory=pmap
    )

    def claimed(self, dataset_id: DatasetId, claims: tuple[Claim, ...]) -> ClusterState:
        """With these claims on a dataset, and no others."""
        if claims == self.claims.get(dataset_id, ()):
            return self
        after = self.claims.set(dataset_id, claims) if claims else self.claims.discard(dataset_id)
        datasets = self.datasets
        if dataset_id in datasets:
            # Caches are keyed by the identity of this map, and a claim must make them stale.
            datasets = datasets.set(dataset_id, pmap(dict(datasets[dataset_id])))
        return replace(self, claims=after, datasets=datasets)

    def updated(self, node_id: NodeId, node: NodeState, changes: Iterable[Change]) -> ClusterState:
        """After a report that led to the state `node`; the cost is proportional to the changes."""
        indexes: dict[str, Any] = {}
        for change in changes:
            if change.kind in _INDEXED:
                if change.kind not in indexes:
                    indexes[change.kind] = getattr(self, change.kind).evolver()
                _index(indexes[change.kind], node_id, change)
        changed = {kind: index.persistent() for kind, index in indexes.items()}
        return replace(self, nodes=self.nodes.set(node_id, node), **changed)

    def forgotten(self, node_id: NodeId) -> tuple[ClusterState, tuple[Change, ...]]:
        """Without the state of a node, and the changes that this means."""
        known = self.nodes.get(node_id)
        if known is None:
            return self, ()
        changes = deltas.difference(known, NodeState())
        after = self.updated(node_id, NodeState(), changes)
        return replace(after, nodes=after.nodes.remove(node_id)), changes


def _index(index: Any, node_id: NodeId, change: Change) -> None:
    """Put the report of one node into the evolver of an index."""
    identity: str = change.identity
    reporter: Any = node_id
    if change.kind == "replications":
        identity, _, standby = change.identity.partition("/")
        reporter = (node_id, standby)
    reports = index[identity] if identity in index else pmap()
    if change.record is None:
        reports = reports.discard(reporter)
    else:
        reports = reports.set(reporter, change.record)
    if reports:
        index[identity] = reports
    elif identity in index:
        del index[identity]
