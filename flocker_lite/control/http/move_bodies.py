"""The bodies of moves, from the request, the reports and the stored record; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from flocker_lite.control.http import bodies
from flocker_lite.control.http.bodies import Body
from flocker_lite.model import codec
from flocker_lite.model.failed_over import FailedOver
from flocker_lite.model.failover_prospects import EPOCHS_SKIPPED
from flocker_lite.model.move_progress import (
    HookRun,
    MoveProgress,
    Round,
    pause_by_step,
    source_first,
)
from flocker_lite.model.moves import CANCELLED, DONE, ROLLED_BACK
from flocker_lite.model.records import Configuration, DatasetId, Move, MoveOptions, NodeId, PastMove
from flocker_lite.model.state import Forecast
from flocker_lite.model.uses import uses_of

ADOPTION, RELEASE, FAILOVER = "adoption", "release", "failover"
_MICROSECOND_DIGITS = 6
_INSTANT_SECONDS = 1e-6
_PHASES = ("preparing", "pushing", "switching", "verifying", DONE)
_TROUBLE = (ROLLED_BACK, "failed")


def open_body(
    configuration: Configuration,
    move: Move,
    sides: Iterable[MoveProgress],
    now: float,
    absence: str | None = None,
) -> Body:
    """A move that is not over; `now` is in seconds since 1970.

    `absence` is the text about a side that is away, for which the move waits.
    """
    sides = source_first(sides)
    phase = _phase(sides)
    if phase == ROLLED_BACK and move.adoption is not None and move.adoption.cancelled:
        phase = CANCELLED
    body = {
        **_asked(configuration, move, sides),
        # Handed over, but not reported to serve yet.
        "phase": "verifying" if phase == DONE else phase,
        **_told(sides, several=len(move.dataset_ids) > 1),
    }
    if absence is not None:
        told = f"{body['error']}; {absence}" if "error" in body else absence
        return {**body, "error": told}
    eta_seconds = _eta_seconds(body, sides, now - move.requested_at)
    return body if eta_seconds is None else {**body, "eta_seconds": eta_seconds}


def past_body(configuration: Configuration, past: PastMove) -> Body:
    """A move that is over, with its receipt."""
    move, sides = past.move, source_first(past.accounts)
    return {
        **_asked(configuration, move, sides),
        "ended_at": past.ended_at,
        "phase": past.verdict,
        **_told(sides, several=len(move.dataset_ids) > 1),
        "receipt": {
            "verdict": past.verdict,
            "requested_at": move.requested_at,
            "ended_at": past.ended_at,
            "datasets": [_receipt(past, dataset_id) for dataset_id in move.dataset_ids],
            **({"failover": _lost(move.failover)} if move.failover is not None else {}),
        },
    }


def stray_bodies(
    configuration: Configuration, sides: Iterable[tuple[NodeId, MoveProgress]]
) -> list[Body]:
    """Moves that only the agents know: one body for each dataset and epoch."""
    moves: dict[tuple[DatasetId, int], dict[NodeId, MoveProgress]] = defaultdict(dict)
    for node_id, progress in sides:
        moves[progress.dataset_id, progress.epoch][node_id] = progress
    users = uses_of(configuration).datasets
    return [
        _stray_body(configuration, by_node, users.get(dataset_id))
        for (dataset_id, _), by_node in sorted(moves.items())
    ]


def forecast_body(
    configuration: Configuration, move: Move, forecast: Forecast, stays_behind: list[str]
) -> Body:
    """The response to a dry run; `stays_behind` are the paths of Docker volumes."""
    warnings = [forecast.warning] if forecast.warning else []
    if stays_behind:
        warnings.append(
            f"the data at {', '.join(stays_behind)} is in no dataset: it stays at the source, and "
            "the container gets it again if it comes back"
        )
    body: Body = {
        "dry_run": True,
        "from": bodies.address(configuration, move.source),
        "to": bodies.address(configuration, move.destination),
        "expected_bytes": forecast.expected_bytes,
        "incremental": forecast.is_incremental,
        "push_seconds": forecast.push_seconds,
        "predicted_pause_seconds": forecast.pause_seconds,
        "predicted_pause_p95_seconds": forecast.pause_p95_seconds,
        "stays_behind": stays_behind or None,
        "properties": [codec.to_json(each) for each in forecast.properties] or None,
        "warning": "; ".join(warnings) or None,
    }
    return _known(body)


def _asked(configuration: Configuration, move: Move, sides: tuple[MoveProgress, ...]) -> Body:
    """What the user asked for."""
    body: Body = {
        "move_id": move.move_id,
        "dataset_ids": list(move.dataset_ids),
        "container": move.container,
        "from": bodies.address(configuration, move.source),
        "to": bodies.address(configuration, move.destination),
        "requested_at": move.requested_at,
    }
    if len(move.dataset_ids) == 1:
        body["dataset_id"] = move.dataset_ids[0]
        # What is only known by the step of an adoption or a release has none.
        body["epoch"] = max((each.epoch for each in sides if each.epoch), default=None)
    if move.stays:
        body["kind"] = ADOPTION if move.adoption is not None else RELEASE
        body["cancelling"] = move.is_cancelled or None
    if move.failover is not None:
        body["kind"] = FAILOVER
        body["failover"] = _lost(move.failover)
    options = _options(move.options)
    if options:
        body["options"] = options
    return _known(body)


def _lost(failover: FailedOver) -> Body:
    """What a failover lost at most, and by whose word."""
    return {
        "loses_seconds": round(failover.loses_seconds, _MICROSECOND_DIGITS),
        "loses_since": failover.loses_since,
        "forced": failover.forced,
        "automatic": failover.automatic,
    }


def _options(options: MoveOptions) -> Body:
    """The options that differ from their defaults."""
    unset = MoveOptions()
    names = (
        "max_pause_seconds",
        "deadline_seconds",
        "on_miss",
        "bandwidth_limit",
        "image_may_differ",
    )
    return {
        name: getattr(options, name)
        for name in names
        if getattr(options, name) != getattr(unset, name)
    }


def _told(sides: tuple[MoveProgress, ...], several: bool) -> Body:
    """What both sides reported; for several datasets, all bytes and the longest pause."""
    sources = [progress for progress in sides if progress.source is not None]
    predicted = [each.predicted_pause_seconds for each in sources]
    p95 = [each.predicted_pause_p95_seconds for each in sources]
    poised = [each.is_poised for each in sides if each.is_poised is not None]
    pause = {
        name: round(seconds, _MICROSECOND_DIGITS) for name, seconds in pause_by_step(sides).items()
    }
    errors = list(dict.fromkeys(progress.error for progress in sides if progress.error))
    return _known(
        {
            "rounds": [
                {**({"dataset_id": each.dataset_id} if several else {}), **_round(done)}
                for each in sources
                for done in each.rounds
            ],
            "expected_bytes": _sum(each.expected_bytes for each in sources),
            "sent_bytes": _sum(each.sent_bytes for each in sources),
            "predicted_pause_seconds": max((p for p in predicted if p is not None), default=None),
            "predicted_pause_p95_seconds": max((p for p in p95 if p is not None), default=None),
            "pause": pause,
            "pause_seconds": round(sum(pause.values()), _MICROSECOND_DIGITS),
            "poised": all(poised) if poised else None,
            "killed": any(each.killed for each in sources) or None,
            "hooks": [_hook(run) for each in sides for run in each.hooks] or None,
            "error": "; ".join(errors) or None,
        }
    )


def _hook(run: HookRun) -> Body:
    return _known(
        {
            "hook": run.name,
            "seconds": None if run.seconds is None else round(run.seconds, _MICROSECOND_DIGITS),
            "exit_code": run.exit_code,
            "output": run.output or None,
            "error": run.trouble,
        }
    )


def _round(done: Round) -> Body:
    body: Body = {"bytes": done.sent_bytes, "seconds": done.seconds}
    # A shorter time means that nothing was sent, and would make the rate infinite.
    if done.seconds > _INSTANT_SECONDS:
        body["bytes_per_second"] = round(done.sent_bytes / done.seconds)
    if done.since_seconds > _INSTANT_SECONDS:
        body["dirty_bytes_per_second"] = round(done.sent_bytes / done.since_seconds)
    return body


def _eta_seconds(body: Body, sides: Iterable[MoveProgress], elapsed_seconds: float) -> float | None:
    """How long the rest of the push takes at the rate of the last seconds.

    None while the push stalls or has an error, because the earlier rate means nothing then. Agents
    of earlier releases do not report that rate; for them it is the rate of the best round, or the
    average so far in the first round.
    """
    expected, sent = body.get("expected_bytes"), body.get("sent_bytes")
    if body["phase"] != "pushing" or "error" in body or expected is None or not sent:
        return None
    told = [each.bytes_per_second for each in sides if each.bytes_per_second is not None]
    if told:
        return round(max(expected - sent, 0) / max(told), 3) if max(told) > 0 else None
    timed = [done for each in sides for done in each.rounds if done.seconds > 0]
    rate = max((done.sent_bytes / done.seconds for done in timed), default=0.0)
    if not timed and elapsed_seconds > 0:
        rate = sent / elapsed_seconds
    return round(max(expected - sent, 0) / rate, 3) if rate > 0 else None


def _phase(sides: tuple[MoveProgress, ...]) -> str:
    """The phase of the dataset that is least far; trouble with one is trouble with all."""
    said = [each.phase for each in sides if each.source is not None]
    said = said or [each.phase for each in sides]
    for trouble in _TROUBLE:
        if trouble in said:
            return trouble
    return min(said, key=_rank, default=_PHASES[0])


def _rank(phase: str) -> int:
    return _PHASES.index(phase) if phase in _PHASES else 0


def _receipt(past: PastMove, dataset_id: DatasetId) -> Body:
    epoch = past.epochs.get(dataset_id)
    done, replaced = past.verdict == DONE, past.move.failover is not None
    before = epoch
    if epoch is not None and (done or replaced):
        before = epoch - (EPOCHS_SKIPPED if replaced else 1)
    sides = [each for each in past.accounts if each.dataset_id == dataset_id]
    source = next((each for each in sides if each.source is not None), None)
    destination = next((each for each in sides if each.source is None), None)
    body: Body = {
        "dataset_id": dataset_id,
        "epoch_from": before,
        "epoch_to": epoch if done else None,
        "source_guid": source.last_guid if source is not None else None,
        "destination_guid": destination.last_guid if destination is not None else None,
    }
    if source is not None and source.killed:
        body["killed"] = True
    if source is not None:
        body["bytes"] = sum(each.sent_bytes for each in source.rounds)
        body["seconds"] = round(sum(each.seconds for each in source.rounds), _MICROSECOND_DIGITS)
    return _known(body)


def _stray_body(
    configuration: Configuration, by_node: Mapping[NodeId, MoveProgress], container: str | None
) -> Body:
    sides = source_first(by_node.values())
    first = sides[0]
    silent = (node_id for node_id, progress in by_node.items() if progress.source is None)
    destination = next((each.destination for each in sides if each.destination), None)
    destination = destination or next(silent, None)
    return _known(
        {
            "move_id": first.move_id,
            "dataset_id": first.dataset_id,
            "dataset_ids": [first.dataset_id],
            "container": container,
            "from": first.source and bodies.address(configuration, first.source),
            "to": destination and bodies.address(configuration, destination),
            "epoch": first.epoch,
            "phase": _phase(sides),
            **_told(sides, several=False),
        }
    )


def _sum(values: Iterable[int | None]) -> int | None:
    """The sum; None if a value is unknown, or there are none."""
    found = list(values)
    known = [value for value in found if value is not None]
    return sum(known) if found and len(known) == len(found) else None


def _known(body: Body) -> Body:
    return {key: value for key, value in body.items() if value is not None}
