"""When to stop pushing and switch; pure.

A round that sends b bytes takes c + b/r seconds: c is the fixed cost of a round, r the rate of the
link. Meanwhile the container writes d bytes per second, which the next round must send. What the
container writes because it is stopped (a database's last checkpoint) is sent last, however many
rounds there were; its last move showed how long that takes. All rates are in bytes per second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import fmean, median

from flocker_lite.model.move_progress import write_rate
from flocker_lite.model.records import MoveOptions
from flocker_lite.model.state import Round

ROUNDS_MAX = 10
SHRINK_FACTOR_MIN = 0.8
DOWNTIME_LIMIT_SECONDS = 0.3
"""How long the last send may take when the user set no `max_pause_seconds`."""

FIT_ROUNDS_MAX = 5
ROUND_SECONDS_DEFAULT = 0.03
"""The fixed cost of a round where the rounds do not show it."""

LAPS_AFTER_HOOK_MAX = 3
"""How many rounds of each dataset may follow the hook before the switch."""

PACE_SECONDS = 10.0
"""The wait between rounds that do not help, where the user wants the push to continue."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The push of one dataset: its rounds so far, and the age of its last snapshot.

    `stop_seconds` is how long it takes to send what the container writes because it is stopped.
    """

    rounds: tuple[Round, ...]
    stale_seconds: float
    stop_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Fit:
    """How long a round takes: a fixed time, and a time for each byte."""

    fixed_seconds: float
    seconds_per_byte: float

    def seconds(self, size_bytes: float) -> float:
        """How long a round of this size takes."""
        return self.fixed_seconds + self.seconds_per_byte * size_bytes


@dataclass(frozen=True, slots=True)
class Outlook:
    """The pause of a switch that began now.

    More rounds can shorten `rest_seconds`, the time of the last send; `smallest_seconds` is the
    shortest pause that they can reach at the present rates. `load` is the write rate as a part of
    the link rate: from 1 on, rounds grow. `link_rate` is None until a round has shown it.
    """

    rest_seconds: float
    pause_seconds: float
    smallest_seconds: float
    load: float
    write_rate: float
    link_rate: float | None

    def __str__(self) -> str:
        link = f"link {_megabytes(self.link_rate)}, " if self.link_rate is not None else ""
        return (
            f"writes {_megabytes(self.write_rate)}, {link}"
            f"smallest reachable pause {self.smallest_seconds:.1f} s"
        )


class Verdict(Enum):
    """What to do after a lap."""

    PUSH = "push"
    SWITCH = "switch"
    GIVE_UP = "give up"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with its reason in words; wait `wait_seconds` before another round.

    `is_missed` says that the move does not meet the user's limits now.
    """

    verdict: Verdict
    reason: str
    wait_seconds: float = 0.0
    is_missed: bool = False


def fit(rounds: Sequence[Round]) -> Fit:
    """c and 1/r of the last rounds, by medians, so that one delayed round counts little.

    Rounds of equal size do not tell c and r apart: then c is the default.
    """
    last = rounds[-FIT_ROUNDS_MAX:]
    if not last:
        return Fit(ROUND_SECONDS_DEFAULT, 0.0)
    mean_bytes, mean_seconds = fmean(r.sent_bytes for r in last), fmean(r.seconds for r in last)
    spread = sum((r.sent_bytes - mean_bytes) ** 2 for r in last)
    together = sum((r.sent_bytes - mean_bytes) * (r.seconds - mean_seconds) for r in last)
    if spread > 0 and together > 0:
        slope = together / spread
        fixed = median(r.seconds - slope * r.sent_bytes for r in last)
        if fixed >= 0:
            return Fit(fixed, slope)
    fixed = min(ROUND_SECONDS_DEFAULT, *(r.seconds for r in last))
    slopes = [(r.seconds - fixed) / r.sent_bytes for r in last if r.sent_bytes > 0]
    return Fit(fixed, median(slopes) if slopes else 0.0)


