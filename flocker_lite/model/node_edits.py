"""Edits of nodes by a user, as pure functions: cordon a node, and forget one that is gone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice

from flocker_lite.errors import Conflict, Fact, NotFound
from flocker_lite.model.editing import UnknownNode, edited
from flocker_lite.model.nodes import find_node, forgotten_requests
from flocker_lite.model.records import Change, Configuration, DatasetId, Edit, Node, NodeId

NAMES_MAX = 20
"""How many things the error lists that keep a node from being forgotten."""


def existing_node(configuration: Configuration, where: str) -> Node:
    """The node with the address or UUID `where`; NotFound when there is none."""
    try:
        return configuration.nodes[find_node(configuration, where)]
    except UnknownNode:
        raise NotFound("Node not found.") from None


def set_schedulable(configuration: Configuration, where: str, schedulable: bool) -> Edit:
    """Cordon a node, or open it again; what it has stays there and goes on running."""
    node = replace(existing_node(configuration, where), schedulable=schedulable)
    return edited(configuration, [Change("nodes", node.node_id, node)])


def require_schedulable(configuration: Configuration, node_id: NodeId) -> None:
    """Conflict if nothing new may be put on the node."""
    node = configuration.nodes[node_id]
    if not node.schedulable:
        raise Conflict(
            f"{node.address} is cordoned: nothing new is put on it. Choose another node, or open "
            'it again with {"schedulable": true}.',
            Fact(f"node {node.address} is cordoned", ("host", "primary"), node.address),
        )


def forget_node(
    configuration: Configuration,
    where: str,
    connected: Collection[NodeId],
    holders: Mapping[DatasetId, Collection[NodeId]],
) -> Edit:
    """Forget a node that is gone for good, with the deleted datasets that it alone may still have.

    `connected` are the nodes whose agents are connected, `holders` the nodes that report a copy of
    each dataset. Conflict if its agent is connected, or if anything is configured on it: what is
    lost with it has to be deleted by name.
    """
    node = existing_node(configuration, where)
    if node.node_id in connected:
        raise Conflict(
            f"The agent of {node.address} is connected: stop flocker-agent there, and see that it "
            "does not start again, before the node is forgotten."
        )
    facts = tuple(islice(_what_it_has(configuration, node.node_id), NAMES_MAX))
    if facts:
        names = ", ".join(fact.text for fact in facts)
        raise Conflict(
            f"{node.address} still has {names}: move it to another node if its data is there too, "
            "or delete it, which says that what only this node has is lost.",
            *facts,
        )
    return edited(
        configuration,
        [
            *_without_deleted_datasets(configuration, node.node_id, holders),
            *forgotten_requests(configuration, node.node_id),
            Change("nodes", node.node_id, None),
        ],
    )


def forgotten_by(edit: Edit) -> tuple[NodeId, ...]:
    """The nodes that are no part of the cluster any more."""
    return tuple(c.identity for c in edit.changes if c.kind == "nodes" and c.record is None)


def _what_it_has(configuration: Configuration, node_id: NodeId) -> Iterator[Fact]:
    for container in configuration.containers.values():
        if container.node == node_id:
            yield Fact(f"container {container.name}", used_by=container.name)
    for dataset in configuration.datasets.values():
        grant = configuration.grants[dataset.dataset_id]
        if not dataset.deleted and node_id in (dataset.primary, grant.owner):
            yield Fact(f"dataset {dataset.dataset_id}")
    for move in configuration.moves.values():
        if node_id in (move.source, move.destination):
            yield Fact(f"move {move.move_id}")


def _without_deleted_datasets(
    configuration: Configuration,
    node_id: NodeId,
    holders: Mapping[DatasetId, Collection[NodeId]],
) -> Iterable[Change]:
    """Purge those that no other node has; those that one has wait for that one alone."""
    for dataset in configuration.datasets.values():
        dataset_id, grant = dataset.dataset_id, configuration.grants[dataset.dataset_id]
        if not dataset.deleted or node_id not in (dataset.primary, grant.owner):
            continue
        # The grant stays: should the node come back after all, it destroys its copy by that.
        others = sorted(set(holders.get(dataset_id, ())) - {node_id})
        left = replace(dataset, primary=others[0]) if others else None
        yield Change("datasets", dataset_id, left)
        if left is None:
            yield Change("leases", dataset_id, None)
