"""Snapshot sets: what a standby can be promoted from."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyrsistent import PMap, pmap

from flocker_lite.model.identities import DatasetId


@dataclass(frozen=True, slots=True)
class SnapshotSet:
    """The snapshots of all datasets of a group that were taken together and have all arrived.

    `snapshots` has the guid of each dataset's snapshot. `epoch` is the primary's epoch of the first
    of these datasets by id. `taken_at` is when the primary took them, by its own clock, in seconds
    since 1970. On a ZFS that takes several snapshots at once they show one instant.
    """

    epoch: int
    taken_at: float
    snapshots: PMap[DatasetId, str] = field(default_factory=pmap)
