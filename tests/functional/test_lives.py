"""What people, and Docker, do to containers on their nodes, on real Docker and under real agents.

The agents look at everything every 30 seconds, as they do unless they are told otherwise: what is
seen sooner, events have told.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from admin.hosts import Lab
from admin.hosts.arrivals import agents_here
from flocker_lite.model.container_fields.process import STOP_TIMEOUT_SECONDS
from tests.functional.agents_lab import WAIT_SECONDS, Cluster, wait_for

HELLO = ["sh", "-c", "trap exit TERM; echo hello; sleep 1000000 & wait"]
SHORT_STOP_TIMEOUT_SECONDS = 8
STUBBORN = ["sh", "-c", "trap '' TERM; while true; do sleep 1; done"]
PAID = ["sh", "-c", "echo paid >> /data/ledger"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A lab with nothing in it."""
    with Lab("test-lives", "10.85.11.0/24", pulled=True) as lab:
        cluster = Cluster(lab)
        cluster.player.poll("/state/nodes", lambda nodes: agents_here(nodes) == 2)
        yield cluster


def with_data(cluster: Cluster, name: str, **fields: Any) -> str:
    """A container on n1 with a dataset at /data; the dataset's path on its node."""
    dataset_id = cluster.dataset("n1")
    volume = {"dataset_id": dataset_id, "mountpoint": fields.pop("mountpoint", "/data")}
    cluster.create("n1", name, volumes=[volume], **{"command_line": HELLO, **fields})
    return f"/flocker/{dataset_id}"


def first_process(cluster: Cluster, called: str) -> str:
    """What the kernel calls the first process of a container on n1; "" for none."""
    argv = ["docker", "exec", called, "cat", "/proc/1/comm"]
    return cluster.node("n1").run(argv, check=False).stdout.strip()


def back(cluster: Cluster, name: str) -> None:
    """Wait until its own program is at work."""
    wait_for(lambda: first_process(cluster, f"flocker--{name}") == "sh", f"{name} at work")
    cluster.running(name)


def test_restarted_by_others(cluster: Cluster) -> None:
    """Whoever starts it, a person or Docker, it waits at its gate until an agent lets it go."""
    with_data(cluster, "kv")
    back(cluster, "kv")
    for _ in range(2):
        cluster.docker("n1", "restart", "--time", "2", "flocker--kv")
        back(cluster, "kv")
    cluster.docker("n1", "stop", "flocker--kv")
    cluster.docker("n1", "start", "flocker--kv")
    back(cluster, "kv")
    cluster.docker("n1", "update", "--restart", "always", "flocker--kv")
    before = cluster.inspect("n1", "kv")["State"]["StartedAt"]
    cluster.kill("n1", "kv")
    wait_for(lambda: cluster.inspect("n1", "kv")["State"]["StartedAt"] != before, "another run")
    back(cluster, "kv")
    assert cluster.inspect("n1", "kv")["HostConfig"]["RestartPolicy"]["Name"] == "no"
    cluster.node("n1").kill_service("flocker-agent")
    cluster.docker("n1", "restart", "--time", "2", "flocker--kv")
    assert first_process(cluster, "flocker--kv") == "hold"
    cluster.node("n1").start_service("flocker-agent")
    back(cluster, "kv")


def has_restarted(cluster: Cluster, times: int) -> bool:
    """Whether it runs after so many restarts."""
    state = cluster.states().get("crash", {})
    return bool(state.get("restarts") == times and state["running"])


def test_crashes(cluster: Cluster) -> None:
    """Each end is seen by its event, and a crash loop is not well between two of them."""
    cluster.create("n1", "crash", command_line=HELLO, restart_policy={"name": "always"})
    cluster.running("crash")
    for times in (1, 2, 3):
        cluster.kill("n1", "crash")
        wait_for(partial(has_restarted, cluster, times), f"{times} restarts")
        state = cluster.states()["crash"]
        assert "exit code 137" in state["error"]
        record = cluster.inspect("n1", "crash")["State"]
        print(f"ended at {record['FinishedAt']}, started again at {record['StartedAt']}")
    cluster.delete("crash")


def test_renamed(cluster: Cluster) -> None:
    """It stays the one that it is, through a restart of the agent as well, and can be deleted."""
    cluster.docker("n1", "rename", "flocker--kv", "kv-old")
    cluster.restart_agent("n1")
    cluster.docker("n1", "restart", "--time", "2", "kv-old")
    wait_for(lambda: first_process(cluster, "kv-old") == "sh", "kv-old at work")
    cluster.running("kv")
    assert cluster.docker("n1", "ps", "--all", "--format", "{{.Names}}") == "kv-old"


def test_paused(cluster: Cluster) -> None:
    """It is shown to be, left alone, and goes on."""
    cluster.docker("n1", "pause", "kv-old")
    cluster.state("kv", lambda state: state.get("status") == "paused")
    cluster.player.post("/configuration/containers/kv", {"host": cluster.node("n2").address})
    state = cluster.state("kv", lambda state: "docker unpause" in state.get("error", ""))
    assert not state["running"]
    cluster.player.post("/configuration/containers/kv", {"host": cluster.node("n1").address})
    cluster.docker("n1", "unpause", "kv-old")
    cluster.state("kv", lambda state: state["running"] and "error" not in state)


