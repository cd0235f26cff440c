"""Edits by which a user has a replica destroyed that nobody needs any more, as pure functions.

The configuration has it among the discards, by the dataset's id; those of asides have longer names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flocker_lite.errors import Conflict, Fact, NotFound
from flocker_lite.model import discards
from flocker_lite.model.editing import existing_dataset
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.nodes import find_node
from flocker_lite.model.open_moves import move_of_dataset
from flocker_lite.model.records import Configuration, DatasetId, Edit, NodeId

_ELSEWHERE = (
    "what it has may be in no other copy: have the node stand by for the dataset, so that its "
    "copy becomes a replica again, or delete what was set aside"
)


def drop_copy(
    configuration: Configuration,
    dataset_id: DatasetId,
    where: str,
    held: Mapping[NodeId, Lease | None],
    is_away: Callable[[NodeId], bool],
) -> Edit:
    """Have the copy at that node destroyed; asking for it again changes nothing.

    `held` are the leases of all copies that nodes report. A node that is away does it when it is
    back. Conflict if the copy is needed, NotFound if there is none.
    """
    existing_dataset(configuration, dataset_id)
    node_id = find_node(configuration, where)
    address = configuration.nodes[node_id].address
    why = why_needed(configuration, dataset_id, node_id, held.get(node_id))
    if why is not None:
        raise Conflict(
            f"The copy at {address} cannot be dropped: {why}.", Fact(why, ("host",), where)
        )
    if node_id not in held and not is_away(node_id):
        raise NotFound(f"{address} has no copy of the dataset.")
    return discards.discard_all(configuration, {dataset_id: [node_id]})


def why_needed(
    configuration: Configuration, dataset_id: DatasetId, node_id: NodeId, lease: Lease | None
) -> str | None:
    """Why the copy at a node must not be dropped, in words; None if it may be."""
    dataset, grant = configuration.datasets[dataset_id], configuration.grants[dataset_id]
    if dataset.deleted:
        return "the dataset is deleted, and its copies with it"
    if node_id in (dataset.primary, grant.owner):
        return "it is the primary"
    if dataset.replicas is not None and node_id in dataset.replicas.nodes:
        return "the node stands by for the dataset; remove it from its replicas first"
    move = move_of_dataset(configuration, dataset_id)
    if move is not None and node_id in (move.source, move.destination):
        return "the dataset moves from or to there"
    if lease is not None and lease.role is not Role.REPLICA:
        return f"the node holds it as {lease.role.value}, so that {_ELSEWHERE}"
    return None


def without_drops(configuration: Configuration, dataset_id: DatasetId) -> Edit:
    """Take back the drops of copies that are needed by now."""
    known = configuration.discards.get(dataset_id)
    if known is None or dataset_id not in configuration.datasets:
        return Edit(configuration)
    needed = {
        node_id
        for node_id in known.nodes
        if why_needed(configuration, dataset_id, node_id, None) is not None
    }
    return discards.discarded(configuration, dataset_id, needed)
