"""The moves of a PostgreSQL with some data, while pgbench writes to it."""

from __future__ import annotations

from typing import Any

from admin.bench.api import Api
from admin.hosts import Lab, Node
from admin.story.clients import PostgresClient

PORT = 5432
MIB_PER_SCALE = 15
"""What pgbench makes of one unit of its scale."""

TRANSACTIONS_PER_SECOND = 50
ANSWERS_BETWEEN = 50
LOAD = "pgbench-load"


def postgres_moves(lab: Lab, api: Api, moves: int, size_mib: int) -> dict[str, Any]:
    """The pauses that a writing client saw, what the API says of the moves, and lost rows.

    Raises RuntimeError when an acknowledged row is missing.
    """
    first, second = lab.node("n1"), lab.node("n2")
    dataset_id = api.container_with_data(
        {
            "host": first.address,
            "name": "postgres",
            "image": "postgres:latest",
            "environment": {"POSTGRES_HOST_AUTH_METHOD": "trust"},
            "ports": [{"internal": PORT, "external": PORT}],
        },
        "/var/lib/postgresql/data",
    )
    second.run(["docker", "pull", "-q", "postgres:latest"])
    PostgresClient(first.address, PORT).wait_until_up()
    scale = max(size_mib // MIB_PER_SCALE, 1)
    inside = ("docker", "exec", "flocker--postgres")
    create = ("psql", "-U", "postgres", "-c", "CREATE TABLE journal (number int PRIMARY KEY)")
    first.run([*inside, *create])
    fill = ("pgbench", "-U", "postgres", "-i", "-q", "-s", str(scale), "postgres")
    first.run([*inside, *fill], timeout_seconds=900)
    start_load(first)
    pauses: list[float] = []
    measured: list[dict[str, Any]] = []
    try:
        with PostgresClient(first.address, PORT) as client:
            for number in range(moves):
                target = second if number % 2 == 0 else first
                client.wait_for_answers(ANSWERS_BETWEEN)
                client.longest_pause_seconds = 0.0
                api.post("/configuration/containers/postgres", {"host": target.address})
                measured.append(api.moved(dataset_id, target.address, number + 2, "start"))
                client.wait_for_answers(ANSWERS_BETWEEN)
                pauses.append(client.longest_pause_seconds)
    finally:
        stop_load(first)
    runs_at = first if moves % 2 == 0 else second
    asked = ("psql", "-U", "postgres", "-tA", "-c", "SELECT number FROM journal")
    there = {int(row) for row in runs_at.run([*inside, *asked]).stdout.split()}
    lost = [number for number in client.acknowledged if number not in there]
    if lost:
        raise RuntimeError(f"acknowledged, and not there any more: {lost}")
    return {"seconds": pauses, "measured": measured, "acknowledged": len(client.acknowledged)}


def stop_load(node: Node) -> None:
    """End what `start_load` started."""
    node.run(["docker", "rm", "-f", LOAD], check=False)


def start_load(node: Node) -> None:
    """Have pgbench write to the node's PostgreSQL; it connects again when its connections end."""
    pgbench = (
        f"pgbench -h {node.address} -U postgres -n -c 4 "
        f"--rate={TRANSACTIONS_PER_SECOND} -T 86400 postgres"
    )
    node.run(
        [
            *("docker", "run", "-d", "--name", LOAD, "--network=host", "--entrypoint=sh"),
            *("postgres:latest", "-c", f"while :; do {pgbench} >/dev/null 2>&1; sleep 0.1; done"),
        ]
    )
