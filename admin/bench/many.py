"""Many containers that leave one node for two others at once, beside a lone move."""

from __future__ import annotations

import time
from typing import Any

from admin.bench.api import Api
from admin.bench.figures import percentile
from admin.bench.redis import redis, write_ballast
from admin.hosts import Lab
from admin.hosts.arrivals import agents_here

PORT = 7200
LONE_MOVES = 4
"""There and back, of one container, before the others move."""


def many(lab: Lab, containers: int, size_mib: int) -> dict[str, Any]:
    """The seconds until all have moved, their pauses, and those of lone moves, by the API."""
    api = Api(f"http://{lab.node('control').address}:4523/v1")
    api.until("/state/nodes", lambda nodes: agents_here(nodes) == 3)
    source, *targets = (lab.node(name) for name in ("n1", "n2", "n3"))
    for node in (source, *targets):
        node.run(["docker", "pull", "-q", "redis:latest"])
    ids: list[str] = []
    for number in range(containers):
        ids.append(redis(api, source, f"redis-{number}", PORT + number))
        write_ballast(source, ids[-1], size_mib)
    lone: list[dict[str, Any]] = []
    for number in range(LONE_MOVES):
        address = (targets[0] if number % 2 == 0 else source).address
        api.post("/configuration/containers/redis-0", {"host": address})
        lone.append(api.moved(ids[0], address, number + 2, "answer"))
    began = time.monotonic()
    goals: list[tuple[str, str, int]] = []
    # The one that has moved before would be sent as an increment.
    for number in range(1, containers):
        address = targets[number % 2].address
        api.post(f"/configuration/containers/redis-{number}", {"host": address})
        goals.append((ids[number], address, 2))
    moves = [api.moved(*goal, "answer") for goal in goals]
    took = time.monotonic() - began
    rates = [done["bytes_per_second"] for done in lone[0]["rounds"] if "bytes_per_second" in done]
    return {
        "containers": len(moves),
        "size_mib": size_mib,
        "took_seconds": took,
        "sent_bytes": sum(done["bytes"] for move in moves for done in move["rounds"]),
        "link_bytes_per_second": max(rates),
        "lone": lone,
        "moves": moves,
    }


def time_ratio(result: dict[str, Any]) -> float:
    """The time until all had moved, beside that of their bytes at the rate of a lone push."""
    ideal = result["sent_bytes"] / result["link_bytes_per_second"]
    return float(result["took_seconds"]) / float(ideal)


def pause_ratio(result: dict[str, Any], percent: float = 50) -> float:
    """The pauses beside those of lone moves."""
    sides = (result["moves"], result["lone"])
    among, lone = ([move["pause_seconds"] for move in moves] for moves in sides)
    return percentile(among, percent) / percentile(lone, 50)


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    pauses = [move["pause_seconds"] * 1000 for move in result["moves"]]
    lone = [move["pause_seconds"] * 1000 for move in result["lone"]]
    rows = [
        (f"{result['containers']} containers, each of", result["size_mib"], "MiB"),
        ("all have moved after", result["took_seconds"], "s"),
        ("their bytes at a lone push's rate", result["took_seconds"] / time_ratio(result), "s"),
        ("that is", time_ratio(result), "times"),
        ("pause of a lone move, p50", percentile(lone, 50), "ms"),
        ("pause among many, p50", percentile(pauses, 50), "ms"),
        ("pause among many, p95", percentile(pauses, 95), "ms"),
        ("p50 is", pause_ratio(result), "times a lone one"),
        ("p95 is", pause_ratio(result, 95), "times a lone one"),
    ]
    return "\n".join(f"{title:34}{value:>10.2f} {unit}" for title, value, unit in rows)
