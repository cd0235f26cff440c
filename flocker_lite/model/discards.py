"""Edits by which a user has asides destroyed, as pure functions."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from flocker_lite.errors import Conflict, NotFound
from flocker_lite.model.editing import edited
from flocker_lite.model.nodes import find_node
from flocker_lite.model.records import Change, Configuration, Discard, Edit, NodeId


def discard(
    configuration: Configuration, name: str, holders: Collection[NodeId], where: str | None = None
) -> Edit:
    """Have the aside of this name destroyed; asking for it again changes nothing.

    `holders` are the nodes that report it. Conflict when there are several and `where` is None.
    """
    nodes = set(holders)
    if where is not None:
        nodes &= {find_node(configuration, where)}
    if not nodes:
        raise NotFound("Nothing is set aside under that name.")
    if len(nodes) > 1:
        addresses = ", ".join(sorted(configuration.nodes[node].address for node in nodes))
        raise Conflict(
            f"Something is set aside under that name on {addresses}: choose one with ?host=."
        )
    return discard_all(configuration, {name: nodes})


def discard_all(configuration: Configuration, desired: Mapping[str, Collection[NodeId]]) -> Edit:
    """Have several asides destroyed; `desired` maps each name to its nodes."""
    changes = []
    for name, nodes in sorted(desired.items()):
        known = configuration.discards.get(name)
        both = {*nodes, *(known.nodes if known is not None else ())}
        changes.append(Change("discards", name, Discard(name, tuple(sorted(both)))))
    return edited(configuration, changes)


def discarded(configuration: Configuration, name: str, nodes: Collection[NodeId]) -> Edit:
    """Record that these nodes no longer have the aside."""
    known = configuration.discards.get(name)
    if known is None:
        return Edit(configuration)
    return edited(configuration, [Change("discards", name, known.without(nodes))])
