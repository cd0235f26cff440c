"""What runs inside databases because they move, on real Docker, with redis and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from admin.hosts import Lab
from admin.hosts.arrivals import agents_here
from tests.functional.agents_lab import Cluster, wait_for

REDIS = ["redis-server", "--appendonly", "yes", "--appendfsync", "everysec"]
REWRITE = ["sh", "-c", "redis-cli BGREWRITEAOF && redis-cli INFO persistence | grep aof_enabled:1"]
CHECKPOINT = ["psql", "-U", "postgres", "-c", "CHECKPOINT"]
WARM = ["psql", "-U", "postgres", "-tAc", "SELECT count(*) FROM journal"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A lab with nothing in it."""
    with Lab("test-quiesce", "10.85.23.0/24", pulled=True) as lab:
        cluster = Cluster(lab)
        cluster.player.poll("/state/nodes", lambda nodes: agents_here(nodes) == 2)
        yield cluster


def moved(cluster: Cluster, name: str, node: str) -> Any:
    """Move a container; what the API says of the move once it is over."""
    here = cluster.node(node).address
    cluster.player.post(f"/configuration/containers/{name}", {"host": here})

    def over() -> Any:
        found = cluster.get(f"/state/moves?container={name}")
        return found[0] if found and "receipt" in found[0] and found[0]["to"] == here else None

    return wait_for(over, f"the move of {name}")


def test_redis(cluster: Cluster) -> None:
    """The hook runs before the stop, and its output and time are in the move."""
    dataset_id = cluster.dataset("n1")
    cluster.create(
        "n1",
        "kv",
        command_line=REDIS,
        volumes=[{"dataset_id": dataset_id, "mountpoint": "/data"}],
        before_switch={"command": REWRITE, "required": True},
    )
    cluster.running("kv")
    cluster.docker("n1", "exec", "flocker--kv", "redis-cli", "SET", "word", "kept")
    move = moved(cluster, "kv", "n2")
    assert move["phase"] == "done"
    (run,) = move["hooks"]
    assert (run["hook"], run["exit_code"]) == ("before_switch", 0)
    assert "rewriting started" in run["output"]
    asked = ("exec", "flocker--kv", "redis-cli", "GET", "word")
    assert wait_for(lambda: cluster.docker("n2", *asked), "the word") == "kept"
    cluster.player.post(
        "/configuration/containers/kv",
        {"before_switch": {"command": ["redis-cli", "-p", "1", "PING"], "required": True}},
    )
    move = moved(cluster, "kv", "n1")
    assert move["phase"] == "rolled back"
    assert move["error"].startswith("before_switch of container kv exited with 1")
    assert "refused" in move["hooks"][0]["output"]
    assert cluster.docker("n2", *asked) == "kept"
    cluster.delete("kv")


def test_postgres(cluster: Cluster) -> None:
    """A checkpoint before the stop, and a query once it serves at the destination."""
    dataset_id = cluster.dataset("n1")
    cluster.create(
        "n1",
        "pg",
        image="postgres:latest",
        command_line=None,
        environment={"POSTGRES_HOST_AUTH_METHOD": "trust"},
        ports=[{"internal": 5432, "external": 5432}],
        health_check={"command": ["pg_isready", "-U", "postgres", "-h", "127.0.0.1"]},
        volumes=[{"dataset_id": dataset_id, "mountpoint": "/var/lib/postgresql/data"}],
        before_switch={"command": CHECKPOINT},
        after_switch={"command": WARM, "timeout_seconds": 9},
    )
    cluster.state("pg", lambda found: found.get("health") == "healthy")
    inside = ("exec", "flocker--pg", "psql", "-U", "postgres", "-c")
    cluster.docker("n1", *inside, "CREATE TABLE journal AS SELECT generate_series(1, 100000) AS n")
    move = moved(cluster, "pg", "n2")
    assert move["phase"] == "done"
    before, after = move["hooks"]
    assert (before["hook"], before["exit_code"]) == ("before_switch", 0)
    assert "CHECKPOINT" in before["output"]
    assert (after["hook"], after["exit_code"], after["output"]) == ("after_switch", 0, "100000")
