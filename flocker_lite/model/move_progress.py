"""What each side of a move reports about it, and what both reports say about its pause."""

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

    `since_seconds` is the time between the snapshot before and this one, in which the container
    wrote what the round sent; 0 for a full stream. `after_hook` says that a hook wrote as well, so
    that the round does not show how fast the container writes.
    """

    sent_bytes: int
    seconds: float
    since_seconds: float = 0.0
    after_hook: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the pause of a move, and how long it took."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class HookRun:
    """A hook that runs or ran inside the container because it moves; `name` is that of the field.

    `seconds` is None while it runs, `trouble` is None when it exited with 0. `output` is the end of
    what it wrote on both streams.
    """

    name: str
    seconds: float | None = None
    exit_code: int | None = None
    output: str = ""
    trouble: str | None = None

    @property
    def went_well(self) -> bool:
        return self.seconds is not None and self.trouble is None


@dataclass(frozen=True, slots=True)
class MoveProgress:
    """One side's progress in the move of one dataset to `epoch`.

    The source reports its phase ("preparing", "pushing", "switching", "verifying", "done", "rolled
    back", "failed"), the rounds and its own steps of the pause. The destination reports its own
    steps, and leaves `source` and `rounds` empty. `move_id` names the `Move`, if it is known.
    `expected_bytes` estimates the whole push; `sent_bytes` counts what went through so far, with
    the present round. `predicted_pause_seconds` is how long the pause would be if it began now, and
    no longer changes once it has begun; `predicted_pause_p95_seconds` is what it hardly ever
    exceeds. `last_guid` identifies the snapshot that was handed over,
    as this side saw it. `is_poised` says whether the container was prestarted at the destination,
    and `killed` that the source's container did not stop in its time and was killed.
    `bytes_per_second` is the speed of the present round in the last seconds. One of several
    datasets has the `hooks`.
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
    # The word stays: it is a key on the wire, in the store and, as `poised`, in the REST API.
    is_poised: bool | None = None
    bytes_per_second: int | None = None
    killed: bool = False
    hooks: tuple[HookRun, ...] = ()
    predicted_pause_p95_seconds: float | None = None


def write_rate(rounds: Sequence[Round]) -> float | None:
    """How fast the container writes, in bytes per second; None until a round could tell."""
    told = [r for r in rounds if r.since_seconds > 0 and not r.after_hook][-WRITE_ROUNDS_MAX:]
    if not told:
        return None
    return sum(r.sent_bytes for r in told) / sum(r.since_seconds for r in told)


def stop_seconds(progress: MoveProgress) -> float:
    """How much longer the last send took because the container wrote something when it stopped.

    We count what was sent beyond the container's usual rate of writing. `progress` is the source's,
    of a move that is done, so its last round is the one of the pause.
    """
    *pushed, last = progress.rounds or (Round(0, 0.0),)
    rate = write_rate(pushed)
    if rate is None or last.sent_bytes == 0:
        return 0.0
    stopping_seconds = sum(step.seconds for step in progress.steps if step.name in STOP_STEPS)
    surplus_bytes = max(last.sent_bytes - rate * stopping_seconds, 0.0)
    return last.seconds * surplus_bytes / last.sent_bytes


def pause_by_step(sides: Iterable[MoveProgress]) -> dict[str, float]:
    """The seconds of each step of the pause, by its name, in the order of the steps.

    A step that was taken twice counts twice. With several datasets, the slowest one counts.
    """
    totals: dict[str, dict[DatasetId, float]] = {}
    for progress in sides:
        for step in progress.steps:
            seconds = totals.setdefault(step.name, {})
            seconds[progress.dataset_id] = seconds.get(progress.dataset_id, 0.0) + step.seconds
    return {name: max(seconds.values()) for name, seconds in totals.items()}


def ran_well(sides: Iterable[MoveProgress], hook: str) -> bool:
    """Whether a hook of this name ran in the move, and succeeded."""
    return any(run.name == hook and run.went_well for each in sides for run in each.hooks)


def source_first(sides: Iterable[MoveProgress]) -> tuple[MoveProgress, ...]:
    """The progress of each side in order: a dataset's source comes before its destination."""
    return tuple(sorted(sides, key=lambda item: (item.source is None, item.dataset_id)))
