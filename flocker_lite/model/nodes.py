"""The nodes of a configuration: how they are named, and how they become part of it.

A *placeholder* stands for a machine whose agent has not announced itself yet. Only a control
service that accepts unknown nodes creates them. A placeholder's UUID is derived from its address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid5

from flocker_lite.errors import Conflict
from flocker_lite.model.editing import UnknownNode, edited
from flocker_lite.model.field_support import require_all_fields_known, require_fields_known
from flocker_lite.model.node_index import node_index
from flocker_lite.model.records import (
    Change,
    Configuration,
    Container,
    Dataset,
    Edit,
    Node,
    NodeId,
    SshKeys,
)

_PLACEHOLDERS = UUID("6f1c1e1c-6a0f-4d55-9a55-0c9b8f8b3f5e")


def address_of(configuration: Configuration, node_id: NodeId) -> str:
    """The address of a node; its UUID if it is not part of the cluster any more."""
    node = configuration.nodes.get(node_id)
    return node_id if node is None else node.address


def find_node(configuration: Configuration, where: str) -> NodeId:
    """The node with the address or UUID `where`; UnknownNode when there is none."""
    if where.lower() in configuration.nodes:
        return where.lower()
    node_id = node_at(configuration, canonical_address(where))
    if node_id is None:
        raise UnknownNode(where, configuration.nodes.values())
    return node_id


def node_at(configuration: Configuration, address: str) -> NodeId | None:
    """The node that has a canonical address; None when there is none."""
    return node_index(configuration).by_address.get(address)


def _node_with(configuration: Configuration, keys: SshKeys | None) -> NodeId | None:
    """The node whose agent has this ssh key; None when there is none."""
    return node_index(configuration).by_key.get(keys.public_key) if keys is not None else None


def canonical_address(text: str) -> str:
    """The one way in which we write an IP address."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text.lower()


