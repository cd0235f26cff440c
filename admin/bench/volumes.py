"""The pause when Swarm moves a redis with its volume, beside one without data and our own move."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from admin.bench.api import Api
from admin.bench.docker_swarm import DOCKER_SWARM_PORT, DockerSwarm
from admin.bench.probe import Probe
from admin.bench.redis import REDIS_PORT, redis, write_ballast
from admin.hosts import Lab, Node
from admin.hosts.arrivals import agents_here

ANSWERS_BETWEEN = 50
RPO_SECONDS = 5
"""The copies are fresh when a move begins."""

FRESH_SECONDS = 2 * RPO_SECONDS
VOLUME = "bench"

Move = Callable[[Node, Node, int], None]
"""Moves what is measured from a node to another, the how manieth time that is."""


def volumes(lab: Lab, moves: int, ballast_mib: int) -> dict[str, Any]:
    """Seconds without an answer, as a client saw them, of so many moves of each kind."""
    api = Api(f"http://{lab.node('control').address}:4523/v1")
    api.until("/state/nodes", lambda nodes: agents_here(nodes) == 2)
    first, second = lab.node("n1"), lab.node("n2")
    for node in (first, second):
        node.run(["docker", "pull", "-q", "redis:latest"])
    result: dict[str, Any] = {"size_mib": ballast_mib}
    result["swarm_seconds"] = _swarm(first, second, moves, 0)
    result["swarm_volume_seconds"] = _swarm(first, second, moves, ballast_mib)
    result["flocker_lite_seconds"] = _ours(lab, api, moves, ballast_mib)
    medians = [
        statistics.median(result[kind])
        for kind in ("swarm_volume_seconds", "flocker_lite_seconds", "swarm_seconds")
    ]
    result["ratio_of_swarm_with_volume"] = medians[0] / medians[2]
    result["ratio_of_flocker_lite"] = medians[1] / medians[2]
    return result


def _swarm(first: Node, second: Node, moves: int, ballast_mib: int) -> list[float]:
    swarm = DockerSwarm(first, second, VOLUME if ballast_mib else None)
    if ballast_mib:
        for node in (first, second):
            create = ["docker", "volume", "create", "-d", "flocker", "-o", f"rpo={RPO_SECONDS}s"]
            node.run([*create, VOLUME])
    try:
        swarm.set_up()
        if ballast_mib:
            swarm.write(ballast_mib)
            time.sleep(FRESH_SECONDS)
        return _paused(
            (first, second), DOCKER_SWARM_PORT, moves, lambda s, t, _: swarm.move(s, t), ballast_mib
        )
    finally:
        swarm.tear_down()


def _ours(lab: Lab, api: Api, moves: int, ballast_mib: int) -> list[float]:
    first, second = lab.node("n1"), lab.node("n2")
    dataset_id = redis(api, first)
    nodes = [first.address, second.address]
    replicas = {"replicas": {"nodes": nodes, "rpo_seconds": RPO_SECONDS}}
    api.post(f"/configuration/datasets/{dataset_id}", replicas)
    write_ballast(first, dataset_id, ballast_mib)
    time.sleep(FRESH_SECONDS)

    def move(source: Node, target: Node, number: int) -> None:
        api.post("/configuration/containers/redis", {"host": target.address})
        api.moved(dataset_id, target.address, number + 2, "start")

    return _paused((first, second), REDIS_PORT, moves, move, ballast_mib)


def _paused(
    nodes: tuple[Node, Node], port: int, moves: int, move: Move, ballast_mib: int
) -> list[float]:
    """The longest time without an answer of each move, there and back in turn."""
    seconds: list[float] = []
    for number in range(moves):
        source, target = nodes if number % 2 == 0 else reversed(nodes)
        with Probe(tuple(node.address for node in nodes), port) as probe:
            probe.wait_for_answers(ANSWERS_BETWEEN)
            move(source, target, number)
            probe.wait_for_answers(ANSWERS_BETWEEN)
        seconds.append(probe.longest_gap_seconds)
        if ballast_mib:
            time.sleep(FRESH_SECONDS)
    return seconds


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    size = result["size_mib"]
    rows = [
        ("Swarm, without data", result["swarm_seconds"]),
        (f"Swarm, a volume of {size} MiB", result["swarm_volume_seconds"]),
        (f"flocker_lite, {size} MiB", result["flocker_lite_seconds"]),
    ]
    lines = [f"{'pause of a redis, as a client saw it':38}{'moves':>6}{'p50':>11}{'worst':>11}"]
    lines += [
        f"{title:38}{len(seconds):6}{statistics.median(seconds) * 1000:8.0f} ms"
        f"{max(seconds) * 1000:8.0f} ms"
        for title, seconds in rows
    ]
    ratios = [
        ("Swarm with a volume", result["ratio_of_swarm_with_volume"]),
        ("flocker_lite", result["ratio_of_flocker_lite"]),
    ]
    lines += [
        f"{f'{title}: ratio to Swarm without data':50}{ratio:5.2f}" for title, ratio in ratios
    ]
    return "\n".join(lines)
