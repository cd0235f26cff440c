"""The pause of a move of redis, beside that of the shell floor, moved in turn in one lab."""

from __future__ import annotations

import statistics
from typing import Any

from admin.bench.api import Api
from admin.bench.floor import FLOOR_PORT, Floor
from admin.bench.probe import Probe
from admin.hosts import Lab

ANSWERS_BETWEEN = 50


def pause(lab: Lab, moves: int, ballast_mib: int) -> dict[str, Any]:
    """Seconds without an answer, as a client saw them, of so many moves of either kind."""
    first, second = lab.node("n1"), lab.node("n2")
    api = Api(f"http://{lab.node('control').address}:4523/v1")
    api.until("/state/nodes", lambda nodes: len(nodes) == 2)
    dataset_id = api.redis(first.address)
    path = f"/flocker/{dataset_id}/ballast"
    first.run(["dd", "if=/dev/urandom", f"of={path}", "bs=1M", f"count={ballast_mib}"])
    second.run(["docker", "pull", "-q", "redis:latest"])
    floor = Floor(first, second)
    floor.set_up(ballast_mib)
    addresses = (first.address, second.address)
    floors: list[float] = []
    ours: list[float] = []
    accounts: list[dict[str, Any]] = []
    try:
        for number in range(moves):
            source, target = (first, second) if number % 2 == 0 else (second, first)
            with Probe(addresses, FLOOR_PORT) as probe:
                probe.wait_for_answers(ANSWERS_BETWEEN)
                floor.move(source, target, number)
                probe.wait_for_answers(ANSWERS_BETWEEN)
            floors.append(probe.longest_gap_seconds)
            with Probe(addresses, 6379) as probe:
                probe.wait_for_answers(ANSWERS_BETWEEN)
                api.post("/configuration/containers/redis", {"host": target.address})
                account = api.moved(dataset_id, target.address, number + 2, "start")
                probe.wait_for_answers(ANSWERS_BETWEEN)
            ours.append(probe.longest_gap_seconds)
            accounts.append(account)
    finally:
        floor.tear_down()
    return {
        "moves": moves,
        "floor_seconds": floors,
        "flocker_lite_seconds": ours,
        "steps": [account["pause"] for account in accounts],
        "ratio_of_medians": statistics.median(ours) / statistics.median(floors),
    }


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [f"{'':22}{'median':>10}{'worst':>10}"]
    for title, key in (("shell floor", "floor_seconds"), ("flocker_lite", "flocker_lite_seconds")):
        seconds = result[key]
        median, worst = statistics.median(seconds) * 1000, max(seconds) * 1000
        lines.append(f"{title:22}{median:7.0f} ms{worst:7.0f} ms")
    lines.append(f"{'ratio of medians':22}{result['ratio_of_medians']:10.2f}")
    lines.append("")
    lines.append("steps of the pause (median):")
    for step in result["steps"][0]:
        values = [steps.get(step, 0.0) for steps in result["steps"]]
        lines.append(f"  {step:20}{statistics.median(values) * 1000:7.0f} ms")
    return "\n".join(lines)
