"""Health for as long as a container runs, on real Docker: by a health check and by the image's."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from flocker_lite.containers.translate import seconds
from flocker_lite.planner.backoff import DELAY_FACTOR, FIRST_DELAY_SECONDS
from tests.functional.agents_lab import Cluster, agents_lab

MARK = "/tmp/healthy"
CHECK = {
    "command": ["ls", MARK],
    "timeout_seconds": 2,
    "start_period_seconds": 10,
    "interval_seconds": 1,
    "retries": 2,
}
HEALTHY_AT_FIRST = ["sh", "-c", f"touch {MARK}; trap exit TERM; sleep 1000000 & wait"]
IMAGE = "lab/with-check:1"
CLOCK_SECONDS = 0.1
MANY = 20
MANY_SECONDS = 20.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes, with an image that has a HEALTHCHECK."""
    with agents_lab("test-health", "10.89.7.0/24", counted=True) as cluster:
        for node in ("n1", "n2"):
            cluster.docker(node, "pull", "--quiet", "redis:latest")
            cluster.docker(node, "create", "--name", "base", "redis:latest")
            check = f"HEALTHCHECK --interval=1s --retries=2 CMD ls {MARK}"
            cluster.docker(node, "commit", "--change", check, "base", IMAGE)
            cluster.docker(node, "rm", "--volumes", "base")
        yield cluster


def inside(cluster: Cluster, name: str, *command: str) -> str:
    """Run a command in it."""
    return cluster.docker("n1", "exec", f"flocker--{name}", *command)


def is_well(state: dict[str, Any]) -> bool:
    """Whether it is healthy, and nothing is wrong."""
    return state.get("health") == "healthy" and "error" not in state


def is_ill(state: dict[str, Any]) -> bool:
    """Whether it is unhealthy, runs, and the state says why."""
    is_unhealthy = state.get("health") == "unhealthy" and state["running"]
    return is_unhealthy and MARK in state.get("error", "")


def test_seen(cluster: Cluster) -> None:
    """The state says what the check last said, until it succeeds; the container runs on."""
    cluster.create("n1", "seen", command_line=HEALTHY_AT_FIRST, health_check=CHECK)
    cluster.state("seen", is_well)
    before = cluster.inspect("n1", "seen")["State"]
    assert "Health" not in before
    inside(cluster, "seen", "rm", MARK)
    began = time.monotonic()
    state = cluster.state("seen", is_ill)
    print(f"unhealthy after {time.monotonic() - began:.2f} s")
    assert state["error"].startswith(f"not healthy: `ls {MARK}` exited with 2: ls: cannot access")
    inside(cluster, "seen", "touch", MARK)
    cluster.state("seen", is_well)
    assert cluster.inspect("n1", "seen")["State"]["StartedAt"] == before["StartedAt"]
    cluster.delete("seen")


def test_restarted(cluster: Cluster) -> None:
    """It is stopped as its user wants, and started again, though its restart policy is never."""
    check = {**CHECK, "on_unhealthy": "restart"}
    stops = ["sh", "-c", f"touch {MARK}; trap 'sleep 1; exit 7' TERM; sleep 1000000 & wait"]
    cluster.create("n1", "again", command_line=stops, health_check=check)
    cluster.state("again", is_well)
    before = cluster.inspect("n1", "again")
    inside(cluster, "again", "rm", MARK)
    cluster.state("again", lambda state: is_well(state) and state.get("restarts") == 1)
    after = cluster.inspect("n1", "again")
    assert after["Id"] == before["Id"]
    assert after["State"]["StartedAt"] != before["State"]["StartedAt"]
    cluster.passes("n1", 20)
    assert cluster.inspect("n1", "again")["State"]["StartedAt"] == after["State"]["StartedAt"]
    cluster.delete("again")


