"""What clients notice of moves: a wait, and never an error."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from admin.hosts import Lab, Node
from admin.hosts.arrivals import agents_here
from admin.story.player import Player

SUBNET = "10.84.0.0/24"
MOVES = int(os.environ.get("FLOCKER_LITE_MOVES", "6"))
THREADS = 2
TIMEOUT_SECONDS = 120.0
WAIT_SECONDS_MAX = 10.0
BROKEN_SECONDS = 5.0
PROGRAM = Path(__file__).with_name("load_client.py")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Three nodes with all services."""
    with Lab("test-holding", SUBNET, nodes=3, pulled=True) as lab:
        yield lab


@pytest.fixture(scope="module")
def player(lab: Lab) -> Player:
    """Speaks to the control service."""
    player = Player(f"http://{lab.node('control').address}:4523/v1", lambda _: None)
    player.poll("/state/nodes", lambda answer: agents_here(answer) == 3)
    return player


@dataclass
class Client:
    """One `load_client.py`, and in the end what it saw."""

    title: str
    process: subprocess.Popen[str]
    requests: int = 0
    errors: int = 0
    longest_seconds: float = 0.0
    said: str = ""

    def __str__(self) -> str:
        return (
            f"{self.title:28} {self.requests:6} requests {self.errors:3} errors, "
            f"longest wait {self.longest_seconds * 1000:5.0f} ms {self.said}"
        )


