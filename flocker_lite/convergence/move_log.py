"""The progress of this node's moves, as it is reported; lost with the process, on purpose."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from pyrsistent import PMap, pmap
from twisted.internet.interfaces import IReactorTime

from flocker_lite.model.move_progress import HookRun
from flocker_lite.model.records import DatasetId, Move, NodeId
from flocker_lite.model.state import MoveProgress, Round, Step

RATE_BYTES_MIN = 1024 * 1024
"""A smaller round shows its fixed cost more than the rate of the link."""


RATE_SECONDS = 10.0
"""The reported rate of a round is that of the last seconds, so that it shows a stall."""

_IN_ORDER = ("preparing", "pushing", "switching", "verifying", "done")


class MoveLog:
    """The progress of each dataset's last move, as this side saw it.

    `link_rates` has the best rate of all rounds to each node, in bytes per second.
    """

    def __init__(self, clock: IReactorTime, changed: Callable[[], None] = lambda: None) -> None:
        self.moves: PMap[DatasetId, MoveProgress] = pmap()
        self.link_rates: PMap[NodeId, float] = pmap()
        self._changed = changed
        self._clock = clock
        self._began_at: dict[DatasetId, float] = {}
        self._marked_at: dict[DatasetId, float] = {}
        self._sent: dict[DatasetId, deque[tuple[float, int]]] = {}
        self._failed_in: dict[DatasetId, str] = {}
        self._given_up: dict[DatasetId, tuple[Move, str]] = {}
        self._waits: dict[DatasetId, tuple[str, str | None]] = {}

    def begin(
        self,
        dataset_id: DatasetId,
        epoch: int,
        source: NodeId | None,
        destination: NodeId | None,
        move_id: str | None = None,
    ) -> None:
        """A move to `epoch` starts, unless it is going on already."""
        self._marked_at.pop(dataset_id, None)
        now = self.moves.get(dataset_id)
        goes_on = now is not None and (now.epoch, now.destination) == (epoch, destination)
        if now is not None and goes_on and now.move_id in (None, move_id):
            self._set(replace(now, move_id=move_id))
            return
        phase = "pushing" if source else "switching"
        self._began_at[dataset_id] = self._clock.seconds()
        self._set(MoveProgress(dataset_id, epoch, phase, source, destination, move_id=move_id))

    def elapsed_seconds(self, dataset_id: DatasetId) -> float:
        """How long ago the move began here; 0 when there is none."""
        now = self._clock.seconds()
        return now - self._began_at.get(dataset_id, now)

    def expect(self, dataset_id: DatasetId, round_bytes: int | None) -> None:
        """The round that begins will send about this many bytes; None and 0 mean unknown."""
        move = self.moves.get(dataset_id)
        if move is not None and round_bytes:
            self._set(replace(move, expected_bytes=_sent_bytes(move) + round_bytes))

    def sent(self, dataset_id: DatasetId, round_bytes: int) -> None:
        """The present round has sent this many bytes."""
        move = self.moves.get(dataset_id)
        if move is None:
            return
        now = self._clock.seconds()
        told = self._sent.setdefault(dataset_id, deque())
        if told and told[-1][1] > round_bytes:
            told.clear()  # of the round before
        told.append((now, round_bytes))
        while told[0][0] < now - RATE_SECONDS:
            told.popleft()
        seconds, sent_bytes = now - told[0][0], round_bytes - told[0][1]
        if seconds > 0:
            move = replace(move, bytes_per_second=round(sent_bytes / seconds))
        self._set(_with_sent(move, _sent_bytes(move) + round_bytes))

    def round(self, dataset_id: DatasetId, done: Round) -> None:
        """A round of the push is done."""
        move = self.moves.get(dataset_id)
        if move is None:
            return
        self._sent.pop(dataset_id, None)
        move = replace(move, rounds=(*move.rounds, done), bytes_per_second=None)
        self._set(_with_sent(move, _sent_bytes(move)))
        if move.destination is not None and done.seconds > 0 and done.sent_bytes >= RATE_BYTES_MIN:
            rate = max(done.sent_bytes / done.seconds, self.link_rates.get(move.destination, 0.0))
            self.link_rates = self.link_rates.set(move.destination, rate)

    def predict(
        self, dataset_id: DatasetId, pause_seconds: float, p95_seconds: float | None = None
    ) -> None:
        """The pause would take this long if it began now; no effect once it has begun."""
        move = self.moves.get(dataset_id)
        if move is not None and dataset_id not in self._marked_at:
            move = replace(move, predicted_pause_seconds=pause_seconds)
            self._set(replace(move, predicted_pause_p95_seconds=p95_seconds))

    def last_snapshot(self, dataset_id: DatasetId, guid: str) -> None:
        """The dataset is handed over with this snapshot."""
        move = self.moves.get(dataset_id)
        if move is not None:
            self._set(replace(move, last_guid=guid))

    def started(self, dataset_id: DatasetId, is_prestarted: bool) -> None:
        """The container was started here; `is_prestarted` if its program waited at the gate."""
        move = self.moves.get(dataset_id)
        if move is not None and dataset_id in self._marked_at:
            self._set(replace(move, is_poised=is_prestarted))

    def stopped(self, dataset_id: DatasetId, killed: bool) -> None:
        """The container was stopped here for the move; `killed` if it did not stop in time."""
        move = self.moves.get(dataset_id)
        if move is not None:
            self._set(replace(move, killed=killed))

    def hook(self, dataset_id: DatasetId, run: HookRun) -> None:
        """A hook runs, or has run; it is in place of what was known of one of this name."""
        move = self.moves.get(dataset_id)
        if move is not None:
            others = tuple(each for each in move.hooks if each.name != run.name)
            self._set(replace(move, hooks=(*others, run)))

    def is_in_pause(self, dataset_id: DatasetId) -> bool:
        """Whether this side's part of a pause goes on."""
        return dataset_id in self._marked_at

    def phase(self, dataset_id: DatasetId, phase: str, error: str | None = None) -> None:
        """The move enters another phase.

        The error of a failed attempt stays until the move has passed the phase where it failed.
        """
        move = self.moves.get(dataset_id)
        if move is None:
            return
        failed_in = self._failed_in.get(dataset_id)
        if error is None and failed_in is not None and not _is_further(phase, failed_in):
            error = move.error
        else:
            self._failed_in.pop(dataset_id, None)
        self._set(replace(move, phase=phase, error=error))

    def fail(self, dataset_id: DatasetId, phase: str, error: str) -> None:
        """An attempt failed. Until the next one the move is in this phase."""
        move = self.moves.get(dataset_id)
        if move is None:
            return
        self._sent.pop(dataset_id, None)
        failed_in = (
            move.phase if move.phase in _IN_ORDER else self._failed_in.get(dataset_id, phase)
        )
        self._failed_in[dataset_id] = failed_in
        self._set(replace(move, phase=phase, error=error, bytes_per_second=None))

    def wait(self, dataset_id: DatasetId, why: str) -> None:
        """The failed attempt cannot be undone yet; `why` is the move's error until `waited`."""
        move = self.moves.get(dataset_id)
        if move is not None:
            _, before = self._waits.get(dataset_id, ("", move.error))
            self._waits[dataset_id] = (why, before)
            self._set(replace(move, error=why))

    def waited(self, dataset_id: DatasetId) -> None:
        """The failed attempt can be undone now: show the earlier error again."""
        why, before = self._waits.pop(dataset_id, (None, None))
        move = self.moves.get(dataset_id)
        if move is not None and why is not None and move.error == why:
            self._set(replace(move, error=before))

    def give_up(self, dataset_id: DatasetId, move: Move | None, reason: str) -> None:
        """End the move; it is tried again only after the user changed it."""
        progress = self.moves.get(dataset_id)
        if move is not None:
            self._given_up[dataset_id] = (move, reason)
            if progress is not None:
                # The push may have begun before this node knew the id of the move.
                self._set(replace(progress, move_id=move.move_id))
        self.phase(dataset_id, "rolled back", reason)

    def given_up(self, dataset_id: DatasetId, move: Move | None) -> str | None:
        """Why this move, with these options, was given up; None if it was not."""
        given_up, reason = self._given_up.get(dataset_id, (None, None))
        return reason if move is not None and move == given_up else None

    def start_pause(self, dataset_id: DatasetId) -> None:
        """The pause begins now; forget the steps of an earlier attempt."""
        self._marked_at[dataset_id] = self._clock.seconds()
        move = self.moves.get(dataset_id)
        if move is not None:
            self._set(replace(move, steps=()))

    def mark(self, dataset_id: DatasetId, name: str) -> None:
        """A step of the pause ended just now; no effect outside a pause."""
        began = self._marked_at.get(dataset_id)
        move = self.moves.get(dataset_id)
        if began is None or move is None:
            return
        now = self._clock.seconds()
        self._marked_at[dataset_id] = now
        self._set(replace(move, steps=(*move.steps, Step(name, now - began))))

    def skip(self, dataset_id: DatasetId) -> None:
        """The other side reports the time since the last mark."""
        if dataset_id in self._marked_at:
            self._marked_at[dataset_id] = self._clock.seconds()

    def end_pause(self, dataset_id: DatasetId) -> None:
        """This side's part of the pause is over."""
        began = self._marked_at.pop(dataset_id, None)
        move = self.moves.get(dataset_id)
        # A failed move, whose container runs here again, is not done.
        if began is not None and move is not None and move.phase in ("switching", "verifying"):
            self.phase(dataset_id, "done")

    def _set(self, move: MoveProgress) -> None:
        if self.moves.get(move.dataset_id) != move:
            self.moves = self.moves.set(move.dataset_id, move)
            self._changed()


def _is_further(phase: str, than: str) -> bool:
    known = phase in _IN_ORDER and than in _IN_ORDER
    return not known or _IN_ORDER.index(phase) > _IN_ORDER.index(than)


def _sent_bytes(move: MoveProgress) -> int:
    return sum(done.sent_bytes for done in move.rounds)


def _with_sent(move: MoveProgress, sent_bytes: int) -> MoveProgress:
    """Raise an estimate that turned out too low: `sent_bytes` never exceeds it."""
    expected_bytes = move.expected_bytes
    if expected_bytes is not None:
        expected_bytes = max(expected_bytes, sent_bytes)
    return replace(move, sent_bytes=sent_bytes, expected_bytes=expected_bytes)
