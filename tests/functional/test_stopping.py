"""Stops, starts and restarts of a container, and its output, on real Docker under real agents."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from admin.hosts import Lab
from admin.hosts.arrivals import agents_here
from tests.functional.agents_lab import Cluster, wait_for

HELLO = ["sh", "-c", "trap exit TERM; date +%s.%N | tee -a /data/runs; sleep 1000000 & wait"]
FAILS = ["sh", "-c", "echo no luck >&2; exit 3"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A lab with nothing in it."""
    with Lab("test-stopping", "10.85.27.0/24", pulled=True) as lab:
        cluster = Cluster(lab)
        cluster.player.poll("/state/nodes", lambda nodes: agents_here(nodes) == 2)
        yield cluster


def logs(cluster: Cluster, name: str) -> str:
    """All that it wrote, by the API; nothing while its agent is away."""
    said = cluster.player.run(f"curl -sS {cluster.player.api}/state/containers/{name}/logs")
    return "" if said.startswith("{") else said


def has_lines(cluster: Cluster, count: int) -> None:
    """Wait until it has written so many lines, one for each run."""
    wait_for(lambda: len(logs(cluster, "kv").split()) == count, f"{count} lines")


def revise(cluster: Cluster, **fields: object) -> None:
    """Want the container otherwise."""
    cluster.player.post("/configuration/containers/kv", fields)


def is_down(cluster: Cluster) -> None:
    """Wait until the state shows that it is stopped, without an error."""
    state = cluster.state("kv", lambda state: not state["running"])
    assert "error" not in state
    assert "exit_code" not in state


def test_stop_start_move_restart(cluster: Cluster) -> None:
    """One container through all of it; each run leaves a line in its data and in its output."""
    dataset_id = cluster.dataset("n1")
    volume = {"dataset_id": dataset_id, "mountpoint": "/data"}
    cluster.create("n1", "kv", volumes=[volume], command_line=HELLO)
    cluster.running("kv")
    has_lines(cluster, 1)
    instance = cluster.inspect("n1", "kv")["Id"]
    revise(cluster, running=False)
    is_down(cluster)
    cluster.restart_agent("n1")
    assert not cluster.inspect("n1", "kv")["State"]["Running"]
    has_lines(cluster, 1)
    revise(cluster, running=True)
    cluster.running("kv")
    has_lines(cluster, 2)
    cluster.player.post("/configuration/containers/kv/restart", {})
    cluster.state("kv", lambda state: state["running"] and state["restart_generation"] == 2)
    has_lines(cluster, 3)
    assert cluster.inspect("n1", "kv")["Id"] == instance
    revise(cluster, running=False, host=cluster.node("n2").address)
    cluster.player.poll("/state/moves", lambda moves: moves[0]["phase"] == "done")
    is_down(cluster)
    created = ("ps", "--all", "--quiet", "--filter", "name=flocker--kv")
    wait_for(lambda: cluster.docker("n2", *created), "the container, created")
    state = cluster.inspect("n2", "kv")["State"]
    assert (state["Status"], state["StartedAt"][:4]) == ("created", "0001")
    revise(cluster, running=True)
    cluster.running("kv")
    runs = cluster.node("n2").root / f"flocker/{dataset_id}/runs"
    wait_for(lambda: len(runs.read_text().split()) == 4, "its fourth run")
    cluster.delete("kv")


def test_last_output(cluster: Cluster) -> None:
    """The state has what a container said that failed."""
    cluster.create("n1", "job", command_line=FAILS)
    state = cluster.state("job", lambda state: state.get("exit_code") == 3)
    assert state["last_output"] == ["no luck"]
    wait_for(lambda: logs(cluster, "job") == "no luck", "its output")


def test_retry(cluster: Cluster) -> None:
    """It ends the wait after crashes, and its node says until then when that is over."""
    cluster.create("n1", "loop", command_line=FAILS, restart_policy="unless-stopped")
    state = cluster.state("loop", lambda state: state.get("restarts", 0) >= 5)
    state = cluster.state("loop", lambda state: state.get("next_try_at", 0) > time.time() + 5)
    assert state["restart_policy"] == {"name": "always"}
    began, before = time.time(), state["restarts"]
    cluster.player.post("/configuration/containers/loop/retry", {})
    cluster.state("loop", lambda state: state["restarts"] > before + 2)
    assert time.time() < state["next_try_at"] + 2, time.time() - began
    cluster.delete("loop")
