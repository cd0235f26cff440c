"""The nodes of a configuration: how they are named, and how they become part of it.

A *placeholder* stands for a machine whose agent has not announced itself yet; only a control
service that accepts unknown nodes makes any. Its UUID is made of its address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import replace
from uuid import UUID, uuid5

from pyrsistent import PMap, pmap

from flocker_lite.model.editing import Clash, UnknownNode, edited
from flocker_lite.model.records import Change, Configuration, Edit, Node, NodeId, SshKeys

_PLACEHOLDERS = UUID("6f1c1e1c-6a0f-4d55-9a55-0c9b8f8b3f5e")


def find_node(configuration: Configuration, where: str) -> NodeId:
    """The node that `where`, an address or a UUID, names; UnknownNode when there is none."""
    if where.lower() in configuration.nodes:
        return where.lower()
    node_id = node_at(configuration, canonical_address(where))
    if node_id is None:
        raise UnknownNode(where, configuration.nodes.values())
    return node_id


class _Memory:
    """The map that was asked for last, and the answer: nodes seldom come and go."""

    nodes: PMap[NodeId, Node] = pmap()
    by_address: Mapping[str, NodeId] = {}
    by_key: Mapping[str, NodeId] = {}


_memory = _Memory()


def node_at(configuration: Configuration, address: str) -> NodeId | None:
    """The node of a canonical address, without a look at all of them each time."""
    return _remembered(configuration).by_address.get(address)


def _node_with(configuration: Configuration, keys: SshKeys | None) -> NodeId | None:
    """The node whose agent has this ssh key."""
    return _remembered(configuration).by_key.get(keys.public_key) if keys is not None else None


def _remembered(configuration: Configuration) -> _Memory:
    nodes = configuration.nodes
    if _memory.nodes is not nodes:
        _memory.by_address = {node.address: node.node_id for node in nodes.values()}
        _memory.by_key = {
            node.ssh_keys.public_key: node.node_id
            for node in nodes.values()
            if node.ssh_keys is not None
        }
        _memory.nodes = nodes
    return _memory


def canonical_address(text: str) -> str:
    """The one way in which we write an IP address."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text.lower()


def is_address(text: str) -> bool:
    """Whether it is an IP address, of either kind."""
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
    return node == placeholder(node.address)


def expect_node(configuration: Configuration, where: str) -> Edit:
    """Have a node of this address, a placeholder unless it is known; UnknownNode for a UUID."""
    try:
        find_node(configuration, where)
    except UnknownNode:
        if not is_address(where):
            raise
        node = placeholder(where)
        return edited(configuration, [Change("nodes", node.node_id, node)])
    return Edit(configuration)


def announce_node(configuration: Configuration, node: Node) -> Edit:
    """A node said which address it has.

    All that was put on the placeholder of the address is the node's own from now on. Another node
    that had the address gives way when nothing was ever put on it (it was installed anew, say);
    otherwise Clash. So is one with the ssh key of another: nobody could tell the two apart.
    """
    node = replace(node, address=canonical_address(node.address))
    changes = [Change("nodes", node.node_id, node)]
    other = node_at(configuration, node.address)
    if other is not None and other != node.node_id:
        changes += _superseded(configuration, configuration.nodes[other], node)
    double = _node_with(configuration, node.ssh_keys)
    if double not in (None, node.node_id, other):
        raise Clash(
            f"the ssh key of node {node.node_id} is that of node {double}: remove the directory "
            "`ssh` in the state-path of the one that is a copy, and restart its agent."
        )
    return edited(configuration, changes)


def _superseded(configuration: Configuration, other: Node, node: Node) -> list[Change]:
    """What becomes of a node and of what is on it when another one announces its address."""
    changes: list[Change] = []
    if is_placeholder(other):
        changes += _inherited(configuration, other.node_id, node.node_id)
    elif _has_something(configuration, other.node_id):
        raise Clash(
            f"{node.address} is the address of node {other.node_id}, which has datasets: "
            f"give that identity back to its agent, or node {node.node_id} another address."
        )
    else:
        changes += _forgotten_images(configuration, other.node_id)
        changes += _forgotten_discards(configuration, other.node_id)
    return [*changes, Change("nodes", other.node_id, None)]


def _inherited(configuration: Configuration, old: NodeId, new: NodeId) -> Iterator[Change]:
    """Everything of node `old` as that of node `new`."""
    for kind, field in (
        ("datasets", "primary"),
        ("containers", "node"),
        ("grants", "owner"),
        ("leases", "node"),
        ("images", "node"),
        ("moves", "source"),
        ("moves", "destination"),
    ):
        for identity, record in getattr(configuration, kind).items():
            if getattr(record, field) == old:
                yield Change(kind, identity, replace(record, **{field: new}))


def _forgotten_images(configuration: Configuration, node_id: NodeId) -> Iterator[Change]:
    for identity, wish in configuration.images.items():
        if wish.node == node_id:
            yield Change("images", identity, None)


def _forgotten_discards(configuration: Configuration, node_id: NodeId) -> Iterator[Change]:
    for wish in configuration.discards.values():
        if node_id in wish.nodes:
            yield Change("discards", wish.name, wish.without({node_id}))


def _has_something(configuration: Configuration, node_id: NodeId) -> bool:
    return (
        any(container.node == node_id for container in configuration.containers.values())
        or any(dataset.primary == node_id for dataset in configuration.datasets.values())
        or any(grant.owner == node_id for grant in configuration.grants.values())
    )
