"""What one dataset needs on this node, moves apart; pure."""

from __future__ import annotations

from flocker_lite.model.lease import WRITERS, Role
from flocker_lite.model.records import NodeId
from flocker_lite.planner.changes import (
    CreateDataset,
    DeleteDataset,
    DropCopy,
    IStateChange,
    MountDataset,
    ResizeDataset,
)
from flocker_lite.planner.failover_plan import plan_rejoining
from flocker_lite.planner.groups import Group, GroupDataset


def plan_dataset(me: NodeId, dataset: GroupDataset, group: Group) -> list[IStateChange]:
    """Create, mount, resize or delete it, or have it rejoin; nothing for one outside the view."""
    desired, local = dataset.desired, dataset.local
    if desired is None:
        return []
    if desired.dataset.deleted:
        in_use = group.have is not None
        return [DeleteDataset(dataset.dataset_id)] if local is not None and not in_use else []
    if local is None:
        return list(plan_creation(me, dataset))
    if dataset.role is Role.DEPOSED:
        return plan_rejoining(me, dataset)
    if may_be_dropped(me, dataset, group):
        return [DropCopy(dataset.dataset_id)]
    if dataset.role is not Role.PRIMARY or local.lease is None:
        return []
    changes: list[IStateChange] = []
    starts = group.desired is not None
    # A volume of Docker's is mounted once the deadline of what uses it is renewed.
    if not local.mounted and not starts and not group.is_barred:
        changes.append(MountDataset(dataset.dataset_id))
    if local.maximum_size != desired.dataset.maximum_size:
        changes.append(ResizeDataset(dataset.dataset_id, desired.dataset.maximum_size))
    return changes


def may_be_dropped(me: NodeId, dataset: GroupDataset, group: Group) -> bool:
    """Whether the user gave this copy up, and it is a replica that is not needed here."""
    desired, local = dataset.desired, dataset.local
    if not dataset.is_given_up or desired is None or local is None or local.mounted:
        return False
    replicas = desired.dataset.replicas
    is_wanted = me in (desired.dataset.primary, desired.grant.owner) or desired.move is not None
    is_standby = replicas is not None and me in replicas.nodes
    is_replica = local.lease is None or local.lease.role is Role.REPLICA
    return is_replica and local.trouble is None and not (is_wanted or is_standby or group.have)


def plan_creation(me: NodeId, dataset: GroupDataset) -> list[IStateChange]:
    """Create a dataset that is granted to this node and that no node was ever seen to hold.

    That no agent reports a copy now is not enough: the agent that has it may be away.
    """
    desired = dataset.desired
    if desired is None or desired.dataset.deleted or dataset.local is not None:
        return []
    grant = desired.grant
    may_create = (
        grant.owner == me and grant.epoch == 1 and not grant.materialised and not desired.holders
    )
    if not may_create:
        return []
    return [CreateDataset(dataset.dataset_id, desired.dataset.maximum_size)]


def problem_with(me: NodeId, dataset: GroupDataset) -> str | None:
    """Why this node does not touch a copy, or does not create one, in words; else None."""
    desired = dataset.desired
    if dataset.trouble is not None:
        return dataset.trouble
    if dataset.role in WRITERS and dataset.lost is not None:
        return dataset.lost
    if desired is None or desired.dataset.deleted or dataset.local is not None:
        return None
    if desired.grant.owner != me or not desired.grant.materialised:
        return None
    return (
        "this node owns the dataset but no longer has a copy of it, and does not create an empty "
        "one in its place: bring the pool back, or delete the dataset"
    )
