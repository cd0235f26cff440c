"""An application from a Compose file by `flockerctl`: it comes up, moves with its data, goes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from admin.hosts.errors import LabError
from tests.functional.agents_lab import Cluster, agents_lab, wait_for

FILE = Path(__file__).parent / "shop.yml"
COMMAND = str(Path(__file__).resolve().parents[2] / ".venv/bin/flockerctl")
NAMES = ("shop-cache", "shop-db", "shop-web")
WITH_DATA = ("shop-cache", "shop-db")
EVENTS = (
    *("events", "--since", "1h", "--until", "0s", "--filter", "event=die"),
    *("--format", "{{.Time}}"),
)
PORT = 8088
UP_SECONDS = 120.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes without containers."""
    with agents_lab("test-applications", "10.85.47.0/24") as cluster:
        yield cluster


def done(cluster: Cluster, *words: str) -> list[str]:
    """The lines that `flockerctl` says when it succeeds."""
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("FLOCKER_")},
        "FLOCKER_CONTROL_SERVICE": cluster.node("control").address,
        "PASSWORD": "hunter2",
    }
    found = subprocess.run(
        [COMMAND, *words], env=environment, capture_output=True, text=True, timeout=UP_SECONDS
    )
    assert found.returncode == 0, (words, found.stdout, found.stderr)
    return found.stdout.splitlines()


def up(cluster: Cluster, node: str) -> None:
    """Wait until all of it runs on the node, and is healthy."""
    there = cluster.node(node).address
    for name in NAMES:
        cluster.state(
            name,
            lambda state: (
                state.get("running")
                and state["host"] == there
                and state.get("health", "healthy") == "healthy"
            ),
            UP_SECONDS,
        )


def inside(cluster: Cluster, node: str, name: str, command: str) -> str:
    """What bash in a container prints; "" when it fails."""
    try:
        return cluster.docker(
            node, "exec", f"flocker--{name}", "timeout", "5", "bash", "-c", command
        )
    except LabError:
        return ""


def sql(cluster: Cluster, node: str, text: str) -> str:
    """What the database answers."""
    return inside(cluster, node, "shop-db", f'psql -U postgres -At -c "{text}"')


def require_found(cluster: Cluster, node: str) -> None:
    """Each finds the others by the names of their services."""
    for name, other, port in (
        ("shop-web", "db", 5432),
        ("shop-web", "cache", 6379),
        ("shop-cache", "web", 80),
        ("shop-db", "cache", 6379),
    ):
        command = f"exec 3<>/dev/tcp/{other}/{port} && echo there"
        wait_for(
            lambda name=name, command=command: inside(cluster, node, name, command) == "there",  # type: ignore[misc]
            f"{name} finds {other}",
        )


def require_one_instant(cluster: Cluster) -> None:
    """Both with data had stopped before the database started at the destination."""
    moves = {each["container"]: each for each in cluster.get("/state/moves")}
    for name in WITH_DATA:
        assert moves[name]["phase"] == "done", moves[name]
        print(name, moves[name]["pause_seconds"], moves[name]["pause"])
    ends = [
        float(cluster.docker("n1", *EVENTS, "--filter", f"container=flocker--{name}").split()[-1])
        for name in WITH_DATA
    ]
    # Docker's StartedAt is when it was prestarted.
    begun = float(sql(cluster, "n2", "select extract(epoch from pg_postmaster_start_time())"))
    assert max(ends) <= begun, (ends, begun)


def test_comes_up(cluster: Cluster) -> None:
    """The plan first; then all of it runs, in order, and its services find one another."""
    address = cluster.node("n1").address
    planned = done(
        cluster, "app", "up", str(FILE), "--name", "shop", "--host", address, "--dry-run"
    )
    assert cluster.get("/configuration/containers") == []
    said = done(cluster, "app", "up", str(FILE), "--name", "shop", "--host", address)
    *plan, last = planned
    assert last == "nothing was done: this is a dry run"
    assert said[: len(plan)] == plan
    # Then it waits until all of it runs, and says what it waits for.
    assert all(": not yet: " in line for line in said[len(plan) :]), said
    assert plan[:4] == [
        *(f"container {name} is created on {address}" for name in NAMES),
        f"dataset shop_data is created on {address}",
    ]
    up(cluster, "n1")
    begun = {name: cluster.inspect("n1", name)["State"]["StartedAt"] for name in NAMES}
    assert begun["shop-web"] > max(begun["shop-db"], begun["shop-cache"]), begun
    require_found(cluster, "n1")
    assert sql(cluster, "n1", "create table kept (word text)") == "CREATE TABLE"
    assert sql(cluster, "n1", "insert into kept values ('hello')") == "INSERT 0 1"
    again = done(cluster, "app", "up", str(FILE), "--name", "shop")
    assert sum("stays as it is" in line for line in again) == len(NAMES)


def test_moves(cluster: Cluster) -> None:
    """All of it, with its data; from there its port leads from each node."""
    there = cluster.node("n2").address
    said = done(cluster, "app", "move", "shop", there)
    assert sum("moves from" in line for line in said) == len(NAMES)
    for name in NAMES:
        assert any(line.endswith(f" of {name}: done") for line in said), said
    print(*said, sep="\n")
    up(cluster, "n2")
    require_one_instant(cluster)
    wait_for(lambda: sql(cluster, "n2", "select word from kept") == "hello", "its data is there")
    require_found(cluster, "n2")
    (line,) = [each for each in done(cluster, "app", "list") if each.startswith("shop")]
    assert there in line
    for node in ("n1", "n2"):
        page = f"http://{cluster.node(node).address}:{PORT}/"
        found = subprocess.run(["curl", "-sf", page], capture_output=True, timeout=10)
        assert found.returncode == 0, node


def test_goes(cluster: Cluster) -> None:
    """Its dataset stays, with its data, and the same file finds it again."""
    said = done(cluster, "app", "delete", "shop")
    assert any(line.startswith("dataset shop_data stays on") for line in said)
    cluster.gone(*NAMES)
    here = cluster.node("n2").address
    said = done(cluster, "app", "up", str(FILE), "--name", "shop", "--host", here)
    assert not any("dataset" in line for line in said)
    up(cluster, "n2")
    assert sql(cluster, "n2", "select word from kept") == "hello"
