"""The pause of a move, beside that of the shell floor and of Docker Swarm, in turn in one lab."""

from __future__ import annotations

import statistics
from typing import Any

from admin.bench.api import Api
from admin.bench.docker_swarm import DOCKER_SWARM_PORT, DockerSwarm
from admin.bench.figures import percentile
from admin.bench.floor import FLOOR_PORT, Floor
from admin.bench.postgres import postgres_moves
from admin.bench.probe import Probe
from admin.bench.redis import REDIS_PORT, redis, write_ballast
from admin.hosts import Lab
from admin.hosts.arrivals import agents_here

ANSWERS_BETWEEN = 50


def pause(
    lab: Lab, moves: int, ballast_mib: int, swarm_moves: int, postgres: int, postgres_mib: int
) -> dict[str, Any]:
    """Seconds without an answer, as a client saw them, of so many moves of each kind."""
    api = Api(f"http://{lab.node('control').address}:4523/v1")
    api.until("/state/nodes", lambda nodes: agents_here(nodes) == 2)
    result = _redis(lab, api, moves, ballast_mib)
    result["swarm_seconds"] = _docker_swarm(lab, swarm_moves) if swarm_moves else []
    if postgres:
        result["postgres"] = postgres_moves(lab, api, postgres, postgres_mib)
    return result


def _redis(lab: Lab, api: Api, moves: int, ballast_mib: int) -> dict[str, Any]:
    first, second = lab.node("n1"), lab.node("n2")
    dataset_id = redis(api, first)
    write_ballast(first, dataset_id, ballast_mib)
    second.run(["docker", "pull", "-q", "redis:latest"])
    floor = Floor(first, second)
    floor.set_up(ballast_mib)
    addresses = (first.address, second.address)
    floors: list[float] = []
    ours: list[float] = []
    measured: list[dict[str, Any]] = []
    try:
        for number in range(moves):
            source, target = (first, second) if number % 2 == 0 else (second, first)
            with Probe(addresses, FLOOR_PORT) as probe:
                probe.wait_for_answers(ANSWERS_BETWEEN)
                floor.move(source, target, number)
                probe.wait_for_answers(ANSWERS_BETWEEN)
            floors.append(probe.longest_gap_seconds)
            with Probe(addresses, REDIS_PORT) as probe:
                probe.wait_for_answers(ANSWERS_BETWEEN)
                api.post("/configuration/containers/redis", {"host": target.address})
                measured.append(api.moved(dataset_id, target.address, number + 2, "start"))
                probe.wait_for_answers(ANSWERS_BETWEEN)
            ours.append(probe.longest_gap_seconds)
    finally:
        floor.tear_down()
    return {
        "floor_seconds": floors,
        "flocker_lite_seconds": ours,
        "measured": measured,
        "ratio_of_medians": statistics.median(ours) / statistics.median(floors),
    }


def _docker_swarm(lab: Lab, moves: int) -> list[float]:
    first, second = lab.node("n1"), lab.node("n2")
    swarm = DockerSwarm(first, second)
    seconds: list[float] = []
    try:
        swarm.set_up()
        for number in range(moves):
            source, target = (first, second) if number % 2 == 0 else (second, first)
            with Probe((first.address, second.address), DOCKER_SWARM_PORT) as probe:
                probe.wait_for_answers(ANSWERS_BETWEEN)
                swarm.move(source, target)
                probe.wait_for_answers(ANSWERS_BETWEEN)
            seconds.append(probe.longest_gap_seconds)
    finally:
        swarm.tear_down()
    return seconds


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [f"{'pause, as a client saw it':28}{'moves':>6}" + _heads("p50", "p95", "p99", "worst")]
    rows = [
        ("redis, shell floor", result["floor_seconds"]),
        ("redis, flocker_lite", result["flocker_lite_seconds"]),
        ("redis without data, Swarm", result["swarm_seconds"]),
    ]
    kinds = {"redis": result["measured"]}
    if "postgres" in result:
        rows.append(("PostgreSQL, flocker_lite", result["postgres"]["seconds"]))
        kinds["PostgreSQL"] = result["postgres"]["measured"]
    lines += [f"{title:28}{len(seconds):6}{_spread(seconds)}" for title, seconds in rows if seconds]
    lines.append(f"{'redis: ratio to the floor':28}{result['ratio_of_medians']:16.2f}")
    for kind, measured in kinds.items():
        lines += ["", *_summary(kind, measured)]
    return "\n".join(lines)


def _summary(kind: str, measured: list[dict[str, Any]]) -> list[str]:
    """What flocker_lite itself says of its moves."""
    predicted = [
        (move["predicted_pause_seconds"], move["pause_seconds"])
        for move in measured
        if "predicted_pause_seconds" in move
    ]
    wrong_by = [abs(before - after) for before, after in predicted]
    rounds = [len(move["rounds"]) for move in measured]
    lines = [f"{f'{kind}: steps of the pause':34}" + _heads("p50", "p95", "p99", "worst")]
    for step in measured[0]["pause"]:
        lines.append(f"  {step:32}{_spread([each['pause'].get(step, 0.0) for each in measured])}")
    lines.append(f"  {'in all':32}{_spread([each['pause_seconds'] for each in measured])}")
    if wrong_by:
        lines.append(f"  {'predicted':32}{_spread([before for before, _ in predicted])}")
        lines.append(f"  {'prediction wrong by':32}{_spread(wrong_by)}")
    lines.append(f"  rounds: {statistics.median(rounds):g} (at most {max(rounds)})")
    return lines


def _heads(*titles: str) -> str:
    return "".join(f"{title:>10}" for title in titles)


def _spread(seconds: list[float]) -> str:
    values = [percentile(seconds, percent) for percent in (50, 95, 99, 100)]
    return "".join(f"{value * 1000:7.0f} ms" for value in values)
