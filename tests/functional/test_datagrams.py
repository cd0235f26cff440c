"""A UDP service on real nodes: its clients follow it over moves, and lose a moment at most."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from admin.hosts import Node
from tests.functional.agents_lab import Cluster, agents_lab, wait_for

PORT = 7053
PROGRAM = Path(__file__).with_name("datagrams.py")
ECHO = (
    "use IO::Socket::INET; $SIG{TERM} = sub { exit }; $s = IO::Socket::INET->new("
    "LocalPort => 53, Proto => 'udp') or die; while ($s->recv($_, 1024)) { $s->send(\"echo $_\") }"
)
SILENT_SECONDS_MAX = 5.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes, and a UDP service with data on the first."""
    with agents_lab("test-datagrams", "10.85.31.0/24") as cluster:
        dataset_id = cluster.dataset("n1")
        cluster.create(
            "n1",
            "echo",
            command_line=["perl", "-e", ECHO],
            ports=[f"{PORT}:53/udp"],
            volumes=[{"dataset_id": dataset_id, "mountpoint": "/data"}],
        )
        cluster.running("echo")
        yield cluster


class Client:
    """One socket on a node, which sends to an address all the time, and counts what comes back."""

    def __init__(self, node: Node, address: str) -> None:
        self.title = f"{node.name} to {address}"
        command = [sys.executable, str(PROGRAM), "watch", address, str(PORT)]
        pipe = subprocess.PIPE
        self.process = node.spawn(command, stdin=pipe, stdout=pipe, text=True)

    def seen(self) -> tuple[int, float]:
        """How many answers came, and the longest silence in seconds, since this was asked last."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answers, silence = self.process.stdout.readline().split()
        return int(answers), float(silence)


@contextmanager
def clients(cluster: Cluster) -> Iterator[list[Client]]:
    """From outside and from both nodes, each to both."""
    names = ("n1", "n2")
    addresses = [cluster.node(name).address for name in names]
    places = [cluster.node(name) for name in ("control", *names)]
    watching = [Client(place, address) for place in places for address in addresses]
    try:
        yield watching
    finally:
        for client in watching:
            client.process.communicate("", timeout=10)


def test_moves(cluster: Cluster) -> None:
    """Every client goes on after each move, with the same socket, without a pause of its own."""
    with clients(cluster) as watching:
        time.sleep(1)
        for client in watching:
            assert client.seen()[0] > 0, client.title
        for name in ("n2", "n1", "n2"):
            move_to(cluster, name)
            wait_for(lambda: no_move_is_open(cluster), "the end of the move")
            time.sleep(1)
            for client in watching:
                answers, silence = client.seen()
                print(f"to {name}: {client.title}: {answers} answers, silence {silence:.2f} s")
                assert silence < SILENT_SECONDS_MAX, client.title
            time.sleep(1)
            for client in watching:
                assert client.seen()[0] > 10, f"{client.title} after the move to {name}"


def move_to(cluster: Cluster, name: str) -> None:
    """Move the service, and wait until it runs there."""
    there = cluster.node(name).address
    cluster.player.post("/configuration/containers/echo", {"host": there})
    cluster.state("echo", lambda state: state["running"] and state["host"] == there)


def no_move_is_open(cluster: Cluster) -> bool:
    """Whether all moves have ended."""
    return all(
        "ended_at" in move or move.get("phase") == "done" for move in cluster.get("/state/moves")
    )
