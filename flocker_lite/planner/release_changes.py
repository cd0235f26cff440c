"""The changes by which a node releases a container to Docker alone, or puts everything back.

The order of the durable steps makes it safe: see `model.releasing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from zope.interface import implementer

from flocker_lite.model.adoption import AdoptionNote
from flocker_lite.model.records import Container, HealthCheck, Move
from flocker_lite.model.state import NodeView
from flocker_lite.planner.adoption_changes import AdoptionChange
from flocker_lite.planner.changes import IStateChange


def is_wanted(view: NodeView, name: str, move_id: str) -> bool:
    """Whether users still want this release, of the container that is called so here."""
    move = view.adoptions.get(name)
    if move is None or move.release is None or name not in view.containers:
        return False
    return move.move_id == move_id and not move.release.cancelled


@implementer(IStateChange)
@dataclass(frozen=True)
class CopyOut(AdoptionChange):
    """Make the volumes, and copy the data of a container into them while it runs.

    It ends when the rest is small. It can be cancelled at any time, because the container does not
    notice it.
    """

    transfers: ClassVar[bool] = True
    move: Move

    def withdrawn_by(self, view: NodeView) -> bool:
        return not is_wanted(view, self.name, self.move.move_id)


@implementer(IStateChange)
@dataclass(frozen=True)
class GiveBack(AdoptionChange):
    """Stop our container, copy the rest, and have a plain one serve in its place.

    It looks by itself whether it is still wanted: a stop that Docker was asked for cannot be
    cancelled. Whatever fails before the commit point leaves a note from which `ResumeOurs` brings
    the service back.
    """

    move: Move
    container: Container


@implementer(IStateChange)
@dataclass(frozen=True)
class ResumeOurs(AdoptionChange):
    """Remove the plain container and its volumes, and have ours run again if it was stopped.

    With `starts` off a user has deleted ours meanwhile.
    """

    note: AdoptionNote
    why: str
    ports: tuple[int, ...] = ()
    health_check: HealthCheck | None = None
    starts: bool = True


@implementer(IStateChange)
@dataclass(frozen=True)
class CompleteRelease(AdoptionChange):
    """Have the plain container run by itself, now that its release is committed."""

    ports: tuple[int, ...] = ()