def outlook(
    pushes: Sequence[Progress], costs: float, unlimited_rate: float | None = None
) -> Outlook | None:
    """The outlook for all datasets together; None while the write rate is unknown.

    `unlimited_rate` is the rate of the last send where a bandwidth limit slows down the rounds;
    None when there is no limit, or the rate is unknown.
    """
    fits = [fit(push.rounds) for push in pushes]
    writes = [rate for push in pushes if (rate := write_rate(push.rounds)) is not None]
    if len(writes) < len(pushes):
        return None
    ceiling = 1 / unlimited_rate if unlimited_rate else float("inf")
    last = [Fit(item.fixed_seconds, min(item.seconds_per_byte, ceiling)) for item in fits]
    rest = sum(
        item.seconds(rate * push.stale_seconds)
        for item, rate, push in zip(last, writes, pushes, strict=True)
    )
    stopped = sum(push.stop_seconds for push in pushes)
    fixed = sum(item.fixed_seconds for item in fits)
    load = sum(item.seconds_per_byte * rate for item, rate in zip(fits, writes, strict=True))
    last_load = sum(item.seconds_per_byte * rate for item, rate in zip(last, writes, strict=True))
    smallest = costs + stopped + rest
    if load < 1:
        # The duration t of a lap converges to t = c + t * load.
        smallest = min(smallest, costs + stopped + fixed + last_load * fixed / (1 - load))
    written = sum(writes)
    return Outlook(
        rest_seconds=rest,
        pause_seconds=costs + stopped + rest,
        smallest_seconds=smallest,
        load=load,
        write_rate=written,
        link_rate=written / load if load > 0 else None,
    )


def is_late(options: MoveOptions, elapsed_seconds: float) -> bool:
    """Whether the move should have switched by now."""
    return options.deadline_seconds is not None and elapsed_seconds >= options.deadline_seconds


def shrinks(pushes: Sequence[Progress]) -> bool:
    """Whether the last lap (a round of each dataset) was noticeably shorter than the one before."""
    laps = [sum(r.seconds for r in lap) for lap in zip(*(p.rounds for p in pushes), strict=True)]
    return len(laps) < 2 or laps[-1] < laps[-2] * SHRINK_FACTOR_MIN


def is_quiet(pushes: Sequence[Progress], seen: Outlook | None, laps: int) -> bool:
    """Whether to switch now, `laps` rounds of each dataset after the hook.

    The first of them sends what the hook wrote. If that takes long, the container writes meanwhile,
    and another round makes the last send shorter.
    """
    if seen is None or seen.rest_seconds <= DOWNTIME_LIMIT_SECONDS:
        return True
    return laps > 1 and not shrinks(pushes)


def decide(
    pushes: Sequence[Progress],
    seen: Outlook | None,
    options: MoveOptions,
    elapsed_seconds: float,
    has_waited: bool = False,
) -> Decision:
    """Push another round of each dataset, switch now, or give up.

    `has_waited` says that the push waited before the last lap, so that its length shows nothing.
    """
    budget = options.max_pause_seconds
    helps = shrinks(pushes)
    if has_waited and seen is not None and budget is not None:
        helps = helps or seen.smallest_seconds <= budget
    if seen is not None:
        if budget is not None and seen.pause_seconds <= budget:
            return Decision(Verdict.SWITCH, f"the pause fits: {seen.pause_seconds:.3g} s")
        if budget is None and seen.rest_seconds <= DOWNTIME_LIMIT_SECONDS:
            return Decision(Verdict.SWITCH, f"the rest is small: {seen.rest_seconds:.3g} s")
    if budget is None and (not helps or len(pushes[0].rounds) >= ROUNDS_MAX):
        return Decision(Verdict.SWITCH, f"more rounds do not make the rest smaller: {seen}")
    if seen is None and helps and options.on_miss != "abort":
        # A switch after the first lap alone could take as long as that lap.
        return Decision(Verdict.PUSH, "one round does not show yet how fast the container writes")
    late = is_late(options, elapsed_seconds)
    stuck = budget is not None and (not helps or (seen is not None and seen.load >= 1))
    if not late and not stuck:
        return Decision(Verdict.PUSH, "more rounds make the rest smaller")
    return _missed(options, miss(options, seen, elapsed_seconds), stuck)


def miss(options: MoveOptions, seen: Outlook | None, elapsed_seconds: float) -> str:
    """Which limits the move does not meet, with the figures that say why."""
    parts = []
    if is_late(options, elapsed_seconds):
        parts.append(f"not switched within {options.deadline_seconds:g} s")
    if seen is not None and options.max_pause_seconds is not None:
        pause = f"the pause would be {seen.pause_seconds:.1f} s"
        parts.append(f"{pause}, but max_pause_seconds is {options.max_pause_seconds:g} s")
    if seen is not None:
        parts.append(str(seen))
    return ": ".join(parts)


def _missed(options: MoveOptions, reason: str, stuck: bool) -> Decision:
    match options.on_miss:
        case "abort":
            return Decision(Verdict.GIVE_UP, reason, is_missed=True)
        case "continue":
            wait_seconds = PACE_SECONDS if stuck else 0.0
            return Decision(Verdict.PUSH, reason, wait_seconds, is_missed=True)
        case _:
            return Decision(Verdict.SWITCH, reason, is_missed=True)


def _megabytes(rate: float | None) -> str:
    return f"{(rate or 0.0) / 1e6:.3g} MB/s"
