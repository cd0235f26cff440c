"""What one dataset needs on this node, other than leaving it; pure."""

from __future__ import annotations

from flocker_lite.convergence.changes import (
    CreateDataset,
    DeleteDataset,
    DeposeDataset,
    IStateChange,
    MountDataset,
    ResizeDataset,
)
from flocker_lite.convergence.groups import Group, GroupDataset
from flocker_lite.model.lease import WRITERS, Role
from flocker_lite.model.records import NodeId


def plan_dataset(me: NodeId, dataset: GroupDataset, group: Group) -> list[IStateChange]:
    """Create, mount, resize, delete or depose it; nothing for what nobody told us of."""
    wanted, local = dataset.wanted, dataset.local
    if wanted is None:
        return []
    if wanted.dataset.deleted:
        in_use = group.have is not None
        return [DeleteDataset(dataset.dataset_id)] if local is not None and not in_use else []
    if local is None:
        return list(plan_creation(me, dataset))
    if dataset.role is not Role.PRIMARY or local.lease is None:
        return []
    if dataset.superseded(me):
        running = group.have is not None and group.have.has_begun
        depose = DeposeDataset(dataset.dataset_id, local.lease, wanted.grant.epoch)
        return [] if running else [depose]
    changes: list[IStateChange] = []
    starts = group.wanted is not None
    if not local.mounted and not starts:
        changes.append(MountDataset(dataset.dataset_id))
    if local.maximum_size != wanted.dataset.maximum_size:
        changes.append(ResizeDataset(dataset.dataset_id, wanted.dataset.maximum_size))
    return changes


def plan_creation(me: NodeId, dataset: GroupDataset) -> list[IStateChange]:
    """Only what no node was ever seen to hold, and what is granted to this node, is created.

    That nobody reports it is no reason: an agent that is away is not a dataset that does not
    exist.
    """
    wanted = dataset.wanted
    if wanted is None or wanted.dataset.deleted or dataset.local is not None:
        return []
    grant = wanted.grant
    may_create = (
        grant.owner == me and grant.epoch == 1 and not grant.materialised and not wanted.holders
    )
    if not may_create:
        return []
    return [CreateDataset(dataset.dataset_id, wanted.dataset.maximum_size)]


def wrong(me: NodeId, dataset: GroupDataset) -> str | None:
    """Why nothing is done with a copy, or none is made where it belongs, in words; else None."""
    wanted = dataset.wanted
    if dataset.trouble is not None:
        return dataset.trouble
    if dataset.role in WRITERS and dataset.lost is not None:
        return dataset.lost
    if wanted is None or wanted.dataset.deleted or dataset.local is not None:
        return None
    if wanted.grant.owner != me or not wanted.grant.materialised:
        return None
    return (
        "this node is the owner of the dataset but has no copy of it any more; an empty one is "
        "not made in its place: bring the pool back, or delete the dataset"
    )
