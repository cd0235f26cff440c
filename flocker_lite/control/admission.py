"""Decides by the configuration whether to admit the agent of a node."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from flocker_lite.control.absences import Absences
from flocker_lite.model import edits
from flocker_lite.model.field_support import AgentTooOld
from flocker_lite.model.records import Configuration, Edit, Forgotten, Node
from flocker_lite.protocol.link import NodeForgotten, Refused


def admission_edit(configuration: Configuration, node: Node, absences: Absences) -> Edit:
    """The edit that records what the agent says of its node; Refused if we cannot admit it.

    An agent that is too old for its containers would lose some of their fields. In that case the
    state of its node says so. A node that was forgotten is told that.
    """
    tombstone = configuration.forgotten.get(node.node_id)
    if tombstone is not None:
        absences.knocked(node.node_id)
        raise NodeForgotten(why_forgotten(tombstone))
    try:
        return edits.announce_node(configuration, node)
    except AgentTooOld as error:
        reason = "; ".join(fact.text for fact in error.facts)
        absences.refused(node.node_id, reason)
        raise Refused(reason) from None
    except edits.EDIT_ERRORS as error:
        raise Refused(str(error)) from None


def why_forgotten(tombstone: Forgotten) -> str:
    """What a node that was forgotten is told."""
    node_id, address = tombstone.node_id, tombstone.address
    moment = datetime.fromtimestamp(tombstone.forgotten_at, UTC)
    return (
        f"node {node_id} at {address} was forgotten at {moment:%Y-%m-%d %H:%M:%S} UTC: it touches "
        f"nothing until a person lets it in again: `flockerctl readmit {address}`, or POST "
        f'/v1/configuration/nodes/{node_id} {{"forgotten": false}}; or remove its identity file so '
        "that it joins as a new node"
    )


def can_be_recorded_later(configuration: Configuration, node: Node) -> bool:
    """Whether to admit an agent when the edit cannot be stored, because the disk is full, say.

    We do if nothing but a later protocol is new: we just tell the agent less, as on record.
    """
    known = configuration.nodes.get(node.node_id)
    address = edits.canonical_address(node.address)
    return (
        known is not None
        and known.protocol <= node.protocol
        and known
        == replace(node, address=address, protocol=known.protocol, schedulable=known.schedulable)
    )
