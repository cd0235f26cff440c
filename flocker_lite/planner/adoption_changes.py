"""The changes by which a node adopts a container of Docker's, or puts everything back.

The order of the durable steps makes it safe: see `model.adoption`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from zope.interface import implementer

from flocker_lite.model.records import Container, DatasetId, Move
from flocker_lite.model.state import NodeView
from flocker_lite.planner.changes import IStateChange, ShortChange
from flocker_lite.planner.resources import ContainerResource, DatasetResource, Resource


def is_wanted(view: NodeView, name: str, move_id: str) -> bool:
    """Whether users still want this adoption, of the container that is called so here."""
    move = view.adoptions.get(name)
    if move is None or move.adoption is None or name not in view.containers:
        return False
    return move.move_id == move_id and not move.adoption.cancelled


@dataclass(frozen=True)
class AdoptionChange(ShortChange):
    """Base of the changes of a container, by its name here, that is adopted with its datasets."""

    name: str
    dataset_ids: tuple[DatasetId, ...]

    @property
    def resources(self) -> frozenset[Resource]:
        datasets = (DatasetResource(dataset_id) for dataset_id in self.dataset_ids)
        return frozenset({ContainerResource(self.name), *datasets})


@implementer(IStateChange)
@dataclass(frozen=True)
class CopyForeign(AdoptionChange):
    """Prepare our container, and copy the data of the other one while that runs.

    It ends when the rest is small. It can be cancelled at any time, because the container does not
    notice it.
    """

    transfers: ClassVar[bool] = True
    move: Move
    container: Container

    def withdrawn_by(self, view: NodeView) -> bool:
        return not is_wanted(view, self.name, self.move.move_id)


@implementer(IStateChange)
@dataclass(frozen=True)
class TakeOver(AdoptionChange):
    """Stop the other container, copy the rest, and have ours serve in its place.

    It looks by itself whether it is still wanted: a stop that Docker was asked for cannot be
    cancelled. Whatever fails before the commit point leaves a note from which `ReturnForeign`
    brings the service back.
    """

    move: Move
    container: Container


@implementer(IStateChange)
@dataclass(frozen=True)
class ReturnForeign(AdoptionChange):
    """Remove our container, and have the other one as it was before the adoption stopped it."""

    move_id: str
    why: str
    ports: tuple[int, ...] = ()


@implementer(IStateChange)
@dataclass(frozen=True)
class ForgetAdoption(AdoptionChange):
    """Forget an adoption that is over, now that the cluster knows how it ended."""
