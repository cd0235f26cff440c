"""How long a redis is away whose node loses power, and what of that took how long."""

from __future__ import annotations

import re
import time
from typing import Any

from admin.bench.api import Api
from admin.bench.figures import percentile
from admin.bench.pause import ANSWERS_BETWEEN
from admin.bench.probe import Probe
from admin.bench.redis import REDIS_PORT
from admin.hosts import Lab, Node
from admin.hosts.arrivals import agents_here

NAME = "redis"
RPO_SECONDS = 5
ASKED = re.compile(rf"{NAME}: its node is unheard of for ([0-9.]+) s")
GOAL_SECONDS = 3.0
"""Beside `after_seconds`."""


def failover(lab: Lab, rounds: int, after_seconds: int) -> dict[str, Any]:
    """The figures of so many power losses, of one node and the other in turn."""
    first, second = lab.node("n1"), lab.node("n2")
    api = Api(f"http://{lab.node('control').address}:4523/v1")
    api.until("/state/nodes", lambda nodes: agents_here(nodes) == 2)
    container = {
        "host": first.address,
        "name": NAME,
        "image": "redis:latest",
        "command_line": ["redis-server", "--appendonly", "yes", "--appendfsync", "always"],
        "ports": [{"internal": REDIS_PORT, "external": REDIS_PORT}],
    }
    dataset_id = api.container_with_data(container, "/data")
    replicas = {"nodes": [first.address, second.address], "rpo_seconds": RPO_SECONDS}
    api.post(f"/configuration/datasets/{dataset_id}", {"replicas": replicas})
    how = {"mode": "automatic", "after_seconds": after_seconds}
    api.post(f"/configuration/containers/{NAME}", {"failover": how})
    found = []
    for number in range(rounds):
        dying, standby = (first, second) if number % 2 == 0 else (second, first)
        _until_armed(api)
        found.append(_one(lab, api, dying, standby))
        print(f"{number + 1}: {found[-1]['seconds']:.1f} s", flush=True)
        dying.start()
    return {"after_seconds": after_seconds, "rounds": found}


def _until_armed(api: Api) -> None:
    api.until(
        "/state/containers",
        lambda found: any(
            e["name"] == NAME and e["running"] and e.get("failover_state", {}).get("armed")
            for e in found
        ),
    )


def _one(lab: Lab, api: Api, dying: Node, standby: Node) -> dict[str, Any]:
    """One power loss: when which part of the failover was over, in seconds after it."""
    log = lab.plan.folder / "nodes" / "control" / "log" / "flocker-control.log"
    known = log.stat().st_size
    with Probe((standby.address,), REDIS_PORT) as probe:
        probe.wait_for_answers(ANSWERS_BETWEEN)
        died_at, died = time.time(), time.monotonic()
        dying.crash()
        # What was answered while it died does not count.
        time.sleep(1.0)
        probe.wait_for_answers(1, timeout_seconds=600.0)
        seconds = time.monotonic() - died
    [move] = api.until(
        f"/state/moves?container={NAME}&limit=1",
        lambda found: bool(found) and found[0].get("kind") == "failover" and "ended_at" in found[0],
    )
    with log.open() as file:
        file.seek(known)
        silent = [float(each) for each in ASKED.findall(file.read())]
    return {"died_at": died_at, "seconds": seconds, "silent_seconds": silent, "move": move}


def table(result: dict[str, Any]) -> str:
    """The figures for people."""
    rounds, after = result["rounds"], result["after_seconds"]
    lines = [f"{'after the power loss':40}{'p50':>8}{'p95':>8}{'worst':>8}"]
    rows: dict[str, list[float]] = {}
    for each in rounds:
        move = each["move"]
        granted = move["requested_at"] - each["died_at"]
        seconds = {
            "from the last renewal until it is asked": each["silent_seconds"][-1],
            "until the standby agreed": granted,
            **{f"  then: {step}": took for step, took in move.get("pause", {}).items()},
            "  from there to the first answer": each["seconds"] - granted,
            "until the first answer": each["seconds"],
        }
        for name, value in seconds.items():
            rows.setdefault(name, []).append(value)
    for name, values in rows.items():
        shown = "".join(f"{percentile(values, percent):8.2f}" for percent in (50, 95, 100))
        lines.append(f"{name:40}{shown}")
    over = percentile([each["seconds"] for each in rounds], 50) - after
    lines.append(f"after_seconds is {after}; the median is {over:.2f} s more, goal {GOAL_SECONDS}")
    return "\n".join(lines)
