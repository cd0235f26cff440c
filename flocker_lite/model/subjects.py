"""What moves, or fails over, as one."""

from __future__ import annotations

from dataclasses import dataclass

from flocker_lite.model.identities import DatasetId


@dataclass(frozen=True, slots=True)
class Subject:
    """What moves as one: a container with its datasets, or a lone dataset (`container` is None)."""

    container: str | None
    dataset_ids: tuple[DatasetId, ...] = ()
