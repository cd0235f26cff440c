"""What the moves of this node did so far, as it is reported; lost with the process, on purpose."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from pyrsistent import PMap, pmap
from twisted.internet.interfaces import IReactorTime

from flocker_lite.model.records import DatasetId, Move, NodeId
from flocker_lite.model.state import MoveState, Round, Step

RATE_BYTES_MIN = 1024 * 1024
"""A round that sends less tells more of what a round costs than of how fast the link is."""


RATE_SECONDS = 10.0
"""How fast a round goes is told of so many seconds: what came before a stall is of no use."""

_IN_ORDER = ("preparing", "pushing", "switching", "verifying", "done")


class MoveLog:
    """The last move of each dataset, as this side saw it.

    `link_rates` has the best rate, in bytes per second, that a round to each node had.
    """

    def __init__(self, clock: IReactorTime, changed: Callable[[], None] = lambda: None) -> None:
        self.moves: PMap[DatasetId, MoveState] = pmap()
        self.link_rates: PMap[NodeId, float] = pmap()
        self.changed = changed
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
        """A move to `epoch` starts, unless it is the one that is going on already."""
        self._marked_at.pop(dataset_id, None)
        now = self.moves.get(dataset_id)
        goes_on = now is not None and (now.epoch, now.destination) == (epoch, destination)
        if now is not None and goes_on and now.move_id in (None, move_id):
            self._set(replace(now, move_id=move_id))
            return
        phase = "pushing" if source else "switching"
        self._began_at[dataset_id] = self._clock.seconds()
        self._set(MoveState(dataset_id, epoch, phase, source, destination, move_id=move_id))

    def elapsed_seconds(self, dataset_id: DatasetId) -> float:
        """How long ago the move began here; 0 when there is none."""
        now = self._clock.seconds()
        return now - self._began_at.get(dataset_id, now)

    def expect(self, dataset_id: DatasetId, round_bytes: int | None) -> None:
        """The round that begins is taken to send so many bytes; None and 0 mean unknown."""
        move = self.moves.get(dataset_id)
        if move is not None and round_bytes:
            self._set(replace(move, expected_bytes=_sent_bytes(move) + round_bytes))

    def sent(self, dataset_id: DatasetId, round_bytes: int) -> None:
        """So many bytes of the present round went through."""
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

    def predict(self, dataset_id: DatasetId, pause_seconds: float) -> None:
        """The pause would take this long if it began now; once it has begun it is too late."""
        move = self.moves.get(dataset_id)
        if move is not None and dataset_id not in self._marked_at:
            self._set(replace(move, predicted_pause_seconds=pause_seconds))

    def last_snapshot(self, dataset_id: DatasetId, guid: str) -> None:
        """The snapshot with which the dataset is handed over."""
        move = self.moves.get(dataset_id)
        if move is not None:
            self._set(replace(move, last_guid=guid))

    def let_go(self, dataset_id: DatasetId, is_poised: bool) -> None:
        """The container was started here on the dataset; whether its program waited for that."""
        move = self.moves.get(dataset_id)
        if move is not None and dataset_id in self._marked_at:
            self._set(replace(move, is_poised=is_poised))

    def stopped(self, dataset_id: DatasetId, killed: bool) -> None:
        """The container was stopped here for it; whether it had to be killed."""
        move = self.moves.get(dataset_id)
        if move is not None:
            self._set(replace(move, killed=killed))

    def phase(self, dataset_id: DatasetId, phase: str, error: str | None = None) -> None:
        """The move enters another phase.

        What went wrong with it stays its error until it has got further than it had then.
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
        """An attempt failed, and the move is tried again; its phase is this one meanwhile."""
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
        """The last attempt cannot be undone yet, for this reason, which is its error meanwhile."""
        move = self.moves.get(dataset_id)
        if move is not None:
            _, before = self._waits.get(dataset_id, ("", move.error))
            self._waits[dataset_id] = (why, before)
            self._set(replace(move, error=why))

    def waited(self, dataset_id: DatasetId) -> None:
        """It can be undone now: its error is what it was."""
        why, before = self._waits.pop(dataset_id, (None, None))
        move = self.moves.get(dataset_id)
        if move is not None and why is not None and move.error == why:
            self._set(replace(move, error=before))

    def give_up(self, dataset_id: DatasetId, move: Move | None, reason: str) -> None:
        """The move is not to be tried again unless the user asks for it in another way."""
        account = self.moves.get(dataset_id)
        if move is not None:
            self._given_up[dataset_id] = (move, reason)
            if account is not None:
                # It may have begun before it was known what it is a part of.
                self._set(replace(account, move_id=move.move_id))
        self.phase(dataset_id, "rolled back", reason)

    def given_up(self, dataset_id: DatasetId, move: Move | None) -> str | None:
        """Why this very move, with the same options, was given up; None when it was not."""
        given_up, reason = self._given_up.get(dataset_id, (None, None))
        return reason if move is not None and move == given_up else None

    def start_pause(self, dataset_id: DatasetId) -> None:
        """The pause begins now; marks of an earlier attempt are dropped."""
        self._marked_at[dataset_id] = self._clock.seconds()
        move = self.moves.get(dataset_id)
        if move is not None:
            self._set(replace(move, steps=()))

    def mark(self, dataset_id: DatasetId, name: str) -> None:
        """A step of the pause ended just now; does nothing when no pause is going on."""
        began = self._marked_at.get(dataset_id)
        move = self.moves.get(dataset_id)
        if began is None or move is None:
            return
        now = self._clock.seconds()
        self._marked_at[dataset_id] = now
        self._set(replace(move, steps=(*move.steps, Step(name, now - began))))

    def skip(self, dataset_id: DatasetId) -> None:
        """What passed since the last mark is in the other side's account."""
        if dataset_id in self._marked_at:
            self._marked_at[dataset_id] = self._clock.seconds()

    def end_pause(self, dataset_id: DatasetId) -> None:
        """The pause, as far as it is seen from here, is over."""
        began = self._marked_at.pop(dataset_id, None)
        move = self.moves.get(dataset_id)
        # One that failed, and whose container runs here again, is not done.
        if began is not None and move is not None and move.phase in ("switching", "verifying"):
            self.phase(dataset_id, "done")

    def _set(self, move: MoveState) -> None:
        if self.moves.get(move.dataset_id) != move:
            self.moves = self.moves.set(move.dataset_id, move)
            self.changed()


def _is_further(phase: str, than: str) -> bool:
    known = phase in _IN_ORDER and than in _IN_ORDER
    return not known or _IN_ORDER.index(phase) > _IN_ORDER.index(than)


def _sent_bytes(move: MoveState) -> int:
    return sum(done.sent_bytes for done in move.rounds)


def _with_sent(move: MoveState, sent_bytes: int) -> MoveState:
    """An estimate that turns out too low is none any more: never more than all is sent."""
    expected_bytes = move.expected_bytes
    if expected_bytes is not None:
        expected_bytes = max(expected_bytes, sent_bytes)
    return replace(move, sent_bytes=sent_bytes, expected_bytes=expected_bytes)
