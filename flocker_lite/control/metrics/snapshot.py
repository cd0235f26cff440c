"""What a scrape is made of: taken at once in the reactor, written down in a thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.control.interfaces import IControl
from flocker_lite.control.metrics.tally import Tally
from flocker_lite.model.machine import Machine
from flocker_lite.model.move_progress import MoveProgress
from flocker_lite.model.nodes import is_placeholder
from flocker_lite.model.records import Configuration, NodeId


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The cluster at one moment; nothing in it changes any more.

    `addresses` has the nodes whose agents ever announced themselves. `progress` is that of the open
    moves. `refused` are the connections that each node has refused since this service started.
    `expires_at` is when this service's own certificate expires, in seconds since 1970.
    """

    configuration: Configuration
    cluster: ClusterState
    addresses: Mapping[NodeId, str]
    away: frozenset[NodeId]
    certificates: Mapping[NodeId, float]
    machines: Mapping[NodeId, Machine]
    clock_offsets: Mapping[NodeId, float]
    progress: Mapping[str, tuple[MoveProgress, ...]]
    refused: Mapping[NodeId, float]
    pushed: Mapping[tuple[NodeId, NodeId], float]
    watchers: int
    expires_at: float | None = None


def take(control: IControl, tally: Tally, expires_at: Callable[[], float | None]) -> Snapshot:
    """The cluster as it is now."""
    configuration, records = control.configuration, control.node_records
    addresses = {
        node_id: node.address
        for node_id, node in configuration.nodes.items()
        if not is_placeholder(node)
    }
    progress = {move_id: control.progress_of(move_id) for move_id in configuration.moves}
    return Snapshot(
        configuration=configuration,
        cluster=control.cluster,
        addresses=addresses,
        away=frozenset(filter(control.is_away, addresses)),
        certificates=dict(records.certificates),
        machines=dict(records.machines),
        clock_offsets=dict(records.clock_offsets),
        progress=progress,
        refused=tally.refused(control.cluster.nodes),
        pushed=tally.pushed(configuration, progress),
        watchers=control.change_feed.waiting_count,
        expires_at=expires_at(),
    )
