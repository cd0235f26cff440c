"""The edit by which a user settles who owns a dataset that a node claims without proof; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from flocker_lite.errors import Conflict
from flocker_lite.model.editing import AlreadyDeleted, edited, existing_dataset
from flocker_lite.model.nodes import address_of, find_node
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

    `held` has the epoch that each node reports to hold, `reporting` the nodes that report at all.
    A claim replaces a grant only if its epoch is later; or the same, if the grant's owner reports
    that it does not hold the dataset. Settling a settled claim again changes nothing.
    """
    if existing_dataset(configuration, dataset_id).deleted:
        raise AlreadyDeleted()
    node_id, grant = find_node(configuration, where), configuration.grants[dataset_id]
    if (grant.owner, grant.epoch) == (node_id, epoch):
        return Edit(configuration)
    if held.get(node_id) != epoch:
        raise Conflict(
            f"{address_of(configuration, node_id)} does not report that it holds the dataset as of "
            f"epoch {epoch}: GET /v1/state/datasets/{dataset_id} shows the claims."
        )
    may_hold = grant.owner in held or grant.owner not in reporting
    if epoch < grant.epoch or (epoch == grant.epoch and may_hold):
        raise Conflict(
            f"The dataset belongs to {address_of(configuration, grant.owner)} as of epoch "
            f"{grant.epoch}, and epoch {epoch} is not later."
        )
    return edited(
        configuration, [Change("grants", dataset_id, Grant(node_id, epoch, materialised=True))]
    )