def test_committed(cluster: Cluster) -> None:
    """An image that was made of ours runs the program by itself, and what runs it is not ours."""
    cluster.docker("n1", "commit", "kv-old", "mine:1")
    cluster.docker("n1", "run", "--detach", "--name", "copy", "mine:1")
    wait_for(lambda: cluster.docker("n1", "logs", "copy") == "hello", "the copy at work")
    assert cluster.docker("n1", "exec", "kv-old", "hostname") == "kv"
    cluster.delete("kv")
    assert cluster.docker("n1", "ps", "--format", "{{.Names}}") == "copy"
    cluster.docker("n1", "rm", "--force", "copy")


def test_through_a_link_of_the_image(cluster: Cluster) -> None:
    """A mount point may lead through an absolute symlink of the image."""
    make = "mkdir -p /opt/app-1.2/data && ln -s /opt/app-1.2 /opt/app"
    cluster.docker("n1", "run", "--name", "made", "redis:latest", "sh", "-c", make)
    cluster.docker("n1", "commit", "--change", 'CMD ["redis-server"]', "made", "app:1")
    cluster.docker("n1", "rm", "made")
    path = with_data(cluster, "app", image="app:1", mountpoint="/opt/app/data")
    back(cluster, "app")
    cluster.docker("n1", "exec", "flocker--app", "touch", "/opt/app-1.2/data/here")
    assert (cluster.node("n1").root / path.lstrip("/") / "here").exists()
    cluster.delete("app")


def moved(cluster: Cluster, name: str) -> Any:
    """The one move of a container, once it is over."""

    def is_over() -> Any:
        moves = [move for move in cluster.get("/state/moves") if move.get("container") == name]
        return [move for move in moves if "receipt" in move]

    (move,) = wait_for(is_over, "the move", STOP_TIMEOUT_SECONDS + WAIT_SECONDS)
    return move


def test_a_job_that_is_done(cluster: Cluster) -> None:
    """It ran once, whatever becomes of its container, its agent and its place."""
    path = with_data(cluster, "job", command_line=PAID)
    cluster.state("job", lambda state: state.get("exit_code") == 0)
    cluster.docker("n1", "container", "prune", "--force")
    cluster.restart_agent("n1")
    cluster.state("job", lambda state: state.get("exit_code") == 0)
    cluster.player.post("/configuration/containers/job", {"host": cluster.node("n2").address})

    assert moved(cluster, "job")["receipt"]["verdict"] == "done"
    state = cluster.state("job", lambda state: state.get("exit_code") == 0)
    assert state["host"] == cluster.node("n2").address
    ledger = cluster.node("n2").root / path.lstrip("/") / "ledger"
    assert ledger.read_text() == "paid\n"
    cluster.player.post("/configuration/containers/job", {"environment": {"AGAIN": "yes"}})
    wait_for(lambda: ledger.read_text() == "paid\npaid\n", "another run")
    cluster.delete("job")


def is_another(cluster: Cluster, name: str, before: str) -> bool:
    """Whether one runs, which is not the one before."""
    argv = ("ps", "--quiet", "--no-trunc", f"--filter=name=flocker--{name}")
    return cluster.docker("n1", *argv) not in ("", before)


def test_stopped_and_removed(cluster: Cluster) -> None:
    """An end that no look could see is one; what is removed by force at work is made anew."""
    cluster.create("n1", "over", command_line=HELLO)
    for _ in range(2):
        cluster.running("over")
        before = str(cluster.inspect("n1", "over")["Id"])
        cluster.docker("n1", "rm", "--force", "flocker--over")
        wait_for(partial(is_another, cluster, "over", before), "another one")
    cluster.running("over")
    command = "docker stop --time 1 flocker--over && docker rm flocker--over"
    cluster.node("n1").run(["sh", "-c", command])
    state = cluster.state("over", lambda state: state.get("exit_code") is not None)
    assert not state["running"]
    cluster.restart_agent("n1")
    cluster.state("over", lambda state: state.get("exit_code") is not None)
    assert cluster.docker("n1", "ps", "--all", "--quiet", "--filter=name=over") == ""
    cluster.delete("over")


def test_one_that_does_not_end(cluster: Cluster) -> None:
    """It has its time to end; that it was killed is said, and the next prediction counts it."""
    with_data(
        cluster, "slow", command_line=STUBBORN, stop_timeout_seconds=SHORT_STOP_TIMEOUT_SECONDS
    )
    back(cluster, "slow")
    cluster.player.post("/configuration/containers/slow", {"host": cluster.node("n2").address})
    move = moved(cluster, "slow")
    assert move["killed"]
    assert [each["killed"] for each in move["receipt"]["datasets"]] == [True]
    home = {"host": cluster.node("n1").address}
    forecast = cluster.player.post("/configuration/containers/slow?dry_run=1", home)
    assert forecast["predicted_pause_seconds"] > SHORT_STOP_TIMEOUT_SECONDS
    cluster.delete("slow")


def test_what_is_asked_of_a_node_that_is_away(cluster: Cluster) -> None:
    """A container that is configured there, and a move from there, say since when it is away."""
    with_data(cluster, "far")
    back(cluster, "far")
    cluster.node("n1").kill_service("flocker-agent")
    away = f"the agent of {cluster.node('n1').address} has been away since "
    cluster.player.poll("/state/nodes", lambda nodes: any(node.get("away") for node in nodes))
    cluster.create("n1", "late", command_line=HELLO)
    assert away in cluster.states()["late"]["error"]
    cluster.player.post("/configuration/containers/far", {"host": cluster.node("n2").address})
    (move,) = [each for each in cluster.get("/state/moves") if each.get("container") == "far"]
    assert move["phase"] == "preparing"
    assert away in move["error"]
    cluster.node("n1").start_service("flocker-agent")
    back(cluster, "late")
    assert moved(cluster, "far")["receipt"]["verdict"] == "done"
    cluster.delete("far", "late")
