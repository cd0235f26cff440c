"""Measures an agent with many containers on one node: while it starts them, and at rest."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from admin.bench.api import Api
from admin.bench.figures import cpu_seconds
from admin.hosts import Lab, Node
from admin.hosts.arrivals import agents_here

IMAGE = "redis:latest"
PID_FILE = "run/flocker-agent.pid"
SETTLE_SECONDS = 10.0


def agent(lab: Lab, containers: int, idle_seconds: float) -> dict[str, Any]:
    """The figures for this many containers with a dataset each, at rest for this long."""
    node = lab.node("n1")
    api = Api(f"http://{lab.node('control').address}:4523/v1")
    api.until("/state/nodes", lambda nodes: agents_here(nodes) == 1)
    node.run(["docker", "pull", "-q", IMAGE])
    empty = _at_rest(node, idle_seconds)
    began, cpu_before = time.monotonic(), cpu_seconds_of_agent(node)
    for number in range(containers):
        _configure(api, node.address, f"c{number}")
    api.until(
        "/state/containers",
        lambda found: sum(each["running"] for each in found) == containers,
    )
    took, cpu = time.monotonic() - began, cpu_seconds_of_agent(node) - cpu_before
    return {
        "containers": containers,
        "empty_percent": empty,
        "converged_seconds": took,
        "converged_cpu_seconds": cpu,
        "idle_percent": _at_rest(node, idle_seconds),
    }


def _configure(api: Api, address: str, name: str) -> None:
    dataset_id = str(uuid4())
    api.post("/configuration/datasets", {"primary": address, "dataset_id": dataset_id})
    api.post(
        "/configuration/containers",
        {
            "host": address,
            "name": name,
            "image": IMAGE,
            "volumes": [{"dataset_id": dataset_id, "mountpoint": "/data"}],
        },
    )


def _at_rest(node: Node, seconds: float) -> float:
    """The percentage of a processor that the agent uses when nothing happens."""
    time.sleep(SETTLE_SECONDS)
    before = cpu_seconds_of_agent(node)
    time.sleep(seconds)
    return (cpu_seconds_of_agent(node) - before) / seconds * 100


def cpu_seconds_of_agent(node: Node) -> float:
    """The CPU time of the agent and of the commands that it ran."""
    pid = int((node.root / PID_FILE).read_text())
    return cpu_seconds(Path(node.root / f"proc/{pid}/stat"), with_children=True)


def table(result: dict[str, Any]) -> str:
    """The figures for people."""
    count = result["containers"]
    rows = (
        ("at rest, no containers: CPU", result["empty_percent"], "%"),
        (f"{count} containers run after", result["converged_seconds"], "s"),
        ("CPU until then", result["converged_cpu_seconds"], "s"),
        ("for each container", result["converged_cpu_seconds"] / count * 1000, "ms"),
        (f"at rest, {count} containers: CPU", result["idle_percent"], "%"),
    )
    return "\n".join(f"{title:34}{value:>10.2f} {unit}" for title, value, unit in rows)
