"""What was set aside and is to be destroyed: what a user may do about it, as pure functions."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from flocker_lite.model.editing import Clash, Missing, edited
from flocker_lite.model.nodes import find_node
from flocker_lite.model.records import Change, Configuration, Discard, Edit, NodeId


def discard(
    configuration: Configuration, name: str, holders: Collection[NodeId], where: str | None = None
) -> Edit:
    """Have what was set aside under that name destroyed; wanting it again changes nothing.

    `holders` are the nodes that report it. Clash when there are several and it is not said which.
    """
    nodes = set(holders)
    if where is not None:
        nodes &= {find_node(configuration, where)}
    if not nodes:
        raise Missing("Nothing is set aside under that name.")
    if len(nodes) > 1:
        addresses = ", ".join(sorted(configuration.nodes[node].address for node in nodes))
        raise Clash(f"Something is set aside under that name on {addresses}: say which by ?host=.")
    return discard_all(configuration, {name: nodes})


def discard_all(configuration: Configuration, wanted: Mapping[str, Collection[NodeId]]) -> Edit:
    """Have all of these destroyed, each on these nodes."""
    changes = []
    for name, nodes in sorted(wanted.items()):
        known = configuration.discards.get(name)
        both = {*nodes, *(known.nodes if known is not None else ())}
        changes.append(Change("discards", name, Discard(name, tuple(sorted(both)))))
    return edited(configuration, changes)


def discarded(configuration: Configuration, name: str, nodes: Collection[NodeId]) -> Edit:
    """These nodes do not have it any more."""
    known = configuration.discards.get(name)
    if known is None:
        return Edit(configuration)
    return edited(configuration, [Change("discards", name, known.without(nodes))])