@contextmanager
def load(clients: dict[str, tuple[Node, str]], port: int, kind: str) -> Iterator[list[Client]]:
    """Clients by title, each run on a node and speaking to an address, for as long as it lasts."""
    running = []
    try:
        for title, (node, address) in clients.items():
            command = [sys.executable, str(PROGRAM), address, str(port), kind, str(THREADS)]
            pipe = subprocess.PIPE
            process = node.spawn(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
            running.append(Client(title, process))
        for client in running:
            assert client.process.stdout is not None
            assert client.process.stdout.readline() == "ready\n"
        yield running
    finally:
        for client in running:
            out, client.said = client.process.communicate("", timeout=TIMEOUT_SECONDS)
            if client.process.returncode == 0:
                client.requests, client.errors, client.longest_seconds = json.loads(out)


def positions(lab: Lab) -> dict[str, tuple[Node, str]]:
    """Clients on each node that speak to their own node, and one outside for each node."""
    names = {"n1": "source", "n2": "target", "n3": "third node"}
    outside = lab.node("control")
    inside = {f"on {names[name]}": (lab.node(name), lab.node(name).address) for name in names}
    through = {f"through {names[name]}": (outside, lab.node(name).address) for name in names}
    over6 = {
        f"through {names[name]}, IPv6": (outside, str(lab.node(name).address6)) for name in names
    }
    loopback = {"on source, at 127.0.0.1": (lab.node("n1"), "127.0.0.1")}
    return {**inside, **through, **over6, **loopback}


def runs(player: Player, name: str, node: Node) -> None:
    """Wait until the container runs there, and nowhere else."""
    player.poll(
        "/state/containers",
        lambda answer: (
            [(item["host"], item["running"]) for item in answer if item["name"] == name]
            == [(node.address, True)]
        ),
    )


def move(player: Player, name: str, node: Node) -> float:
    """Move it, and wait until it is there; returns the pause by its account, in seconds."""
    player.post(f"/configuration/containers/{name}", {"host": node.address})
    runs(player, name, node)
    moves = player.poll(f"/state/moves?container={name}", lambda answer: True)
    return float(moves[0]["pause_seconds"])


def back_and_forth(lab: Lab, player: Player, name: str, port: int, kind: str) -> None:
    """Move it MOVES times under load; no client saw an error."""
    sides = (lab.node("n2"), lab.node("n1"))
    with load(positions(lab), port, kind) as clients:
        pauses = [move(player, name, sides[number % 2]) for number in range(MOVES)]
    print(f"\n{name}: {MOVES} moves, the longest pause {max(pauses) * 1000:.0f} ms by its account")
    for client in clients:
        print(client)
    assert [client.errors for client in clients] == [0] * len(clients)
    assert all(client.requests > MOVES for client in clients)
    assert max(client.longest_seconds for client in clients) < WAIT_SECONDS_MAX


def answers(lab: Lab, port: int) -> None:
    """Wait until every node leads to it."""
    for name in ("n1", "n2", "n3"):
        address = (lab.node(name).address, port)
        ends = time.monotonic() + TIMEOUT_SECONDS
        while True:
            try:
                socket.create_connection(address, 1.0).close()
                break
            except OSError:
                assert time.monotonic() < ends, address
                time.sleep(0.1)


def connected(node: Node) -> socket.socket:
    """A connection to redis through a node, that was answered once."""
    connection = socket.create_connection((node.address, 6379), WAIT_SECONDS_MAX)
    connection.sendall(b"PING\r\n")
    assert connection.recv(100) == b"+PONG\r\n"
    return connection


def test_redis(lab: Lab, player: Player) -> None:
    """A client that connects anew for each request, at every place, through moves with data."""
    first = lab.node("n1")
    body = {"primary": first.address, "metadata": {"name": "data"}}
    dataset_id = player.post("/configuration/datasets", body)["dataset_id"]
    player.post(
        "/configuration/containers",
        {
            "host": first.address,
            "name": "redis",
            "image": "redis:latest",
            "ports": [{"internal": 6379, "external": 6379}],
            "volumes": [{"dataset_id": dataset_id, "mountpoint": "/data"}],
        },
    )
    runs(player, "redis", first)
    answers(lab, 6379)
    back_and_forth(lab, player, "redis", 6379, "redis")


def test_nginx(lab: Lab, player: Player) -> None:
    """A container without data serves elsewhere before it ends here."""
    first = lab.node("n1")
    player.post(
        "/configuration/containers",
        {
            "host": first.address,
            "name": "nginx",
            "image": "nginx:latest",
            "ports": [{"internal": 80, "external": 8080}],
        },
    )
    runs(player, "nginx", first)
    answers(lab, 8080)
    back_and_forth(lab, player, "nginx", 8080, "http")


def test_established(lab: Lab, player: Player) -> None:
    """A connection from before a move sees a close, and not silence, through any node."""
    source, target = lab.node("n1"), lab.node("n2")
    nodes = [lab.node(name) for name in ("n1", "n2", "n3")]
    connections = [connected(node) for node in nodes]
    move(player, "redis", target)
    for node, connection in zip(nodes, connections, strict=True):
        with connection:
            said = b""
            try:
                said = connection.recv(100)
            except ConnectionResetError:
                continue
            assert said == b"", node.name
    move(player, "redis", source)


def test_failed_move(lab: Lab, player: Player) -> None:
    """When the other node dies in the middle of a move, who came meanwhile is served here."""
    source, target = lab.node("n1"), lab.node("n2")
    clients = {"on source": positions(lab)["on source"]}
    clients["through third node"] = positions(lab)["through third node"]
    with load(clients, 6379, "redis") as running:
        target.stop_service("flocker-agent")
        player.post("/configuration/containers/redis", {"host": target.address})
        time.sleep(BROKEN_SECONDS)
        player.post("/configuration/containers/redis", {"host": source.address})
        target.start_service("flocker-agent")
        runs(player, "redis", source)
    print()
    for client in running:
        print(client)
        assert client.errors == 0


def test_container_that_ends(lab: Lab, player: Player) -> None:
    """A move of the container is the only thing that is held: without it, it is refused."""
    first = lab.node("n1")
    first.run(["docker", "kill", "flocker--nginx"])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((first.address, 8080), WAIT_SECONDS_MAX)


def test_nothing_is_left(lab: Lab, player: Player) -> None:
    """In the steady state no rule leads to the holder, but what the kernel cannot lead on."""
    for name in ("n1", "n2", "n3"):
        table = ["nft", "list", "table", "ip", "flocker_lite"]
        assert "redirect" not in lab.node(name).run(table).stdout


def test_counts(lab: Lab, player: Player) -> None:
    """What was held is in the state of the node, and that nothing waits any more.

    The other one counts anew since its agent was started anew.
    """
    address = lab.node("n1").address

    def ports(answer: Any) -> list[Any]:
        return [
            port
            for node in answer
            if node["host"] == address
            for port in node.get("ports", ())
            if port["port"] == 6379
        ]

    quiet = player.poll("/state/nodes", lambda answer: [p["held"] for p in ports(answer)] == [0])
    (redis,) = ports(quiet)
    assert redis["held_total"] > 0
    assert redis["refused_total"] == 0
