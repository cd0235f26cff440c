"""External ports that other software of a node has: reported, and not fought over."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest

from admin.hosts import Node
from tests.functional.agents_lab import Cluster, agents_lab, wait_for

TESTS = Path(__file__).resolve().parent
END_TIMEOUT_SECONDS = 10.0
REDIS = ["redis-server", "--port", "80"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes whose agents look at them all the time."""
    with agents_lab("test-ports", "10.85.4.0/24") as cluster:
        yield cluster


@contextmanager
def listening(node: Node, port: int) -> Iterator[int]:
    """Have a program of the node answer at the port with the node's name; gives its pid."""
    command = [sys.executable, str(TESTS / "name_server.py"), str(port)]
    process = node.spawn(command, stdin=PIPE, stdout=PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process.pid
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(END_TIMEOUT_SECONDS)


def answer(cluster: Cluster, name: str, port: int) -> str:
    """What a program outside is answered at that port of a node; "" when it is refused."""
    address = cluster.node(name).address
    client = [sys.executable, str(TESTS / "name_client.py"), address, str(port)]
    asked = cluster.node("control").run(client, input_text="who?\n", check=False)
    return str(asked.stdout).strip()


def said_of(cluster: Cluster, name: str, port: int) -> Any:
    """What the state of a node has on one of its ports."""
    for node in cluster.get("/state/nodes"):
        if node["host"] == cluster.node(name).address:
            return next((said for said in node.get("ports", ()) if said["port"] == port), None)
    return None


def move(cluster: Cluster, container: str, name: str) -> None:
    """Move it to the node and wait until it runs there."""
    address = cluster.node(name).address
    cluster.player.post(f"/configuration/containers/{container}", {"host": address})
    cluster.state(container, lambda state: state.get("running") and state["host"] == address)


def test_where_the_container_should_run(cluster: Cluster) -> None:
    """Who has the port, and what to do, is beside the container until the port is free."""
    with listening(cluster.node("n1"), 7000):
        cluster.create("n1", "db", command_line=REDIS, ports=[{"internal": 80, "external": 7000}])
        said = cluster.state("db", lambda state: "in use" in state.get("error", ""))["error"]
        print(f"\n{said}")
        assert said.startswith("port 7000 of this node is in use by python")
        assert said.endswith(": stop that, or give the container another external port")
        assert answer(cluster, "n1", 7000).startswith("n1 ")
    cluster.cured("db")
    wait_for(lambda: answer(cluster, "n2", 7000).startswith("-ERR"), "db through n2")
    cluster.delete("db")


def test_where_it_is_led_on(cluster: Cluster) -> None:
    """Software that is there first keeps its port, and the container is reached at the others."""
    with listening(cluster.node("n2"), 7001):
        cluster.create("n1", "web", command_line=REDIS, ports=[{"internal": 80, "external": 7001}])
        cluster.running("web")
        said = wait_for(lambda: said_of(cluster, "n2", 7001), "the error of the node")["error"]
        print(f"\n{said}")
        assert said.startswith(
            "connections to port 7001 of this node do not reach container web, because python"
        )
        assert answer(cluster, "n2", 7001).startswith("n2 ")
        wait_for(lambda: answer(cluster, "n1", 7001).startswith("-ERR"), "web at its own node")
        assert said_of(cluster, "n1", 7001) is None
    wait_for(lambda: said_of(cluster, "n2", 7001) is None, "the end of the error")
    wait_for(lambda: answer(cluster, "n2", 7001).startswith("-ERR"), "web through n2")


def test_software_that_comes_later(cluster: Cluster) -> None:
    """It gets its port, and the route that was there comes back when it is gone."""
    assert answer(cluster, "n2", 7001).startswith("-ERR")
    with listening(cluster.node("n2"), 7001):
        wait_for(lambda: answer(cluster, "n2", 7001).startswith("n2 "), "the other software")
        assert said_of(cluster, "n2", 7001)["error"]
    wait_for(lambda: answer(cluster, "n2", 7001).startswith("-ERR"), "web through n2")
    cluster.delete("web")


def test_a_container_of_somebody_else(cluster: Cluster) -> None:
    """Docker listens for it; for our own, before and after a move, it is no stranger."""
    cluster.create("n1", "web", command_line=REDIS, ports=[{"internal": 80, "external": 7002}])
    cluster.running("web")
    for name in ("n2", "n1"):
        move(cluster, "web", name)
        assert [said_of(cluster, other, 7002) for other in ("n1", "n2")] == [None, None]
        for other in ("n1", "n2"):
            assert answer(cluster, other, 7002).startswith("-ERR")
    mine = ["run", "--detach", "--publish=7003:80", "--name=mine", "redis:latest", *REDIS]
    cluster.docker("n2", *mine)
    cluster.create("n1", "shop", command_line=REDIS, ports=[{"internal": 80, "external": 7003}])
    said = wait_for(lambda: said_of(cluster, "n2", 7003), "the error of the node")["error"]
    assert "another container of Docker uses the port here" in said
    cluster.docker("n2", "rm", "--force", "--volumes", "mine")
    wait_for(lambda: said_of(cluster, "n2", 7003) is None, "the end of the error")
