"""Which node has an address or an ssh key, without searching all nodes each time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flocker_lite.model.records import Configuration, NodeId


@dataclass(frozen=True, slots=True)
class NodeIndex:
    """The node that has each address, and the node whose agent has each public ssh key."""

    by_address: Mapping[str, NodeId]
    by_key: Mapping[str, NodeId]


def node_index(configuration: Configuration) -> NodeIndex:
    """The index of this configuration's nodes."""
    return configuration.derived(_index)


def carry_over(before: Configuration, after: Configuration) -> None:
    """Reuse the index of `before` for `after` if the nodes are the same: they seldom change."""
    if after.nodes is before.nodes:
        after.derives(_index, node_index(before))


def _index(configuration: Configuration) -> NodeIndex:
    nodes = configuration.nodes.values()
    return NodeIndex(
        {node.address: node.node_id for node in nodes},
        {node.ssh_keys.public_key: node.node_id for node in nodes if node.ssh_keys is not None},
    )
