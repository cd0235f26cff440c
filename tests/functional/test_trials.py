"""A move that commits after its copy is healthy: on trial, kept, given back, and fenced."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from admin.hosts import Node
from tests.functional.agents_lab import WAIT_SECONDS, Cluster, agents_lab, wait_for

IMAGE = "redis:latest"
PORT = 6379
LENIENT = {"timeout_seconds": 2, "start_period_seconds": 4}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A lab with nothing in it."""
    with agents_lab("test-trials", "10.86.1.0/24") as cluster:
        yield cluster


@pytest.fixture
def shop(cluster: Cluster) -> Iterator[Shop]:
    """A redis at n1 with a value in it, whose name and dataset are its own."""
    shop = Shop(cluster)
    yield shop
    cluster.delete(shop.name)


class Shop:
    """A redis whose health check a test chooses; its link tells it at which node it runs."""

    number = 0

    def __init__(self, cluster: Cluster) -> None:
        Shop.number += 1
        self.cluster = cluster
        self.name = f"shop{Shop.number}"
        self.port = 7500 + Shop.number
        self.dataset_id = cluster.dataset("n1")

    def create(self, check: dict[str, Any]) -> None:
        """Have it run at n1, with a value in it."""
        self.cluster.create(
            "n1",
            self.name,
            image=IMAGE,
            command_line=["redis-server", "--dir", "/data", "--appendonly", "yes"],
            ports=[{"internal": PORT, "external": self.port}],
            volumes=[{"dataset_id": self.dataset_id, "mountpoint": "/data"}],
            links=[{"alias": "here", "local_port": 1, "remote_port": 1}],
            health_check=check,
        )
        self.cluster.running(self.name)
        # That it runs does not mean that it listens already: only moves are held.
        wait_for(lambda: self.redis("n1", "ping") == "PONG", "its first answer")
        assert self.redis("n1", "set", "hello", "world") == "OK"

    def redis(self, node: str, *words: str) -> str:
        """What it says at a port of that node."""
        lab = self.cluster.lab
        address = lab.node(node).address
        command = ["redis-cli", "-h", address, "-p", str(self.port), *words]
        return lab.node("control").run(command, check=False).stdout.strip()

    def move(self, node: str, **options: Any) -> None:
        """Ask for it to be elsewhere."""
        body: dict[str, Any] = {"host": self.cluster.node(node).address}
        if options:
            body["move"] = options
        self.cluster.player.post(f"/configuration/containers/{self.name}", body)

    def moves(self) -> list[Any]:
        """Its moves, the newest first."""
        return list(self.cluster.get(f"/state/moves?container={self.name}"))

    def over(self, phase: str, timeout_seconds: float = WAIT_SECONDS) -> Any:
        """Its newest move, once that is over like this."""
        return wait_for(
            lambda: next((move for move in self.moves()[:1] if move["phase"] == phase), None),
            f"{phase}: {self.moves()[:1]}",
            timeout_seconds,
        )

    def runs_at(self, node: str) -> bool:
        """Whether it is seen to run there, and nowhere else."""
        found = [item for item in self.cluster.get("/state/containers") if item["running"]]
        hosts = [item["host"] for item in found if item["name"] == self.name]
        return hosts == [self.cluster.node(node).address]

    def lease(self, node: str) -> str:
        """What is written on the copy of a node."""
        return self.zfs(node, "get", "-Hp", "-o", "value", "flocker:lease")

    def has_files_open(self, node: Node) -> bool:
        """Whether its program, let go, has files of the dataset open at that node."""
        listed = node.run(["sh", "-c", "ls -l /proc/[0-9]*/fd 2>/dev/null"], check=False).stdout
        return "/data/appendonlydir" in listed

    def fences(self, node: Node) -> list[str]:
        """The process ids of the fences at that node, in the order of their start."""
        listed = node.run(["pgrep", "-f", "fence_process"], check=False).stdout
        return listed.split()

    def run_id(self, node: str) -> str:
        """What tells one run of the program from any other, as a client sees it at that node."""
        found = [
            line for line in self.redis(node, "info", "server").splitlines() if "run_id" in line
        ]
        return found[0].strip() if found else ""

    def snapshots(self, node: str) -> list[str]:
        """The names of the snapshots there."""
        listed = self.zfs(node, "list", "-H", "-r", "-t", "snapshot", "-o", "name")
        return [line.partition("@")[2] for line in listed.splitlines()]

    def zfs(self, node: str, *words: str) -> str:
        """A zfs command on the copy of a node."""
        name = f"flocker/flocker-lite/{self.dataset_id}"
        return self.cluster.node(node).run(["zfs", *words, name], check=False).stdout.strip()


def healthy_at(cluster: Cluster, node: str) -> dict[str, Any]:
    """A check that succeeds at one node alone: links lead to the node that one is at."""
    here = f"grep -qw {cluster.node(node).address} /etc/hosts"
    return {"command": ["sh", "-c", f"redis-cli ping | grep -q PONG && {here}"], **LENIENT}


def test_a_healthy_copy_is_kept(shop: Shop) -> None:
    """The account says that it was tried, how long that took, and with what the move ended."""
    shop.create({"command": ["redis-cli", "ping"], **LENIENT})
    shop.move("n2")
    move = shop.over("done")
    assert shop.runs_at("n2")
    assert shop.redis("n1", "get", "hello") == shop.redis("n2", "get", "hello") == "world"
    assert "lend" in move["pause"]
    assert "answer" in move["pause"]
    assert shop.lease("n2").startswith("primary:2")
    assert shop.lease("n1").startswith("replica:2")
    assert not [name for name in shop.snapshots("n2") if name.startswith("stash")]


