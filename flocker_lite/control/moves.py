"""Keeps the progress that agents report of open moves, and finds out which moves are over.

An agent forgets its progress when it restarts; the last report is kept here until the move is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from pyrsistent import pmap
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.model.move_progress import MoveProgress
from flocker_lite.model.moves import DONE, belongs, is_complete, outcome
from flocker_lite.model.open_moves import move_of_container, move_of_dataset
from flocker_lite.model.records import Change, Configuration, DatasetId, Move, NodeId

PROGRESS_SECONDS_MAX = 10.0
"""How long a finished move waits for the last progress reports of both sides."""


class MoveKeeper:
    """The progress of open moves; calls `look_again(move_id)` when a move may be over."""

    def __init__(self, clock: IReactorTime, look_again: Callable[[str], None]) -> None:
        self._clock = clock
        self._look_again = look_again
        self._progress: dict[str, dict[tuple[NodeId, DatasetId], MoveProgress]] = {}
        self._waits: dict[str, IDelayedCall] = {}

    def progress_of(self, move_id: str) -> tuple[MoveProgress, ...]:
        """The last reports of an open move."""
        return tuple(self._progress.get(move_id, {}).values())

    def configured(self, configuration: Configuration, changes: Iterable[Change]) -> None:
        """An edit has made these changes."""
        concerned: dict[str, None] = {}
        for change in changes:
            if change.kind == "moves" and change.record is None:
                self._forget(change.identity)
            elif change.kind == "moves":
                concerned[change.identity] = None
            elif change.kind == "grants":
                move = move_of_dataset(configuration, change.identity)
                concerned |= {} if move is None else {move.move_id: None}
        self._look_at(concerned)

    def reported(
        self, configuration: Configuration, node_id: NodeId, changes: Iterable[Change]
    ) -> None:
        """A node has reported these changes; the cost is proportional to them."""
        concerned: dict[str, None] = {}
        for change in changes:
            move = None
            if change.kind == "containers":
                move = move_of_container(configuration, change.identity)
            elif change.kind == "datasets":
                move = move_of_dataset(configuration, change.identity)
            elif isinstance(change.record, MoveProgress):
                move = self._take(configuration, node_id, change.record)
            concerned |= {} if move is None else {move.move_id: None}
        self._look_at(concerned)

    def outcome(
        self, configuration: Configuration, cluster: ClusterState, move_id: str
    ) -> str | None:
        """How the move has ended; None if it goes on, or if progress reports are still missing."""
        move = configuration.moves.get(move_id)
        if move is None:
            return None
        sides = self.progress_of(move_id)
        reports = cluster.containers.get(move.container or "", pmap())
        verdict = outcome(configuration, move, sides, reports)
        container = configuration.containers.get(move.container or "")
        starts = container is None or container.running
        if verdict != DONE or is_complete(move, sides, starts):
            return verdict
        if move_id not in self._waits:
            self._waits[move_id] = self._clock.callLater(
                PROGRESS_SECONDS_MAX, self._look_again, move_id
            )
        return None if self._waits[move_id].active() else verdict

    def stop(self) -> None:
        """Cancel all timers."""
        for move_id in list(self._waits):
            self._forget(move_id)

    def _take(
        self, configuration: Configuration, node_id: NodeId, progress: MoveProgress
    ) -> Move | None:
        move = (
            move_of_dataset(configuration, progress.dataset_id)
            if progress.move_id is None
            else configuration.moves.get(progress.move_id)
        )
        if move is None or not belongs(configuration, move, node_id, progress):
            return None
        known = self._progress.setdefault(move.move_id, {})
        known[node_id, progress.dataset_id] = progress
        return move

    def _look_at(self, move_ids: Iterable[str]) -> None:
        for move_id in move_ids:
            self._look_again(move_id)

    def _forget(self, move_id: str) -> None:
        self._progress.pop(move_id, None)
        wait = self._waits.pop(move_id, None)
        if wait is not None and wait.active():
            wait.cancel()


def as_shown(configuration: Configuration, changes: Iterable[Change]) -> list[Change]:
    """The changes with each progress report under the id of the move that the API shows it with."""
    return [
        replace(change, identity=_move_id(configuration, change))
        if change.kind == "moves"
        else change
        for change in changes
    ]


def _move_id(configuration: Configuration, change: Change) -> str:
    told = change.record.move_id if isinstance(change.record, MoveProgress) else None
    move = move_of_dataset(configuration, change.identity)
    return told or (move.move_id if move is not None else change.identity)
