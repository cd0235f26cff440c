"""What a primary reports of its replication to one standby."""

from __future__ import annotations

from dataclasses import dataclass

from flocker_lite.model.identities import DatasetId, NodeId

SEEDING = "seeding"
"""The standby has no copy yet, and everything is sent."""

REPLICATING = "replicating"
"""An increment is under way."""

WAITING = "waiting"
"""The copy is as fresh as it has to be."""

BLOCKED = "blocked"
"""The last attempt failed, or none can be made; `last_error` says why."""


@dataclass(frozen=True, slots=True)
class Replication:
    """The replication of a dataset from the node that reports it to `standby`.

    `phase` is one of the words above. `sent_bytes` and `expected_bytes` are those of what is under
    way. `lag_bytes` is what the standby is known to lack. `taken_at` is when the newest set that is
    complete there was taken, and `next_try_at` when a failed attempt is repeated, both in seconds
    since 1970.
    """

    dataset_id: DatasetId
    standby: NodeId
    phase: str
    sent_bytes: int | None = None
    expected_bytes: int | None = None
    lag_bytes: int | None = None
    last_error: str | None = None
    next_try_at: float | None = None
    taken_at: float | None = None


@dataclass(frozen=True, slots=True)
class StandbyBase:
    """What a primary remembers of one standby's copy, for as long as the standby is away.

    `guid` is that of the dataset's snapshot in the newest set that is complete there; the next
    increment starts from it. `taken_at` is when that set was taken, in seconds since 1970.
    `let_go_at` is when the snapshot was given up here, because it held too much of the pool.
    """

    guid: str | None
    taken_at: float
    let_go_at: float | None = None


def replication_key(dataset_id: DatasetId, standby: NodeId) -> str:
    """The key of a replication among those that a node reports."""
    return f"{dataset_id}/{standby}"


def dataset_of(key: str) -> DatasetId:
    """The dataset of a `replication_key`."""
    return key.partition("/")[0]
