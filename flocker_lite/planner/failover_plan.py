"""What this node does about a failover: promote its copies, or give up those of a primary; pure.

A copy here is *replaced* when another node was granted the dataset since: this node's part in it is
over, whatever it was doing with it. That is decided before an unfinished handoff is continued,
because continuing that could start the container here.

    role here            what becomes of it, once the container is stopped and removed
    primary, releasing   deposed; then a snapshot keeps what it alone wrote, and it is a replica
    lent                 the same
    released             a replica: it ends with the snapshot that was handed over
    probation            given back: what it wrote is kept as a snapshot, and it is a replica
"""

from __future__ import annotations

from dataclasses import replace

from flocker_lite.model.lease import Role
from flocker_lite.model.membership import Fate
from flocker_lite.model.records import NodeId
from flocker_lite.model.state import LocalContainer
from flocker_lite.planner.changes import (
    DemoteDataset,
    IStateChange,
    RemoveContainer,
    SettleDataset,
)
from flocker_lite.planner.failover_changes import Promoted, PromoteDatasets, RejoinDataset
from flocker_lite.planner.groups import Group, GroupDataset
from flocker_lite.planner.move_changes import GiveBackDatasets, Moved
from flocker_lite.planner.move_plan import plan_unfinished_handoff

_HELD = (Role.PRIMARY, Role.RELEASING, Role.LENT)
_ACTIVE = (*_HELD, Role.RELEASED, Role.PROBATION)


def plan_replaced(me: NodeId, group: Group) -> list[IStateChange] | None:
    """Give up the datasets of a group that were granted to another node; None if there are none.

    A container is never started meanwhile, not even where only a part of its data is replaced.
    """
    replaced = [dataset for dataset in group.datasets if is_replaced(me, dataset)]
    if not replaced:
        return None
    given_back = [each for each in replaced if each.role is Role.PROBATION]
    if group.name is not None and _has_run(group.have):
        # Giving back ends the trial, and removes the container as its first step.
        return [_give_back(group, given_back)] if given_back else [RemoveContainer(group.name)]
    if group.tied:
        return []
    changes: list[IStateChange] = [_give_back(group, given_back)] if given_back else []
    for dataset in replaced:
        assert dataset.desired is not None
        assert dataset.local is not None
        assert dataset.local.lease is not None
        held, epoch = dataset.local.lease, dataset.desired.grant.epoch
        if held.role in _HELD:
            changes.append(DemoteDataset(dataset.dataset_id, held, epoch))
        elif held.role is Role.RELEASED:
            changes.append(SettleDataset(dataset.dataset_id, held))
    rest = tuple(dataset for dataset in group.datasets if dataset not in replaced)
    return changes + plan_unfinished_handoff(replace(group, datasets=rest), starts_again=False)


def is_replaced(me: NodeId, dataset: GroupDataset) -> bool:
    """Whether another node was granted the dataset while this one had a part in it.

    The grant that follows from this node's own handoff replaces nothing: the handoff goes on.
    """
    if dataset.role not in _ACTIVE or dataset.deleted or not dataset.superseded(me):
        return False
    assert dataset.desired is not None
    assert dataset.local is not None
    assert dataset.local.lease is not None
    held, grant = dataset.local.lease, dataset.desired.grant
    is_own_handoff = (
        dataset.fate is Fate.FORWARD
        and held.role in (Role.RELEASING, Role.LENT)
        and grant.owner == held.peer
        and grant.epoch <= held.epoch + 1
    )
    return not is_own_handoff


def plan_promotion(me: NodeId, group: Group) -> list[IStateChange] | None:
    """Promote what was granted to this node with a snapshot, all of the group at once; or None.

    What is still on trial here is given back before. A group of which a part just arrived, by a
    handoff that nobody can finish, goes back to the snapshots of one instant, as a whole.
    """
    due = [dataset for dataset in group.datasets if is_due(me, dataset)]
    if not due:
        return None
    deposed = [dataset for dataset in due if dataset.role is Role.DEPOSED]
    if deposed:
        return [change for dataset in deposed for change in plan_rejoining(me, dataset)]
    on_trial = [dataset for dataset in due if dataset.role is Role.PROBATION]
    if on_trial:
        return [_give_back(group, on_trial)]
    goes_on = all(_has_arrived(dataset) for dataset in group.datasets)
    if group.name is not None and _has_run(group.have) and not goes_on:
        return [RemoveContainer(group.name)]
    return [PromoteDatasets(tuple(map(_promoted, due)), group.name, goes_on)]


def is_due(me: NodeId, dataset: GroupDataset) -> bool:
    """Whether the copy here is to be promoted."""
    if dataset.desired is None or dataset.deleted or dataset.local is None:
        return False
    grant, held = dataset.desired.grant, dataset.local.lease
    if grant.owner != me or grant.snapshot is None or held is None:
        return False
    is_ours = held.role in (Role.REPLICA, Role.PRIMARY, Role.PROBATION, Role.DEPOSED)
    return is_ours and held.epoch < grant.epoch


def _has_arrived(dataset: GroupDataset) -> bool:
    """Whether it is primary here since the release that the promotion skipped, or promoted already.

    A primary of an earlier epoch was replaced meanwhile, without having heard of it.
    """
    if dataset.role is not Role.PRIMARY or dataset.desired is None or dataset.local is None:
        return False
    held = dataset.local.lease
    return held is not None and held.epoch >= dataset.desired.grant.epoch - 1


def plan_rejoining(me: NodeId, dataset: GroupDataset) -> list[IStateChange]:
    """Make a deposed copy a replica again, so that the new primary may send to it."""
    if dataset.role is not Role.DEPOSED or dataset.desired is None or dataset.local is None:
        return []
    if dataset.local.lease is None:
        return []
    if dataset.desired.grant.owner == me and not is_due(me, dataset):
        return []
    return [RejoinDataset(dataset.dataset_id, dataset.local.lease)]


def _has_run(have: LocalContainer | None) -> bool:
    """Whether it runs or ran here; one that only waits for data to arrive may stay."""
    return have is not None and (have.has_begun or have.last_exit is not None)


def _promoted(dataset: GroupDataset) -> Promoted:
    assert dataset.desired is not None
    assert dataset.local is not None
    assert dataset.local.lease is not None
    grant = dataset.desired.grant
    assert grant.snapshot is not None
    return Promoted(dataset.dataset_id, dataset.local.lease, grant.epoch, grant.snapshot)


def _give_back(group: Group, datasets: list[GroupDataset]) -> GiveBackDatasets:
    moved = tuple(
        Moved(each.dataset_id, each.local.lease)
        for each in datasets
        if each.local is not None and each.local.lease is not None
    )
    return GiveBackDatasets(moved, group.name)
