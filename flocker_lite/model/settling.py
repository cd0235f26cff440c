"""A user says which node owns a dataset that a node claims and nobody can verify; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from flocker_lite.model.editing import AlreadyDeleted, Clash, edited, existing_dataset
from flocker_lite.model.nodes import find_node
from flocker_lite.model.records import Change, Configuration, DatasetId, Edit, Grant, NodeId


def settle_dataset(
    configuration: Configuration,
    dataset_id: DatasetId,
    where: str,
    epoch: int,
    held: Mapping[NodeId, int],
    reporting: Collection[NodeId],
) -> Edit:
    """Grant the dataset to the node `where`, which reports that it holds it as of `epoch`.

    `held` has the epochs that nodes report to hold, `reporting` the nodes that report at all. Only
    a later epoch takes the place of a grant; or the same, when its owner is known not to hold the
    dataset. Settled already, it changes nothing.
    """
    if existing_dataset(configuration, dataset_id).deleted:
        raise AlreadyDeleted()
    node_id, grant = find_node(configuration, where), configuration.grants[dataset_id]
    if (grant.owner, grant.epoch) == (node_id, epoch):
        return Edit(configuration)
    if held.get(node_id) != epoch:
        raise Clash(
            f"{_address(configuration, node_id)} does not report that it holds the dataset as of "
            f"epoch {epoch}: GET /v1/state/datasets/{dataset_id} shows what is claimed."
        )
    may_hold = grant.owner in held or grant.owner not in reporting
    if epoch < grant.epoch or (epoch == grant.epoch and may_hold):
        raise Clash(
            f"The dataset belongs to {_address(configuration, grant.owner)} as of epoch "
            f"{grant.epoch}, and epoch {epoch} is not later."
        )
    return edited(
        configuration, [Change("grants", dataset_id, Grant(node_id, epoch, materialised=True))]
    )


def _address(configuration: Configuration, node_id: NodeId) -> str:
    node = configuration.nodes.get(node_id)
    return node.address if node is not None else f"node {node_id}"
