"""What a node reports of the copies at its standbys; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pyrsistent import PMap, pmap

from flocker_lite.model.records import NodeId
from flocker_lite.model.replication import (
    BLOCKED,
    REPLICATING,
    SEEDING,
    WAITING,
    Replication,
    replication_key,
)
from flocker_lite.model.state import NodeView
from flocker_lite.planner.backoff import Failed
from flocker_lite.planner.groups import Group, GroupDataset
from flocker_lite.planner.replication_plan import Copies, may_replicate, standbys_of
from flocker_lite.planner.resources import CopyResource, Resource

AWAY = "its agent is away"
LET_GO = (
    "the snapshot from which an increment would start held too much of the pool here and was let "
    "go of: it will be sent anew"
)


def replications(
    me: NodeId,
    found: Iterable[Group],
    view: NodeView,
    copies: Copies,
    failed: Mapping[Resource, Failed],
) -> PMap[str, Replication]:
    """What is known of each copy that this node is to keep fresh, by `replication_key`."""
    reported: dict[str, Replication] = {}
    for group in found:
        if not may_replicate(me, group):
            continue
        for dataset in group.datasets:
            for standby in standbys_of(dataset):
                key = replication_key(dataset.dataset_id, standby)
                failure = failed.get(CopyResource(dataset.dataset_id, standby))
                reported[key] = _replication(dataset, standby, view, copies, failure)
    return pmap(reported)


def _replication(
    dataset: GroupDataset,
    standby: NodeId,
    view: NodeView,
    copies: Copies,
    failure: Failed | None,
) -> Replication:
    key = replication_key(dataset.dataset_id, standby)
    base, progress = copies.bases.get(key), copies.going_on.get(key)
    taken_at = base.taken_at if base is not None else None
    error = failure.error if failure is not None else None
    if standby in view.away:
        error = AWAY
    if base is not None and base.let_go_at is not None:
        error = f"{error}; {LET_GO}" if error is not None else LET_GO
    lag_bytes = copies.lag_bytes.get(key)
    if progress is not None:
        return Replication(
            dataset.dataset_id,
            standby,
            SEEDING if progress.is_seed else REPLICATING,
            progress.sent_bytes,
            progress.expected_bytes,
            lag_bytes,
            error,
            taken_at=taken_at,
        )
    again = failure.until_seconds if failure is not None and standby not in view.away else None
    return Replication(
        dataset.dataset_id,
        standby,
        BLOCKED if error is not None else WAITING,
        lag_bytes=lag_bytes,
        last_error=error,
        next_try_at=again or None,
        taken_at=taken_at,
    )
