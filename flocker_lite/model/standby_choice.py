"""Which nodes the control service chooses to stand by, as pure functions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from flocker_lite.model.identities import NodeId
from flocker_lite.model.machine import Machine
from flocker_lite.model.nodes import is_placeholder
from flocker_lite.model.records import Configuration
from flocker_lite.model.replicas import REPLICAS_PROTOCOL, Replicas


def free_nodes(
    configuration: Configuration,
    besides: Collection[NodeId],
    is_away: Callable[[NodeId], bool],
    machines: Mapping[NodeId, Machine],
) -> list[NodeId]:
    """The nodes that may have one more copy, besides these; first where most is free."""
    found = (
        node.node_id
        for node in configuration.nodes.values()
        if node.schedulable
        and not is_away(node.node_id)
        and node.protocol >= REPLICAS_PROTOCOL
        and not is_placeholder(node)
        and node.node_id not in besides
    )
    return sorted(found, key=lambda node_id: (-_free_bytes(machines, node_id), node_id))


def without_node(
    configuration: Configuration,
    replicas: Replicas,
    primary: NodeId,
    gone: NodeId,
    away: Collection[NodeId],
    machines: Mapping[NodeId, Machine],
) -> Replicas | None:
    """The replicas when a node is gone; None when nobody stands by any more.

    For one that was chosen another node is chosen. If there is none, one is missing from then on.
    """
    left = replace(replicas, nodes=tuple(node for node in replicas.nodes if node != gone))
    missing = missing_standbys(left, primary)
    if left.count is None:
        return left if left.standbys(primary) else None
    free = free_nodes(configuration, {primary, gone, *left.nodes}, away.__contains__, machines)
    return replace(left, nodes=(*left.nodes, *free[:missing]))


def missing_standbys(replicas: Replicas, primary: NodeId) -> int:
    """How many more standbys a user asked for than there are."""
    return max((replicas.count or 0) - len(replicas.standbys(primary)), 0)


def _free_bytes(machines: Mapping[NodeId, Machine], node_id: NodeId) -> int:
    machine = machines.get(node_id)
    return machine.capacity.free_bytes if machine is not None and machine.capacity else 0