def test_a_sick_copy_is_given_back(cluster: Cluster, shop: Shop) -> None:
    """The container runs at its source again, all is there, and nothing tries that again."""
    shop.create(healthy_at(cluster, "n1"))
    shop.move("n2")
    move = shop.over("rolled back")
    assert "grep" in move["error"]
    wait_for(lambda: shop.runs_at("n1"), "at the source again")
    wait_for(lambda: shop.redis("n2", "get", "hello") == "world", "it serves again")
    assert shop.lease("n1").startswith("primary:1")
    assert shop.lease("n2").startswith("replica:1")
    assert [name for name in shop.snapshots("n2") if name.startswith("stash-2")]
    (configured,) = [
        item for item in cluster.get("/configuration/containers") if item["name"] == shop.name
    ]
    assert configured["host"] == cluster.node("n1").address


def test_it_can_be_moved_again_once_it_is_well(cluster: Cluster, shop: Shop) -> None:
    """What was written on trial is kept aside, and the next push is an increment."""
    shop.create(healthy_at(cluster, "n1"))
    shop.move("n2")
    shop.over("rolled back")
    wait_for(lambda: shop.runs_at("n1"), "at the source again")
    check = {"command": ["redis-cli", "ping"], **LENIENT}
    cluster.player.post(f"/configuration/containers/{shop.name}", {"health_check": check})
    shop.move("n2")
    shop.over("done")
    assert shop.redis("n1", "get", "hello") == "world"
    kept = cluster.node("n2").run(["zfs", "list", "-H", "-o", "name,origin"]).stdout
    (row,) = [row for row in kept.splitlines() if f"{shop.dataset_id}.trial" in row]
    # It stems from a snapshot of the copy that goes on: nothing was sent twice.
    assert f"/{shop.dataset_id}@flocker-lite-" in row


def test_a_trial_ends_though_its_agent_is_dead(cluster: Cluster, shop: Shop) -> None:
    """The fence stops the copy; the source takes the dataset back after that, not before."""
    shop.create(healthy_at(cluster, "n1") | {"start_period_seconds": 8})
    node = cluster.node("n2")
    shop.move("n2")
    wait_for(lambda: shop.has_files_open(node), "on trial")
    node.kill_service("flocker-agent")
    assert shop.lease("n2").startswith("probation:2")
    assert shop.lease("n1").startswith("lent:2")
    wait_for(lambda: shop.lease("n1").startswith("primary:1"), "taken back", 90)
    # By then nothing of it runs or is mounted there, though nobody is there to see to it.
    assert not shop.has_files_open(node)
    assert shop.dataset_id not in node.run(["cat", "/proc/mounts"]).stdout
    # What a dead agent said last is believed for a while: so the service itself is asked.
    wait_for(lambda: shop.redis("n1", "get", "hello") == "world", "it serves again")
    began = time.monotonic()
    node.start_service("flocker-agent")
    wait_for(lambda: shop.lease("n2").startswith("replica"), "given back")
    assert time.monotonic() - began < WAIT_SECONDS
    wait_for(lambda: shop.runs_at("n1"), "still at the source")


def test_a_trial_ends_with_its_fence(cluster: Cluster, shop: Shop) -> None:
    """The agent is killed, and then one half of the fence: the other ends the trial at once."""
    shop.create(healthy_at(cluster, "n1") | {"start_period_seconds": 20})
    node = cluster.node("n2")
    for half in (0, 1):
        shop.move("n2")
        wait_for(lambda: shop.has_files_open(node), "on trial")
        node.kill_service("flocker-agent")
        node.run(["kill", "-9", shop.fences(node)[half]])
        wait_for(lambda: not shop.has_files_open(node), "ended", 20)
        # That was long before the trial is over: its source waits for it.
        assert shop.lease("n1").startswith("lent:")
        node.start_service("flocker-agent")
        wait_for(lambda: shop.lease("n1").startswith("primary:"), "taken back", 90)
        wait_for(lambda: shop.runs_at("n1"), "at the source again")
        wait_for(lambda: shop.redis("n2", "get", "hello") == "world", "it serves again")
        if half == 0:
            shop.over("rolled back")


def test_no_client_reaches_the_copy_of_a_node_that_stood_still(
    cluster: Cluster, shop: Shop
) -> None:
    """All of it is stopped on trial, and goes on when the source has long taken over."""
    shop.create(healthy_at(cluster, "n1") | {"timeout_seconds": 1, "start_period_seconds": 3})
    node = cluster.node("n2")
    shop.move("n2")
    wait_for(lambda: shop.has_files_open(node), "on trial")
    node.run(["sh", "-c", "kill -STOP -1"], check=False)
    try:
        wait_for(lambda: shop.lease("n1").startswith("primary:"), "taken back", 90)
        # Else the move is tried again once that node is back, with another run at the source.
        shop.move("n1")
        wait_for(lambda: shop.redis("n1", "get", "hello") == "world", "it serves again")
        true_run = shop.run_id("n1")
    finally:
        node.run(["sh", "-c", "kill -CONT -1"], check=False)
    ends = time.monotonic() + 5
    seen: set[str] = set()
    while time.monotonic() < ends:
        seen.update((shop.run_id("n1"), shop.run_id("n2")))
    assert seen <= {true_run, ""}, (seen, true_run, shop.run_id("n1"), shop.lease("n1"))
    assert not shop.has_files_open(node)
