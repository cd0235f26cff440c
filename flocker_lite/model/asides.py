"""Copies of datasets, or parts of them, that were set aside since nobody else has them."""

from __future__ import annotations

from dataclasses import dataclass

from flocker_lite.model.records import DatasetId


@dataclass(frozen=True, slots=True)
class AsideCopy:
    """What was set aside of a dataset's copy, since nobody else had it.

    `name` tells it from what else was set aside on its node. `size_bytes` is what it takes up
    itself: what it shares with the copy that goes on is not counted. `set_aside_at` is in seconds
    since 1970.
    """

    name: str
    dataset_id: DatasetId
    reason: str
    set_aside_at: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class AsideState:
    """What an agent reports of what was set aside; the error is that of its destruction."""

    dataset_id: DatasetId
    reason: str
    set_aside_at: int
    size_bytes: int
    error: str | None = None
    next_try_at: float | None = None
