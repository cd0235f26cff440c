"""Copies of datasets, or parts of them, that a node set aside because no other node has them."""

from __future__ import annotations

from dataclasses import dataclass

from flocker_lite.model.records import DatasetId


@dataclass(frozen=True, slots=True)
class AsideCopy:
    """A copy of a dataset, or a part of one, that was set aside because no other node had it.

    `name` is unique on its node. `size_bytes` counts only what this aside occupies itself, not what
    it shares with the copy that is still in use. `set_aside_at` is in seconds since 1970.
    """

    name: str
    dataset_id: DatasetId
    reason: str
    set_aside_at: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class AsideState:
    """What an agent reports of an aside; `error` says why the agent could not destroy it."""

    dataset_id: DatasetId
    reason: str
    set_aside_at: int
    size_bytes: int
    error: str | None = None
    next_try_at: float | None = None
