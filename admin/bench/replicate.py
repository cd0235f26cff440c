"""What standbys cost: CPU of the primary's agent, snapshots, lag; and a move's pause meanwhile."""

from __future__ import annotations

import statistics
import time
from typing import Any
from uuid import uuid4

from admin.bench.agent import cpu_seconds_of_agent
from admin.bench.api import Api
from admin.hosts import Lab, Node
from admin.hosts.arrivals import agents_here

IMAGE = "redis:latest"
WRITTEN_BYTES = 20_000
"""What is written to each dataset between two looks."""

LOOK_SECONDS = 0.5


def replicate(lab: Lab, datasets: int, rpo_seconds: float, seconds: float, moves: int) -> Any:
    """The figures for so many datasets on one node, each with a standby on the other."""
    primary, standby = lab.node("n1"), lab.node("n2")
    api = Api(f"http://{lab.node('control').address}:4523/v1")
    api.until("/state/nodes", lambda nodes: agents_here(nodes) == 2)
    ids = [_dataset(api, primary) for _ in range(datasets)]
    moved = _dataset(api, primary)
    volumes = [{"dataset_id": moved, "mountpoint": "/data"}]
    body = {"host": primary.address, "name": "cache", "image": IMAGE, "volumes": volumes}
    api.post("/configuration/containers", body)
    _running_at(api, primary)
    alone = [_pause(api, where) for _ in range(moves) for where in (standby, primary)]
    replicas = {"nodes": [standby.address], "rpo_seconds": rpo_seconds}
    for dataset_id in ids:
        api.post(f"/configuration/datasets/{dataset_id}", {"replicas": replicas})
    api.until("/state/datasets", lambda found: len(_lags(found)) == datasets)
    time.sleep(2 * rpo_seconds)
    cpu, began = cpu_seconds_of_agent(primary), time.monotonic()
    lags, most = _watch(api, primary, ids, seconds)
    percent = (cpu_seconds_of_agent(primary) - cpu) / (time.monotonic() - began) * 100
    beside = [_pause(api, where) for _ in range(moves) for where in (standby, primary)]
    lags.sort()
    return {
        "datasets": datasets,
        "rpo_seconds": rpo_seconds,
        "cpu_percent": percent,
        "snapshots_max": most,
        "lag_median_seconds": statistics.median(lags),
        "lag_p99_seconds": lags[int(len(lags) * 0.99)],
        "lag_max_seconds": lags[-1],
        "pause_alone_seconds": statistics.median(alone),
        "pause_beside_seconds": statistics.median(beside),
    }


def _dataset(api: Api, node: Node) -> str:
    dataset_id = str(uuid4())
    api.post("/configuration/datasets", {"primary": node.address, "dataset_id": dataset_id})
    api.until_dataset_at(dataset_id, node.address)
    return dataset_id


def _running_at(api: Api, node: Node) -> None:
    api.until(
        "/state/containers",
        lambda found: any(e["running"] and e["host"] == node.address for e in found),
    )


def _pause(api: Api, where: Node) -> float:
    """The pause of a move there, as its receipt has it."""
    api.post("/configuration/containers/cache", {"host": where.address})
    _running_at(api, where)
    path = "/state/moves?container=cache&limit=1"
    [move] = api.until(path, lambda found: bool(found) and "ended_at" in found[0])
    if move["phase"] != "done":
        raise RuntimeError(f"the move was {move['phase']}: {move.get('error')}")
    return float(move["pause_seconds"])


def _lags(found: Any) -> list[float]:
    copies = (copy for each in found for copy in each.get("copies", ()))
    return [copy["lag_seconds"] for copy in copies if "rpo_met" in copy and "lag_seconds" in copy]


def _watch(api: Api, node: Node, ids: list[str], seconds: float) -> tuple[list[float], int]:
    """All lags that were seen while something is written, and the most snapshots of a dataset."""
    lags: list[float] = []
    most, ends = 0, time.monotonic() + seconds
    write = f"for each in {' '.join(ids)}; do head -c {WRITTEN_BYTES} /dev/urandom "
    write += ">/flocker/$each/last; done"
    while time.monotonic() < ends:
        node.run(["sh", "-ec", write])
        lags += _lags(api.get("/state/datasets"))
        names = node.run(["zfs", "list", "-H", "-r", "-t", "snapshot", "-o", "name"]).stdout
        counts = [names.count(f"{dataset_id}@") for dataset_id in ids]
        most = max(most, *counts)
        time.sleep(LOOK_SECONDS)
    return lags, most


def table(result: dict[str, Any]) -> str:
    """The figures for people."""
    ratio = result["pause_beside_seconds"] / result["pause_alone_seconds"]
    rows = (
        (f"{result['datasets']} datasets, RPO", result["rpo_seconds"], "s"),
        ("lag, median", result["lag_median_seconds"], "s"),
        ("lag, p99", result["lag_p99_seconds"], "s"),
        ("lag, most", result["lag_max_seconds"], "s"),
        ("snapshots of a dataset, most", result["snapshots_max"], ""),
        ("CPU of the primary's agent", result["cpu_percent"], "%"),
        ("a move's pause alone", result["pause_alone_seconds"], "s"),
        ("a move's pause meanwhile", result["pause_beside_seconds"], "s"),
        ("that is", ratio, "times"),
    )
    return "\n".join(f"{title:34}{value:>10.2f} {unit}".rstrip() for title, value, unit in rows)