def test_back_off(cluster: Cluster) -> None:
    """One that never gets well is restarted ever more rarely."""
    once = f"test -e /tmp/ran || touch {MARK} /tmp/ran; trap exit TERM; sleep 1000000 & wait"
    check = {**CHECK, "start_period_seconds": 1, "on_unhealthy": "restart"}
    cluster.create("n1", "loop", command_line=["sh", "-c", once], health_check=check)
    cluster.state("loop", is_well)
    inside(cluster, "loop", "rm", MARK)
    waits: list[float] = []
    for count in range(1, 5):
        cluster.state("loop", lambda state, n=count: state.get("restarts") == n)  # type: ignore[misc]
        record = cluster.inspect("n1", "loop")["State"]
        waits.append(seconds(record["StartedAt"]) - seconds(record["FinishedAt"]))
    print("started after", ", ".join(f"{wait:.2f} s" for wait in waits))
    # At least: a busy machine starts each of them later than it is due.
    for number, wait in enumerate(waits):
        assert wait > FIRST_DELAY_SECONDS * DELAY_FACTOR**number - CLOCK_SECONDS
    cluster.delete("loop")


def test_paused(cluster: Cluster) -> None:
    """A paused container is left alone, however long."""
    check = {**CHECK, "on_unhealthy": "restart"}
    cluster.create("n1", "asleep", command_line=HEALTHY_AT_FIRST, health_check=check)
    cluster.state("asleep", is_well)
    before = cluster.inspect("n1", "asleep")["State"]["StartedAt"]
    cluster.docker("n1", "pause", "flocker--asleep")
    cluster.state("asleep", lambda state: state.get("status") == "paused")
    time.sleep(5.0)
    cluster.docker("n1", "unpause", "flocker--asleep")
    cluster.state("asleep", is_well)
    assert cluster.inspect("n1", "asleep")["State"]["StartedAt"] == before
    cluster.delete("asleep")


def test_check_of_the_image(cluster: Cluster) -> None:
    """Docker carries it out, and the state says what comes of it, as soon as Docker does."""
    cluster.create("n1", "image", image=IMAGE, command_line=HEALTHY_AT_FIRST)
    cluster.state("image", is_well)
    inside(cluster, "image", "rm", MARK)
    state = cluster.state("image", is_ill)
    assert state["error"].startswith("not healthy: `HEALTHCHECK` exited with ")
    inside(cluster, "image", "touch", MARK)
    cluster.state("image", is_well)
    calls = cluster.passes("n1", 20)
    assert [each for each in calls if "/exec" in each] == []
    cluster.delete("image")


def test_check_of_the_image_with_data(cluster: Cluster) -> None:
    """What Docker found while the program waited for its data says nothing of it."""
    dataset_id = cluster.dataset("n2")
    volumes = [{"dataset_id": dataset_id, "mountpoint": "/data"}]
    cluster.create("n2", "moving", image=IMAGE, command_line=HEALTHY_AT_FIRST, volumes=volumes)
    cluster.state("moving", is_well)
    here = cluster.node("n1").address
    # Each node has made it by itself.
    body = {"host": here, "move": {"image_may_differ": True}}
    cluster.player.post("/configuration/containers/moving", body)
    cluster.state("moving", lambda state: state.get("host") == here and is_well(state))
    cluster.delete("moving")


def test_many(cluster: Cluster) -> None:
    """Tries of many containers are spread, and cost their agent next to nothing."""
    check = {"port": 6379, "interval_seconds": 5}
    names = [f"many-{number}" for number in range(MANY)]
    for name in names:
        cluster.create("n1", name, command_line=["redis-server"], health_check=check)
    for name in names:
        cluster.state(name, is_well)
    before = agent_cpu_seconds(cluster)
    time.sleep(MANY_SECONDS)
    used = agent_cpu_seconds(cluster) - before
    print(f"the agent used {used:.2f} s in {MANY_SECONDS:g} s")
    assert used < MANY_SECONDS / 2
    cluster.delete(*names)


def agent_cpu_seconds(cluster: Cluster) -> float:
    """How much of a processor the agent of n1 has used."""
    root = cluster.node("n1").root
    pid = int((root / "run/flocker-agent.pid").read_text())
    fields = (root / f"proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
