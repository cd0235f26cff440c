"""Restart policies on real Docker: through crashes of containers, agent, Docker and node."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import pytest

from admin.hosts.arrivals import agents_here
from flocker_lite.containers.translate import seconds
from flocker_lite.planner.restart_policy import STABLE_SECONDS
from tests.functional.agents_lab import Cluster, agents_lab, wait_for

SETTLED_SECONDS = 6.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A lab with nothing in it."""
    with agents_lab("test-restarts", "10.85.1.0/24") as cluster:
        yield cluster


def started(cluster: Cluster, name: str) -> str:
    """When Docker started it last."""
    return str(cluster.inspect("n2", name)["State"]["StartedAt"])


def is_another_run(cluster: Cluster, before: str) -> bool:
    """Whether the database was started since it was at that time."""
    return started(cluster, "database") != before


def settled(cluster: Cluster, node: str = "n2") -> None:
    """Wait until the node's agent has reported, and acted on what it saw."""
    cluster.player.poll("/state/nodes", lambda nodes: agents_here(nodes) == 2)
    address = cluster.node(node).address
    wait_for(
        lambda: any(state["host"] == address for state in cluster.states().values()), "a report"
    )
    time.sleep(SETTLED_SECONDS)


def test_always(cluster: Cluster) -> None:
    """A server that ran well and crashes is started again, and counted."""
    cluster.create("n2", "server", restart_policy={"name": "always"})
    cluster.running("server")
    time.sleep(STABLE_SECONDS)
    before = started(cluster, "server")
    cluster.kill("n2", "server")
    wait_for(lambda: started(cluster, "server") != before, "a restart")
    record = cluster.inspect("n2", "server")["State"]
    down_seconds = seconds(record["StartedAt"]) - seconds(record["FinishedAt"])
    print(f"running again after {down_seconds:.2f} s")
    cluster.state("server", lambda state: state.get("restarts") == 1 and state["running"])
    cluster.delete("server")


def test_crash_loop(cluster: Cluster) -> None:
    """One that crashes at the start is tried more and more seldom, and the state says so."""
    cluster.create(
        "n2", "loop", command_line=["sh", "-c", "exit 7"], restart_policy={"name": "always"}
    )
    state = cluster.state("loop", lambda state: state.get("restarts", 0) >= 4)
    at_four = time.monotonic()
    state = cluster.state("loop", lambda state: state["restarts"] >= 5 and "error" in state)
    assert "exit code 7" in state["error"]
    assert time.monotonic() - at_four > 1
    cluster.delete("loop")


def test_on_failure(cluster: Cluster) -> None:
    """It is restarted as often as is allowed, and then no more; a success is final."""
    twice = {"name": "on-failure", "maximum_retry_count": 2}
    cluster.create("n2", "fails", command_line=["sh", "-c", "exit 7"], restart_policy=twice)
    cluster.create("n2", "works", command_line=["sh", "-c", "exit 0"], restart_policy=twice)
    state = cluster.state("fails", lambda state: "maximum_retry_count" in state.get("error", ""))
    assert (state["restarts"], state["exit_code"], state["running"]) == (2, 7, False)
    state = cluster.state("works", lambda state: state.get("exit_code") == 0)
    assert "restarts" not in state
    assert "error" not in state
    cluster.delete("fails", "works")


def test_what_is_over_stays_over(cluster: Cluster) -> None:
    """A finished job is run again by no restart of agent, Docker or node; what ran runs again."""
    cluster.create("n2", "job", command_line=["sh", "-c", "sleep 1; exit 3"])
    cluster.create("n2", "database")
    failing = {"name": "on-failure", "maximum_retry_count": 1}
    cluster.create("n2", "spent", command_line=["sh", "-c", "exit 7"], restart_policy=failing)
    state = cluster.state("job", lambda state: state.get("exit_code") == 3)
    assert "restart_policy is never" in state["error"]
    cluster.state("spent", lambda state: state.get("restarts") == 1 and "error" in state)
    cluster.running("database")
    over = {name: started(cluster, name) for name in ("job", "spent")}
    ran = started(cluster, "database")

    cluster.restart_agent("n2")
    settled(cluster)
    assert started(cluster, "database") == ran
    assert {name: started(cluster, name) for name in over} == over

    node = cluster.node("n2")
    for restart in ("stop", "kill"):
        if restart == "stop":
            node.stop_service("dockerd")
        else:
            node.kill_service("dockerd")
        node.start_service("dockerd")
        wait_for(partial(is_another_run, cluster, ran), f"back after {restart}")
        cluster.running("database")
        ran = started(cluster, "database")
        settled(cluster)
        assert {name: started(cluster, name) for name in over} == over

    node.crash()
    node.start()
    wait_for(lambda: started(cluster, "database") != ran, "back after the power cut")
    cluster.running("database")
    settled(cluster)
    assert {name: started(cluster, name) for name in over} == over
    state = cluster.states()["database"]
    assert "restarts" not in state
    assert "error" not in state
    cluster.delete("job", "database", "spent")


def test_a_job_that_ended_while_the_agent_was_away(cluster: Cluster) -> None:
    """It is over all the same."""
    cluster.create("n2", "away", restart_policy={"name": "never"})
    cluster.running("away")
    cluster.node("n2").kill_service("flocker-agent")
    before = started(cluster, "away")
    cluster.kill("n2", "away")
    cluster.node("n2").start_service("flocker-agent")
    cluster.state("away", lambda state: state.get("exit_code") == 137)
    settled(cluster)
    assert started(cluster, "away") == before
    cluster.delete("away")


def test_docker_goes_while_much_is_to_be_done(cluster: Cluster) -> None:
    """Docker that goes in the midst of changes delays them; nothing is lost or made twice."""
    names = [f"many-{number}" for number in range(6)]
    for name in names:
        cluster.create("n2", name)
    node = cluster.node("n2")
    node.kill_service("dockerd")
    time.sleep(1)
    node.start_service("dockerd")
    cluster.running(*names)
    for name in names[:3]:
        cluster.player.delete(f"/configuration/containers/{name}")
    node.stop_service("dockerd")
    node.start_service("dockerd")
    cluster.gone(*names[:3])
    cluster.running(*names[3:])
    assert set(cluster.states()) == set(names[3:])
    listed = cluster.docker("n2", "ps", "--all", "--format", "{{.Names}}").split()
    assert sorted(listed) == [f"flocker--{name}" for name in names[3:]]
    assert all("error" not in state for state in cluster.states().values())
    cluster.delete(*names[3:])
