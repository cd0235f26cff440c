"""Keeps the progress that agents report of open moves, and finds out which moves are over.

An agent forgets its progress when it restarts; the last report is kept here until the move is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from pyrsistent import pmap
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.model.adoption import (
    ADOPTED,
    COPIED,
    COPYING,
    RETURNED,
    STOPPED,
    STOPPING,
    AdoptionState,
)
from flocker_lite.model.move_progress import MoveProgress
from flocker_lite.model.move_reports import (
    DONE,
    ROLLED_BACK,
    belongs,
    is_complete,
    outcome,
)
from flocker_lite.model.open_moves import move_of_container, move_of_dataset
from flocker_lite.model.records import (
    Change,
    Configuration,
    DatasetId,
    Move,
    NodeId,
    PastMove,
)
from flocker_lite.model.releasing import COMMITTED, RELEASED

_log = Logger()

PROGRESS_SECONDS_MAX = 10.0
"""How long a finished move waits for the last progress reports of both sides, and for a hook."""

_PHASES = {
    COPYING: "pushing",
    STOPPING: "switching",
    STOPPED: "switching",
    COPIED: "verifying",
    ADOPTED: DONE,
    COMMITTED: "verifying",
    RELEASED: DONE,
    RETURNED: ROLLED_BACK,
}
"""What is shown of an adoption or a release whose agent has forgotten its progress, by the step."""


class MoveKeeper:
    """The progress of open moves; calls `look_again(move_id)` when a move may be over."""

    def __init__(self, clock: IReactorTime, look_again: Callable[[str], None]) -> None:
        self._clock = clock
        self._look_again = look_again
        self._progress: dict[str, dict[tuple[NodeId, DatasetId], MoveProgress]] = {}
        self._adoptions: dict[str, AdoptionState] = {}
        self._waits: dict[str, IDelayedCall] = {}

    def progress_of(self, move_id: str) -> tuple[MoveProgress, ...]:
        """The last reports of an open move.

        The step of an adoption is written down, and counts where its progress was forgotten.
        """
        known = self._progress.get(move_id, {})
        step = self._adoptions.get(move_id)
        if step is None or (known and step.why is None):
            return tuple(known.values())
        if any(each.error is not None for each in known.values()):
            return tuple(known.values())
        if known:
            return tuple(replace(each, error=step.why) for each in known.values())
        phase = _PHASES.get(step.step, "preparing")
        return (MoveProgress("", 0, phase, error=step.why, move_id=move_id),)

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
            elif isinstance(change.record, AdoptionState):
                move = self._take_step(configuration, node_id, change.record)
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
        verdict = outcome(
            configuration, move, sides, reports, self._adoptions.get(move_id), cluster.datasets
        )
        container = configuration.containers.get(move.container or "")
        starts = container is None or container.running
        hooks_go_on = any(run.seconds is None for each in sides for run in each.hooks)
        if verdict != DONE or (is_complete(move, sides, starts) and not hooks_go_on):
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

    def _take_step(
        self, configuration: Configuration, node_id: NodeId, step: AdoptionState
    ) -> Move | None:
        move = configuration.moves.get(step.move_id)
        if move is None or not move.stays or move.destination != node_id:
            return None
        self._adoptions[move.move_id] = step
        return move

    def _look_at(self, move_ids: Iterable[str]) -> None:
        for move_id in move_ids:
            self._look_again(move_id)

    def _forget(self, move_id: str) -> None:
        self._progress.pop(move_id, None)
        self._adoptions.pop(move_id, None)
        wait = self._waits.pop(move_id, None)
        if wait is not None and wait.active():
            wait.cancel()


def as_shown(configuration: Configuration, changes: Iterable[Change]) -> list[Change]:
    """The changes with each progress report under the id of the move that the API shows it with."""
    return [
        replace(change, kind="moves", identity=_move_id(configuration, change))
        if change.kind in ("moves", "adoptions")
        else change
        for change in changes
    ]


def _move_id(configuration: Configuration, change: Change) -> str:
    if change.kind == "adoptions":
        move = move_of_container(configuration, change.identity)
        return change.identity if move is None else move.move_id
    told = change.record.move_id if isinstance(change.record, MoveProgress) else None
    move = move_of_dataset(configuration, change.identity)
    return told or (move.move_id if move is not None else change.identity)


def log_moves(before: Configuration, changes: Iterable[Change]) -> None:
    """Log the moves that these changes begin or end, each with its id."""
    for change in changes:
        match change.record:
            case Move() as move if move.move_id not in before.moves:
                _log.info(
                    "{moving} begins to move from {source} to {destination}",
                    moving=_moving(move),
                    source=move.source,
                    destination=move.destination,
                    move_id=move.move_id,
                )
            case PastMove(move, verdict) if move.move_id not in before.past_moves:
                _log.info(
                    "the move of {moving} is over: {verdict}",
                    moving=_moving(move),
                    verdict=verdict,
                    move_id=move.move_id,
                )


def _moving(move: Move) -> str:
    if move.container is not None:
        return f"container {move.container}"
    return " ".join(f"dataset {each}" for each in move.dataset_ids)
