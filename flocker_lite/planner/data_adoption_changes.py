"""The changes by which a volume, a directory or a filesystem becomes a dataset by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from zope.interface import implementer

from flocker_lite.model.adoption import FILESYSTEM
from flocker_lite.model.records import DatasetId, Move
from flocker_lite.model.state import NodeView
from flocker_lite.planner.changes import IStateChange, ShortChange
from flocker_lite.planner.resources import DatasetResource, Resource


def adoption_of(view: NodeView, dataset_id: DatasetId) -> Move | None:
    """The open adoption of a dataset that no container has; None when there is none."""
    desired = view.datasets.get(dataset_id)
    move = desired.move if desired is not None else None
    is_it = move is not None and move.adoption is not None and move.container is None
    return move if is_it else None


def filesystem_of(move: Move) -> str | None:
    """The name of the filesystem that an adoption renames; None when it copies."""
    kind, _, name = move.adoption.instance.partition(":") if move.adoption else ("", "", "")
    return name if kind == FILESYSTEM else None


@dataclass(frozen=True)
class DataAdoptionChange(ShortChange):
    """Base of the changes of a dataset that is adopted by itself."""

    dataset_id: DatasetId

    @property
    def resources(self) -> frozenset[Resource]:
        return frozenset({DatasetResource(self.dataset_id)})


@implementer(IStateChange)
@dataclass(frozen=True)
class CopyData(DataAdoptionChange):
    """Copy the data until nothing is left to copy. It can be cancelled at any time."""

    transfers: ClassVar[bool] = True
    move: Move

    def withdrawn_by(self, view: NodeView) -> bool:
        move = adoption_of(view, self.dataset_id)
        return move is None or move.adoption is None or move.adoption.cancelled


@implementer(IStateChange)
@dataclass(frozen=True)
class TakeFilesystem(DataAdoptionChange):
    """Rename a filesystem of the pool, so that it is the dataset."""

    move: Move


@implementer(IStateChange)
@dataclass(frozen=True)
class LeaveData(DataAdoptionChange):
    """Write down that the adoption is given up: what is copied already is of no use."""

    move_id: str
    why: str
    filesystem: str | None = None


@implementer(IStateChange)
@dataclass(frozen=True)
class ForgetDataAdoption(DataAdoptionChange):
    """Forget an adoption that is over, now that the cluster knows how it ended."""
