"""Who stands by for a dataset, as pure functions: users name nodes, or say how many to choose.

The store has the ids of the nodes, also of those that were chosen.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from flocker_lite.errors import Conflict, Fact
from flocker_lite.model.draining import Reports
from flocker_lite.model.field_support import AgentTooOld
from flocker_lite.model.node_edits import require_schedulable
from flocker_lite.model.nodes import find_node, is_placeholder
from flocker_lite.model.records import Configuration, Dataset, NodeId
from flocker_lite.model.replicas import REPLICAS_PROTOCOL, Replicas
from flocker_lite.model.standby_choice import free_nodes

_NODES = ("nodes",)


def with_standbys(
    configuration: Configuration, dataset: Dataset, before: Dataset | None, reports: Reports
) -> Dataset:
    """The new or revised dataset with the ids of its standbys, chosen if there are too few.

    `before` is the dataset as it was, whose standbys stay those if they can. Raises one of
    `EDIT_ERRORS`: the nodes are unknown, named twice, cordoned or too few, or an agent is too old.
    """
    asked = dataset.replicas
    known = before.replicas if before is not None else None
    if asked is None or asked == known:
        return dataset
    if not asked.nodes and asked.count is None:
        text = "name the nodes that stand by (nodes), or say how many there are to be (count)"
        raise Conflict("The replicas of the dataset have no nodes.", Fact(text, ("replicas",)))
    primary = find_node(configuration, dataset.primary)
    nodes = tuple(find_node(configuration, node) for node in asked.nodes)
    _require_distinct(configuration, nodes, asked.nodes)
    kept = known.nodes if known is not None else ()
    for node in nodes:
        if node not in kept and node != primary:
            require_schedulable(configuration, node)
    if asked.count is not None:
        nodes = _chosen(configuration, asked, primary, (*nodes, *kept), reports)
    found = replace(asked, nodes=nodes)
    if not found.standbys(primary):
        text = "the primary cannot stand by for itself: name another node"
        raise Conflict("The replicas of the dataset have no nodes.", Fact(text, _NODES))
    _require_known(configuration, (primary, *nodes))
    return replace(dataset, replicas=found)


def _require_distinct(
    configuration: Configuration, nodes: Collection[NodeId], named: tuple[str, ...]
) -> None:
    seen: set[NodeId] = set()
    for node, where in zip(nodes, named, strict=True):
        if node in seen:
            address = configuration.nodes[node].address
            text = f"{address} is named twice: a node has one copy at most"
            raise Conflict("A node can stand by only once.", Fact(text, _NODES, where))
        seen.add(node)


def _chosen(
    configuration: Configuration,
    asked: Replicas,
    primary: NodeId,
    preferred: tuple[NodeId, ...],
    reports: Reports,
) -> tuple[NodeId, ...]:
    """The primary, and as many others: first the `preferred`, then where most is free."""
    count = asked.count or 0
    named = tuple(dict.fromkeys(node for node in preferred if node in configuration.nodes))
    others = [node for node in named if node != primary]
    free = free_nodes(configuration, (primary, *others), reports.is_away, reports.machines)
    chosen = [*others, *free][:count]
    if len(chosen) < count:
        text = (
            f"{count} copies are asked for, and {len(chosen)} nodes besides the primary may have "
            "one: those that are cordoned, away or too old may not"
        )
        raise Conflict("There are too few nodes.", Fact(text, ("count",), asked.count))
    return (primary, *chosen)


def _require_known(configuration: Configuration, nodes: tuple[NodeId, ...]) -> None:
    """An agent that never came is looked at when it comes: it then does nothing for a standby."""
    facts = [
        Fact(
            f"agents know standbys since protocol {REPLICAS_PROTOCOL}; the agent of "
            f"{node.address} speaks protocol {node.protocol}: upgrade it",
            _NODES,
            node.address,
        )
        for node in (configuration.nodes[node_id] for node_id in dict.fromkeys(nodes))
        if node.protocol < REPLICAS_PROTOCOL and not is_placeholder(node)
    ]
    if facts:
        raise AgentTooOld("The agent of a node is too old for standbys.", *facts)
