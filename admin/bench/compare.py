"""Compares the figures of two runs of the benchmarks, so that a slower release is seen; pure.

Machines differ and are noisy. Therefore a figure is a ratio to the floor or the peer of its own run
wherever a kind has one, and a share of a processor or a part of a pause elsewhere.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from admin.bench.figures import percentile
from admin.bench.many import pause_ratio, time_ratio
from admin.bench.predict import error

NOTABLE_GROWTH = 1.15
"""From here on a figure is marked: runs on one machine differ by less, as a rule."""

Figures = dict[str, float]
"""Figures by name; each is better when it is smaller."""


@dataclass(frozen=True, slots=True)
class Growth:
    """A figure of two runs; None where only the other one has it."""

    name: str
    old: float | None
    new: float | None

    @property
    def times(self) -> float | None:
        """How many times as large it is now; None where that means nothing."""
        if self.old is None or self.new is None or self.old <= 0:
            return None
        return self.new / self.old

    @property
    def is_notable(self) -> bool:
        return self.times is not None and self.times > NOTABLE_GROWTH


def growths(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Growth]:
    """The growth of each figure; both are the JSON of `admin/benchmark all`."""
    before, after = figures(old), figures(new)
    return [Growth(name, before.get(name), after.get(name)) for name in {**before, **after}]


def figures(results: Mapping[str, Any]) -> Figures:
    """All figures of one run, by the kind and what it is."""
    return {
        f"{kind}: {name}": value
        for kind, of_kind in _KINDS.items()
        if kind in results
        for name, value in of_kind(results[kind]).items()
    }


def table(found: list[Growth]) -> str:
    """The growths for people; what is slower now is marked."""
    lines = [f"{'smaller is better':46}{'old':>10}{'new':>10}{'growth':>10}"]
    for each in found:
        times = f"{each.times:.2f}" if each.times is not None else "-"
        mark = "  slower" if each.is_notable else ""
        lines.append(f"{each.name:46}{_shown(each.old)}{_shown(each.new)}{times:>10}{mark}")
    return "\n".join(lines)


def _shown(value: float | None) -> str:
    return f"{'-':>10}" if value is None else f"{value:>10.3g}"


def _pause(result: Any) -> Figures:
    floor = statistics.median(result["floor_seconds"])
    found = {"redis p50 / floor": result["ratio_of_medians"]}
    found["redis p95 / floor"] = percentile(result["flocker_lite_seconds"], 95) / floor
    if "postgres" in result:
        seconds = result["postgres"]["seconds"]
        found["PostgreSQL p50 / floor"] = statistics.median(seconds) / floor
        found["PostgreSQL p99 / p50"] = percentile(seconds, 99) / statistics.median(seconds)
    return found


def _predict(result: Any) -> Figures:
    wrong = [error(move, move["predicted_pause_seconds"]) for move in result["moves"]]
    return {"error p50": percentile(wrong, 50), "error p95": percentile(wrong, 95)}


def _many(result: Any) -> Figures:
    return {
        "time / bytes at the link's rate": time_ratio(result),
        "pause p50 / lone": pause_ratio(result),
        "pause p95 / lone": pause_ratio(result, 95),
    }


def _push(result: Any) -> Figures:
    return {"pipe / flocker_lite": 1 / result["ratio_of_medians"]}


def _adopt(result: Any) -> Figures:
    return {"pause / by hand": result["flocker_lite_seconds"] / result["hand_seconds"]}


def _volumes(result: Any) -> Figures:
    return {"pause / Swarm without data": result["ratio_of_flocker_lite"]}


def _api(result: Any) -> Figures:
    return {
        f"{operation} {name} / floor": ours[key] / result["floor"][operation][key]
        for operation, ours in result["flocker_lite"].items()
        for name, key in (("p50", "p50_milliseconds"), ("p99", "p99_milliseconds"))
        if result["floor"].get(operation, {}).get(key)
    }


def _agent(result: Any) -> Figures:
    return {
        "CPU at rest, %": result["idle_percent"],
        "CPU for each container, s": result["converged_cpu_seconds"] / result["containers"],
    }


def _fleet(results: Any) -> Figures:
    return {
        f"{result['agents']} agents, CPU at rest, %": result["steady"]["cpu_percent"]
        for result in results
    }


def _cli(result: Any) -> Figures:
    floor = result["python"][1]
    return {
        f"{command} CPU / python": used / floor
        for command, (_, used) in result.items()
        if command != "python" and floor > 0
    }


def _replicate(result: Any) -> Figures:
    ratio = result["pause_beside_seconds"] / result["pause_alone_seconds"]
    return {
        "lag p99 / RPO": result["lag_p99_seconds"] / result["rpo_seconds"],
        "pause meanwhile / alone": ratio,
    }


def _failover(result: Any) -> Figures:
    median = percentile([each["seconds"] for each in result["rounds"]], 50)
    return {"p50 / after_seconds": median / result["after_seconds"]}


_KINDS: Mapping[str, Callable[[Any], Figures]] = {
    "pause": _pause,
    "predict": _predict,
    "many": _many,
    "push": _push,
    "adopt": _adopt,
    "volumes": _volumes,
    "api": _api,
    "agent": _agent,
    "fleet": _fleet,
    "cli": _cli,
    "replicate": _replicate,
    "failover": _failover,
}