def is_address(text: str) -> bool:
    """Whether the text is an IP address, version 4 or 6."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def placeholder(address: str) -> Node:
    """The node that stands for the machine of this address until its agent announces itself."""
    address = canonical_address(address)
    return Node(str(uuid5(_PLACEHOLDERS, address)), address)


def is_placeholder(node: Node) -> bool:
    """Whether no agent ever announced the node."""
    return replace(node, schedulable=True, drain=None) == placeholder(node.address)


def expect_node(configuration: Configuration, where: str) -> Edit:
    """Add a placeholder for this address unless a node has it; UnknownNode for a UUID."""
    try:
        find_node(configuration, where)
    except UnknownNode:
        if not is_address(where):
            raise
        node = placeholder(where)
        return edited(configuration, [Change("nodes", node.node_id, node)])
    return Edit(configuration)


def announce_node(configuration: Configuration, node: Node) -> Edit:
    """Record that a node announced itself and its address.

    The node takes over all that was put on the placeholder of its address. Another node that had
    the address is removed if nothing was ever put on it (the machine was reinstalled, say);
    otherwise Conflict. Conflict as well if another node has the same ssh key, because nobody could
    tell the two apart. A node that was cordoned, or is being drained, stays so.
    """
    other = node_at(configuration, canonical_address(node.address))
    known = configuration.nodes.get(node.node_id) or configuration.nodes.get(other or "")
    node = replace(node, address=canonical_address(node.address))
    if known is not None:
        node = replace(node, schedulable=known.schedulable, drain=known.drain)
    changes = [Change("nodes", node.node_id, node)]
    if other is not None and other != node.node_id:
        changes += _superseded(configuration, configuration.nodes[other], node)
    double = _node_with(configuration, node.ssh_keys)
    if double not in (None, node.node_id, other):
        raise Conflict(
            f"the ssh key of node {node.node_id} is that of node {double}: remove the directory "
            "`ssh` in the state-path of the one that is a copy, and restart its agent."
        )
    edit = edited(configuration, changes)
    require_all_fields_known(edit.configuration, node)
    return edit


def _superseded(configuration: Configuration, other: Node, node: Node) -> list[Change]:
    """The changes that replace the node `other` by `node`, which announced the same address."""
    changes: list[Change] = []
    if is_placeholder(other):
        changes += _inherited(configuration, other.node_id, node.node_id)
    elif _has_something(configuration, other.node_id):
        raise Conflict(
            f"{node.address} is the address of node {other.node_id}, which has datasets: "
            f"give that identity back to its agent, or node {node.node_id} another address."
        )
    else:
        changes += forgotten_requests(configuration, other.node_id)
        changes += _standbys_of_reinstalled(configuration, other.node_id, node.node_id)
    return [*changes, Change("nodes", other.node_id, None)]


def _inherited(configuration: Configuration, old: NodeId, new: NodeId) -> Iterator[Change]:
    """The changes that give everything of node `old` to node `new`."""
    for kind, field in (
        ("datasets", "primary"),
        ("containers", "node"),
        ("grants", "owner"),
        ("leases", "node"),
        ("images", "node"),
        ("moves", "source"),
        ("moves", "destination"),
    ):
        record: Any
        for identity, record in getattr(configuration, kind).items():
            if getattr(record, field) == old:
                record = replace(record, **{field: new})
            if kind == "datasets":
                record = _with_standby_replaced(record, old, new)
            if kind == "containers":
                record = _with_place_replaced(record, old, new)
            if record is not getattr(configuration, kind)[identity]:
                yield Change(kind, identity, record)


def _with_standby_replaced(dataset: Dataset, old: NodeId, new: NodeId) -> Dataset:
    """The dataset, for which node `new` stands by if `old` did."""
    replicas = dataset.replicas
    if replicas is None or old not in replicas.nodes:
        return dataset
    nodes = (new if node == old else node for node in replicas.nodes)
    return replace(dataset, replicas=replace(replicas, nodes=tuple(dict.fromkeys(nodes))))


def _with_place_replaced(container: Container, old: NodeId, new: NodeId) -> Container:
    """The container, which may start on node `new` when its own is away if it might on `old`."""
    failover = container.failover
    if failover is None or old not in failover.nodes:
        return container
    nodes = dict.fromkeys(new if node == old else node for node in failover.nodes)
    return replace(container, failover=replace(failover, nodes=tuple(nodes)))


def _standbys_of_reinstalled(
    configuration: Configuration, old: NodeId, new: NodeId
) -> Iterator[Change]:
    """The changes by which a machine that was installed anew stands by as it did before."""
    for dataset in configuration.datasets.values():
        revised = _with_standby_replaced(dataset, old, new)
        if revised is not dataset:
            yield Change("datasets", dataset.dataset_id, revised)
    for container in configuration.containers.values():
        placed = _with_place_replaced(container, old, new)
        if placed is not container:
            yield Change("containers", container.name, placed)


def forgotten_requests(configuration: Configuration, node_id: NodeId) -> Iterator[Change]:
    """The changes that forget what a node was asked to pull in advance, and to destroy."""
    for identity, desired in configuration.images.items():
        if desired.node == node_id:
            yield Change("images", identity, None)
    for discard in configuration.discards.values():
        if node_id in discard.nodes:
            yield Change("discards", discard.name, discard.without({node_id}))


def _has_something(configuration: Configuration, node_id: NodeId) -> bool:
    return (
        any(container.node == node_id for container in configuration.containers.values())
        or any(dataset.primary == node_id for dataset in configuration.datasets.values())
        or any(grant.owner == node_id for grant in configuration.grants.values())
    )


def require_known_where_it_is(configuration: Configuration, container: Container) -> None:
    """Of an agent that never came nothing is known; it is looked at when it comes."""
    node = configuration.nodes[container.node]
    if not is_placeholder(node):
        require_fields_known(node, container)
