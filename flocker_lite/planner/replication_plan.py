"""When the copies at a node's standbys are due; pure.

A set that was taken at T is as old as the RPO allows at T + RPO. Until then the next one has to be
complete, so it is due earlier by what the last ones took, from when they were due: so much that
they waited for others counts as well. Nothing is sent towards a node that is known to be away, nor
while the group moves or is in trouble.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from pyrsistent import PMap, pmap

from flocker_lite.model.lease import Role
from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.model.replicas import Replicas
from flocker_lite.model.replication import StandbyBase, replication_key
from flocker_lite.model.snapshot_sets import SnapshotSet
from flocker_lite.model.state import NodeView
from flocker_lite.planner.groups import Group, GroupDataset
from flocker_lite.planner.move_changes import Moved
from flocker_lite.planner.replication_changes import ReplicateDatasets, ReviewBases, TowardsStandby

MARGIN_FACTOR = 2.0
"""How much longer than the last ones the next one may take."""

MARGIN_SECONDS = 0.5
FIRST_SECONDS = 1.0
"""What an increment is assumed to take before one was sent."""

FORGET_FACTOR = 0.8
"""How fast a long one is forgotten: the next is expected to take at least so much of it."""

SHARED_AGE = 0.2
"""A set that is younger than this part of the RPO is sent to a second standby as well."""

REVIEW_SECONDS = 60.0
"""How often the bases of standbys that are away are looked at."""


@dataclass(frozen=True, slots=True)
class CopyProgress:
    """What goes on towards one standby, for one dataset; byte counts are of what is under way."""

    is_seed: bool = False
    sent_bytes: int | None = None
    expected_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Copies:
    """What a node knows of the copies at its standbys, by `replication_key`.

    `bases` are written down. `took_seconds` is how long sets took from when they were due,
    `reviewed_at` when a base was looked at, by the agent's clock, and `lag_bytes` what a copy was
    seen to lack after an attempt that failed; the agent forgets them when it ends, and what is
    `going_on`. `in_use` are the guids of the snapshots that are on their way, or were sent last.
    `sets` are those that are complete here, which are written down as well. `unneeded_since` is
    when a snapshot here was first seen to be needed by nobody, by its guid. `now` is the time by
    that clock: no set was taken later, whatever the clock was.
    """

    bases: PMap[str, StandbyBase] = field(default_factory=pmap)
    took_seconds: PMap[str, float] = field(default_factory=pmap)
    reviewed_at: PMap[str, float] = field(default_factory=pmap)
    lag_bytes: PMap[str, int] = field(default_factory=pmap)
    going_on: PMap[str, CopyProgress] = field(default_factory=pmap)
    now: float = math.inf
    in_use: PMap[str, frozenset[str]] = field(default_factory=pmap)
    sets: PMap[DatasetId, SnapshotSet] = field(default_factory=pmap)
    unneeded_since: PMap[str, float] = field(default_factory=pmap)


def learnt_seconds(before: float | None, took: float) -> float:
    """What the next set is expected to take, after one that took so long."""
    return took if before is None else max(took, before * FORGET_FACTOR)


def due_at(copies: Copies, key: str, rpo_seconds: float) -> float:
    """When the next set of a copy is to begin; 0 for at once."""
    base, took_seconds = copies.bases.get(key), copies.took_seconds.get(key)
    if base is None:
        return 0.0
    expected = FIRST_SECONDS if took_seconds is None else took_seconds
    ahead = expected * MARGIN_FACTOR + MARGIN_SECONDS
    return min(base.taken_at, copies.now) + max(rpo_seconds - ahead, 0.0)


def plan_copies(me: NodeId, group: Group, view: NodeView, copies: Copies) -> list[TowardsStandby]:
    """A change for each standby of the group, with when it is due."""
    if not may_replicate(me, group):
        return []
    found = [
        change
        for standby in _standbys(group.datasets)
        if (change := _towards(standby, group, view, copies)) is not None
    ]
    return _together(group, found)


def _together(group: Group, found: list[TowardsStandby]) -> list[TowardsStandby]:
    """Have standbys that are due at about the same time get the same set."""
    increments = [each for each in found if isinstance(each, ReplicateDatasets) if not each.is_seed]
    earliest = min((each.due_at for each in increments), default=math.inf)
    rpo_seconds = [
        replicas.rpo_seconds for each in group.datasets if (replicas := replicas_of(each))
    ]
    latest = earliest + SHARED_AGE * min(rpo_seconds, default=0.0)
    return [
        replace(each, due_at=earliest) if each in increments and each.due_at <= latest else each
        for each in found
    ]


def may_replicate(me: NodeId, group: Group) -> bool:
    """Whether all of its data is here, and is to stay."""
    if group.trouble is not None or group.lost is not None or group.tied or group.shared:
        return False
    return bool(group.datasets) and all(is_at_rest(me, dataset) for dataset in group.datasets)


def standbys_of(dataset: GroupDataset) -> tuple[NodeId, ...]:
    """The nodes that are to have a copy of it."""
    replicas = replicas_of(dataset)
    if replicas is None or dataset.desired is None:
        return ()
    return replicas.standbys(dataset.desired.grant.owner)


def replicas_of(dataset: GroupDataset) -> Replicas | None:
    """What the user wants of the copies of a dataset."""
    if dataset.desired is None or dataset.desired.dataset.deleted:
        return None
    return dataset.desired.dataset.replicas


def is_at_rest(me: NodeId, dataset: GroupDataset) -> bool:
    """Whether this node is its primary, is to remain so, and nothing moves."""
    desired, local = dataset.desired, dataset.local
    if desired is None or local is None or local.lease is None or desired.dataset.deleted:
        return False
    return (
        local.lease.role is Role.PRIMARY
        and desired.dataset.primary == me
        and desired.move is None
        # A standby receives only from whom it knows to be the owner.
        and (desired.grant.owner, desired.grant.epoch) == (me, local.lease.epoch)
    )


def _standbys(datasets: Iterable[GroupDataset]) -> list[NodeId]:
    return sorted({standby for dataset in datasets for standby in standbys_of(dataset)})


def _towards(
    standby: NodeId, group: Group, view: NodeView, copies: Copies
) -> TowardsStandby | None:
    members = [dataset for dataset in group.datasets if standby in standbys_of(dataset)]
    moved = tuple(
        Moved(each.dataset_id, each.local.lease)
        for each in sorted(members, key=lambda each: each.dataset_id)
        if each.local is not None and each.local.lease is not None
    )
    keys = [replication_key(each.dataset_id, standby) for each in moved]
    if standby in view.away:
        if all(key not in copies.bases or copies.bases[key].guid is None for key in keys):
            return None
        reviewed_at = max(copies.reviewed_at.get(key, 0.0) for key in keys)
        return ReviewBases(moved, standby, reviewed_at + REVIEW_SECONDS)
    addresses = [each.desired.addresses.get(standby) for each in members if each.desired]
    address = next(filter(None, addresses), None)
    if address is None:
        return None
    due = min(
        due_at(copies, key, replicas.rpo_seconds)
        for key, each in zip(keys, sorted(members, key=lambda each: each.dataset_id), strict=True)
        if (replicas := replicas_of(each)) is not None
    )
    is_seed = any(key not in copies.bases or copies.bases[key].guid is None for key in keys)
    return ReplicateDatasets(moved, standby, due, address, is_seed)
