"""What each side of a move says of it, and what both together make of its pause."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flocker_lite.model.identities import DatasetId, NodeId

WRITE_ROUNDS_MAX = 3
STOP_STEPS = ("stop", "unmount")
"""The steps of a pause that come before its last snapshot."""


@dataclass(frozen=True, slots=True)
class Round:
    """One snapshot and its incremental send within a push.

    `since_seconds` is the time between its snapshot and the one before, in which what it sent was
    written; 0 for a full stream.
    """

    sent_bytes: int
    seconds: float
    since_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the pause of a move, and how long it took."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class MoveState:
    """One side's account of the move of one dataset to `epoch`.

    The source reports phase ("preparing", "pushing", "switching", "verifying", "done", "rolled
    back", "failed"), rounds and its steps of the pause; the destination reports its own steps,
    with `source` and `rounds` left empty. `move_id` is that of the `Move` that it is a part of, if
    it is known. `expected_bytes` is what all of the push is taken to be, `sent_bytes` what went
    through so far, the present round included. `predicted_pause_seconds` is what the pause would
    be if it began now; once it has begun it stays. `last_guid` is that of the snapshot that was
    handed over, as each side saw it. `is_poised` says whether the copy's program waited for it,
    `killed` that the one at the source did not end in its time.
    `bytes_per_second` is how fast the present round went in the last seconds.
    """

    dataset_id: DatasetId
    epoch: int
    phase: str
    source: NodeId | None = None
    destination: NodeId | None = None
    rounds: tuple[Round, ...] = ()
    steps: tuple[Step, ...] = ()
    error: str | None = None
    move_id: str | None = None
    expected_bytes: int | None = None
    sent_bytes: int | None = None
    predicted_pause_seconds: float | None = None
    last_guid: str | None = None
    is_poised: bool | None = None
    bytes_per_second: int | None = None
    killed: bool = False


def write_rate(rounds: Sequence[Round]) -> float | None:
    """How fast the container writes, in bytes per second; None until a round could tell."""
    told = [r for r in rounds if r.since_seconds > 0][-WRITE_ROUNDS_MAX:]
    if not told:
        return None
    return sum(r.sent_bytes for r in told) / sum(r.since_seconds for r in told)


def stop_seconds(account: MoveState) -> float:
    """How much longer the last send took for what a container wrote because it was stopped.

    That is what was sent beyond what it writes all the time. `account` is the source's, of a move
    that is done: its last round is that of the pause.
    """
    *pushed, last = account.rounds or (Round(0, 0.0),)
    rate = write_rate(pushed)
    if rate is None or last.sent_bytes == 0:
        return 0.0
    stopping_seconds = sum(step.seconds for step in account.steps if step.name in STOP_STEPS)
    surplus_bytes = max(last.sent_bytes - rate * stopping_seconds, 0.0)
    return last.seconds * surplus_bytes / last.sent_bytes


def pause_by_step(accounts: Iterable[MoveState]) -> dict[str, float]:
    """The seconds of each step of the pause, by its name, in the order of the steps.

    A step that was taken twice counts twice; of several datasets, the slowest counts.
    """
    totals: dict[str, dict[DatasetId, float]] = {}
    for account in accounts:
        for step in account.steps:
            seconds = totals.setdefault(step.name, {})
            seconds[account.dataset_id] = seconds.get(account.dataset_id, 0.0) + step.seconds
    return {name: max(seconds.values()) for name, seconds in totals.items()}


def source_first(accounts: Iterable[MoveState]) -> tuple[MoveState, ...]:
    """The accounts in order: a dataset's source comes before its destination."""
    return tuple(sorted(accounts, key=lambda item: (item.source is None, item.dataset_id)))
