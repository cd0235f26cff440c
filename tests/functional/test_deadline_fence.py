"""The fence of deadlines on real Docker and ZFS: what hangs or dies, and what ends nevertheless."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from admin.hosts import Node
from flocker_lite.model.fencing.claims import KILL_SECONDS_MAX
from flocker_lite.taps.startup import monotonic_seconds
from tests.functional.agents_lab import Cluster, agents_lab, wait_for

SECONDS = 8.0
LOOK_SECONDS = 5.0
"""How long a look into the node takes at most, on a busy machine."""
WRITE = "while :; do date +%s.%N >> /data/written; sleep 0.02; done"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A lab with nothing in it."""
    with agents_lab("test-deadlines", "10.86.27.0/24") as cluster:
        yield cluster


@pytest.fixture
def writer(cluster: Cluster) -> Iterator[Writer]:
    """A container at n1 that writes all the time, and whose agent is dead."""
    writer = Writer(cluster)
    yield writer
    writer.delete()


class Writer:
    """A container that appends the time to a file, fifty times a second."""

    number = 0

    def __init__(self, cluster: Cluster) -> None:
        Writer.number += 1
        self.cluster, self.node = cluster, cluster.node("n1")
        self.name = f"writer{Writer.number}"
        self.dataset_id = cluster.dataset("n1")
        cluster.create(
            "n1",
            self.name,
            command_line=["sh", "-c", WRITE],
            volumes=[{"dataset_id": self.dataset_id, "mountpoint": "/data"}],
        )
        cluster.running(self.name)
        self.instance = cluster.inspect("n1", self.name)["Id"]
        wait_for(lambda: self.processes, "that it runs")
        self.node.kill_service("flocker-agent")

    def call(self, *words: str) -> str:
        """What the fence guards, after an agent for one call said this to it."""
        module = [sys.executable, "-m", "tests.functional.deadline_agent"]
        return self.node.run([*module, *words]).stdout.strip()

    def arm(self, seconds: float) -> float:
        """Arm its deadline; returns when that is, by CLOCK_BOOTTIME."""
        said = self.call("arm", self.name, str(seconds), self.dataset_id, self.instance)
        (line,) = [line for line in said.splitlines() if line.startswith(f"{self.name} ")]
        return float(line.split()[1])

    @property
    def processes(self) -> list[str]:
        """Those of the container, by the kernel alone."""
        listed = self.node.run(
            ["sh", "-c", f"grep -l {self.instance} /proc/[0-9]*/cgroup"], check=False
        ).stdout.split()
        return [path.split("/")[2] for path in listed]

    @property
    def is_mounted(self) -> bool:
        return self.dataset_id in self.node.run(["cat", "/proc/mounts"]).stdout

    def ended(self, at: float) -> None:
        """Wait until nothing of it runs; it ran until its deadline, and no longer than it may."""
        wait_for(lambda: not self.processes, "that it ended", 30)
        assert at < monotonic_seconds() < at + KILL_SECONDS_MAX + LOOK_SECONDS

    def fences(self) -> list[str]:
        """The process ids of the two, the first one first."""
        return self.node.run(["pgrep", "-f", "fence_keeper"], check=False).stdout.split()

    def delete(self) -> None:
        """Have the agent remove it."""
        self.call("disarm", self.name)
        self.node.start_service("flocker-agent")
        self.cluster.delete(self.name)


@contextmanager
def stopped(node: Node, *pids: str) -> Iterator[None]:
    """These processes stand still."""
    node.run(["kill", "-STOP", *pids])
    try:
        yield
    finally:
        node.run(["kill", "-CONT", *pids], check=False)


def pid_of(node: Node, program: str) -> str:
    """The process of a daemon of the node."""
    return node.run(["pgrep", "-o", "-x", program]).stdout.split()[0]


def test_it_ends_without_any_agent(writer: Writer) -> None:
    """The container dies at its deadline, and its dataset is unmounted."""
    writer.ended(writer.arm(SECONDS))
    wait_for(lambda: not writer.is_mounted, "that it is unmounted", 10)
    assert writer.call("show").endswith("True")


def test_each_agent_finds_it_and_renews(writer: Writer) -> None:
    """The pair of the first one goes on; an instance is added late."""
    writer.call("arm", writer.name, str(SECONDS), writer.dataset_id)
    pair = writer.fences()
    for _ in range(3):
        at = writer.arm(SECONDS)
    assert (len(pair), writer.fences()) == (2, pair)
    writer.ended(at)


def test_it_asks_no_docker_that_hangs(writer: Writer) -> None:
    """Neither dockerd nor containerd."""
    at = writer.arm(SECONDS)
    pids = [pid_of(writer.node, name) for name in ("dockerd", "containerd")]
    with stopped(writer.node, *pids):
        writer.ended(at)


def test_what_docker_starts_late_does_not_write(writer: Writer) -> None:
    """Docker hangs in the middle of a start, and goes on after the deadline."""
    writer.ended(writer.arm(SECONDS))
    wait_for(lambda: not writer.is_mounted, "that it is unmounted", 10)
    for _ in range(3):
        writer.node.run(["docker", "start", f"flocker--{writer.name}"], check=False)
        wait_for(lambda: not writer.processes, "that it ended again", 10)


def test_it_asks_no_zfs_that_hangs(writer: Writer) -> None:
    """It unmounts once ZFS goes on."""
    at = writer.arm(SECONDS)
    with stopped(writer.node, pid_of(writer.node, "zfs-fuse")):
        # A process in the middle of a write dies once that is over, which it is not.
        wait_for(lambda: monotonic_seconds() > at + KILL_SECONDS_MAX, "the deadline")
        time.sleep(1.0)
        states = [
            writer.node.run(["cat", f"/proc/{pid}/stat"], check=False).stdout
            for pid in writer.processes
        ]
        assert all(text == "" or text.rpartition(")")[2].split()[0] in "DZX" for text in states)
    wait_for(lambda: not writer.processes, "that it ended", 30)
    wait_for(lambda: not writer.is_mounted, "that it is unmounted", 30)


def test_the_half_that_is_left_ends_it(writer: Writer) -> None:
    """At once, long before its deadline."""
    for half in (0, 1):
        at = writer.arm(60.0)
        writer.node.run(["kill", "-9", writer.fences()[half]])
        wait_for(lambda: not writer.processes, "that it ended", 10)
        assert monotonic_seconds() < at - 30
        wait_for(lambda: not writer.fences(), "that the other is gone, too", 30)
        writer.node.run(["zfs", "mount", f"flocker/flocker-lite/{writer.dataset_id}"], check=False)
        writer.node.run(["docker", "start", f"flocker--{writer.name}"])
        wait_for(lambda: writer.processes, "that it runs")


def test_a_half_that_stands_still_is_made_up_for(writer: Writer) -> None:
    at = writer.arm(SECONDS)
    with stopped(writer.node, writer.fences()[0]):
        writer.ended(at)
