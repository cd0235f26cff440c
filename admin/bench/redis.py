"""The redis that most benchmarks move, and what makes its dataset large."""

from __future__ import annotations

from admin.bench.api import Api
from admin.hosts import Node

REDIS_PORT = 6379


def redis(api: Api, node: Node, name: str = "redis", port: int = REDIS_PORT) -> str:
    """A redis with a dataset, running on the node; returns the dataset's id."""
    return api.container_with_data(
        {
            "host": node.address,
            "name": name,
            "image": "redis:latest",
            "command_line": ["redis-server", "--save", ""],
            "ports": [{"internal": REDIS_PORT, "external": port}],
        },
        "/data",
    )


def write_ballast(node: Node, dataset_id: str, mib: int) -> None:
    """Have so much data in a dataset of the node that the program does not touch."""
    path = f"/flocker/{dataset_id}/ballast"
    node.run(["dd", "if=/dev/urandom", f"of={path}", "bs=1M", f"count={mib}"])
