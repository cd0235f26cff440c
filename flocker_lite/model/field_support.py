"""Whether a node's agent knows all fields of a container.

An older agent would ignore a field that it does not know. Without `read_only` or `user`, say, the
container would run, but not as the user asked.
"""

from __future__ import annotations

from flocker_lite.errors import Conflict, Fact
from flocker_lite.model.fields import unknown_fields
from flocker_lite.model.records import Configuration, Container, Node
from flocker_lite.model.versions import NEWEST

RETRY_PROTOCOL = 2


class AgentTooOld(Conflict):
    """A container has fields that the agent of a node does not know; the facts name them."""


def require_fields_known(node: Node, container: Container) -> None:
    """AgentTooOld if the node's agent, as it last connected, does not know one of the fields."""
    facts = [
        Fact(
            f"container {container.name} has {row.name}, which agents know since protocol "
            f"{needed}; the agent of {node.address} speaks protocol {node.protocol}: upgrade it"
            # Nobody can leave out what he never set.
            + (f", or leave {row.name} out" if row.about.request is not None else "")
        )
        for row, needed in unknown_fields(container, node.protocol)
    ]
    if facts:
        raise AgentTooOld("The agent of the node is too old for a field of the container.", *facts)


def require_retries_known(node: Node) -> None:
    """AgentTooOld if the node's agent, as it last connected, would not notice a retry.

    Unlike a field, a retry in the past keeps no container from an older node.
    """
    if node.protocol < RETRY_PROTOCOL:
        raise AgentTooOld(
            "The agent of the node is too old for a retry.",
            Fact(
                f"agents know retries since protocol {RETRY_PROTOCOL}; the agent of "
                f"{node.address} speaks protocol {node.protocol}: upgrade it"
            ),
        )


def require_all_fields_known(configuration: Configuration, node: Node) -> None:
    """AgentTooOld if the node's agent does not know a field of a container configured there."""
    if node.protocol >= NEWEST:
        # Most agents are up to date; only for the others do we look at every container.
        return
    going = {
        move.container
        for move in configuration.moves.values()
        if node.node_id in (move.source, move.destination)
    }
    for container in configuration.containers.values():
        if container.node == node.node_id or container.name in going:
            require_fields_known(node, container)
