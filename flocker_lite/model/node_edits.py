"""Edits of nodes by a user, as pure functions: cordon a node, forget one, let it in again."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from operator import attrgetter

from flocker_lite.errors import Conflict, Fact, NotFound
from flocker_lite.model.editing import UnknownNode, edited
from flocker_lite.model.forgotten import FORGOTTEN_MAX
from flocker_lite.model.machine import Machine
from flocker_lite.model.nodes import (
    canonical_address,
    find_node,
    forgotten_requests,
    is_placeholder,
)
from flocker_lite.model.records import (
    Change,
    Configuration,
    DatasetId,
    Edit,
    Forgotten,
    Node,
    NodeId,
)
from flocker_lite.model.standby_choice import without_node

NAMES_MAX = 20
"""How many things the error lists that keep a node from being forgotten."""


def existing_node(configuration: Configuration, where: str) -> Node:
    """The node with the address or UUID `where`; NotFound when there is none."""
    try:
        return configuration.nodes[find_node(configuration, where)]
    except UnknownNode:
        raise NotFound("Node not found.") from None


def set_schedulable(configuration: Configuration, where: str, schedulable: bool) -> Edit:
    """Cordon a node, or open it again; what it has stays there and goes on running.

    Conflict if a drain of the node would have to end for that.
    """
    node = replace(existing_node(configuration, where), schedulable=schedulable)
    if schedulable and node.drain is not None and node.drain.goes_on:
        raise Conflict(
            f"{node.address} is being drained: stop that first (DELETE "
            f"/v1/configuration/nodes/{node.address}/drain; flockerctl drain --stop)."
        )
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
    now: float,
    machines: Mapping[NodeId, Machine] | None = None,
) -> Edit:
    """Forget a node that is gone for good, with the deleted datasets that it alone may still have.

    `connected` are the nodes whose agents are connected, `holders` the nodes that report a copy of
    each dataset; `now` is in seconds since 1970. Where the node was chosen to stand by, another one
    is, by what the `machines` have free. Conflict if its agent is connected, or if anything
    is configured on it: what is lost with it has to be deleted by name, or by force.
    """
    node = existing_node(configuration, where)
    require_away(node, connected)
    facts = tuple(islice(_what_it_has(configuration, node.node_id), NAMES_MAX))
    if facts:
        names = ", ".join(fact.text for fact in facts)
        raise Conflict(
            f"{node.address} still has {names}: fail it over, or move it to another node if its "
            'data is there too; or delete it, or say "force", which says that what only this node '
            "has is lost.",
            *facts,
        )
    return edited(
        configuration,
        [
            *_without_deleted_datasets(configuration, node.node_id, holders),
            *forgotten_requests(configuration, node.node_id),
            *_without_standby(configuration, node.node_id, connected, machines or {}),
            Change("nodes", node.node_id, None),
            *_tombstone(configuration, node, now),
        ],
    )


def require_away(node: Node, connected: Collection[NodeId]) -> None:
    """Conflict if the agent of a node that is to be forgotten is connected."""
    if node.node_id in connected:
        raise Conflict(
            f"The agent of {node.address} is connected: stop flocker-agent there, and see that it "
            "does not start again, before the node is forgotten."
        )


def readmit(
    configuration: Configuration, where: str, holders: Mapping[DatasetId, Collection[NodeId]]
) -> tuple[Edit, Forgotten]:
    """Let a node in again that was forgotten, when it comes; by its UUID, or its last address.

    `holders` are the nodes that report a copy of each dataset. Raises NotFound if no such node was
    forgotten, Conflict if several were at that address, or if a dataset that was lost with the node
    is still being destroyed elsewhere: the node keeps its own copy.
    """
    found = configuration.forgotten.get(where.lower())
    if found is None:
        address = canonical_address(where)
        several = [each for each in configuration.forgotten.values() if each.address == address]
        if len(several) > 1:
            ids = ", ".join(sorted(each.node_id for each in several))
            raise Conflict(f"Several nodes at {address} were forgotten: choose one of {ids}.")
        found = several[0] if several else None
    if found is None:
        raise NotFound("No such node was forgotten.")
    lost = _without_lost_datasets(configuration, found, holders)
    return edited(configuration, [*lost, Change("forgotten", found.node_id, None)]), found


def _without_lost_datasets(
    configuration: Configuration,
    found: Forgotten,
    holders: Mapping[DatasetId, Collection[NodeId]],
) -> Iterator[Change]:
    """Purge the deleted datasets that the node owned, or it would destroy them when it is back."""
    for dataset in configuration.datasets.values():
        dataset_id = dataset.dataset_id
        if not dataset.deleted or configuration.grants[dataset_id].owner != found.node_id:
            continue
        others = sorted(configuration.nodes.keys() & set(holders.get(dataset_id, ())))
        if others:
            raise Conflict(
                f"{configuration.nodes[others[0]].address} has yet to destroy its copy of dataset "
                f"{dataset_id}, which was deleted: wait until that is done. The copy at "
                f"{found.address} stays."
            )
        yield Change("datasets", dataset_id, None)
        yield Change("leases", dataset_id, None)


def _tombstone(configuration: Configuration, node: Node, now: float) -> Iterator[Change]:
    """The tombstone by which the node is refused; a placeholder's UUID is nobody's."""
    if is_placeholder(node):
        return
    surplus = len(configuration.forgotten) + 1 - FORGOTTEN_MAX
    known = configuration.forgotten.values()
    for oldest in heapq.nsmallest(surplus, known, attrgetter("forgotten_at")):
        yield Change("forgotten", oldest.node_id, None)
    yield Change("forgotten", node.node_id, Forgotten(node.node_id, node.address, now))


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
        # The grant stays, so that its id is never used again: the node may come back with its copy.
        others = sorted(set(holders.get(dataset_id, ())) - {node_id})
        left = replace(dataset, primary=others[0]) if others else None
        yield Change("datasets", dataset_id, left)
        yield Change("leases", dataset_id, None)


def _without_standby(
    configuration: Configuration,
    node_id: NodeId,
    connected: Collection[NodeId],
    machines: Mapping[NodeId, Machine],
) -> Iterator[Change]:
    """The changes by which a node that is forgotten stands by no more, and nothing starts there."""
    for container in configuration.containers.values():
        failover = container.failover
        if failover is not None and node_id in failover.nodes:
            places = tuple(node for node in failover.nodes if node != node_id)
            placed = replace(container, failover=replace(failover, nodes=places))
            yield Change("containers", container.name, placed)
    away = configuration.nodes.keys() - set(connected)
    for dataset in configuration.datasets.values():
        replicas = dataset.replicas
        if dataset.deleted or replicas is None or node_id not in replicas.nodes:
            continue
        left = without_node(configuration, replicas, dataset.primary, node_id, away, machines)
        yield Change("datasets", dataset.dataset_id, replace(dataset, replicas=left))
