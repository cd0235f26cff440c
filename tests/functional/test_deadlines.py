"""Containers that run under a fencing deadline: who may die without harm, and who ends them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from flocker_lite.model.fencing.claims import KILL_SECONDS_MAX
from tests.functional.agents_lab import Cluster, agents_lab, wait_for

AFTER_SECONDS = 10
LONG_SECONDS = 3.0 * AFTER_SECONDS
LOOK_SECONDS = 5.0
WRITE = "while :; do date +%s.%N >> /data/written; sleep 0.05; done"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A lab with nothing in it."""
    with agents_lab("test-fenced", "10.86.28.0/24") as cluster:
        yield cluster


@pytest.fixture
def writer(cluster: Cluster) -> Iterator[Writer]:
    """A container at n1 with a standby at n2, which fails over by itself."""
    writer = Writer(cluster)
    yield writer
    cluster.delete(writer.name)


class Writer:
    """A container that writes all the time."""

    number = 0

    def __init__(self, cluster: Cluster) -> None:
        Writer.number += 1
        self.cluster = cluster
        self.name = f"writer{Writer.number}"
        standby = {"nodes": [cluster.node("n2").address], "rpo_seconds": 5}
        self.dataset_id = cluster.dataset("n1", replicas=standby)
        cluster.create(
            "n1",
            self.name,
            command_line=["sh", "-c", WRITE],
            volumes=[{"dataset_id": self.dataset_id, "mountpoint": "/data"}],
            failover={"mode": "automatic", "after_seconds": AFTER_SECONDS},
        )
        cluster.running(self.name)
        self.instance = cluster.inspect("n1", self.name)["Id"]
        wait_for(self.is_seeded, "a first copy at the standby", 90)

    def is_seeded(self) -> bool:
        """Whether the standby has a copy."""
        named = f"flocker/flocker-lite/{self.dataset_id}"
        listed = self.cluster.node("n2").run(
            ["zfs", "list", "-H", "-r", "-t", "snapshot", "-o", "name", named], check=False
        )
        return named in listed.stdout

    @property
    def runs(self) -> bool:
        """Whether any process of it is there, by the kernel alone."""
        command = ["sh", "-c", f"grep -l {self.instance} /proc/[0-9]*/cgroup"]
        return bool(self.cluster.node("n1").run(command, check=False).stdout.strip())

    def stays(self, seconds: float) -> None:
        """It runs on, without an interruption, for that long."""
        started_at = self.cluster.inspect("n1", self.name)["State"]["StartedAt"]
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            assert self.runs
            time.sleep(0.5)
        assert self.cluster.inspect("n1", self.name)["State"]["StartedAt"] == started_at

    def is_another_run(self, started_at: str) -> bool:
        """Whether it runs, and was started anew since then."""
        state = self.cluster.inspect("n1", self.name)["State"]
        return bool(state["Running"] and state["StartedAt"] != started_at)

    def state(self) -> dict[str, Any]:
        """What the state says of it."""
        found: dict[str, Any] = self.cluster.states().get(self.name, {})
        return found


def test_an_agent_that_is_away_for_long(cluster: Cluster, writer: Writer) -> None:
    """Its container is ended by the fence, and started again when the agent is back."""
    cluster.node("n1").kill_service("flocker-agent")
    began = time.monotonic()
    wait_for(lambda: not writer.runs, "that it ended", LONG_SECONDS)
    assert time.monotonic() - began < AFTER_SECONDS + KILL_SECONDS_MAX + LOOK_SECONDS
    cluster.node("n1").start_service("flocker-agent")
    wait_for(lambda: writer.runs or writer.state().get("running"), "that it runs again", 90)


def test_an_agent_that_is_upgraded(cluster: Cluster, writer: Writer) -> None:
    """The next one finds the fence, and nothing stops."""
    for _ in range(2):
        cluster.restart_agent("n1")
        writer.stays(AFTER_SECONDS)


def test_an_agent_that_stands_still(cluster: Cluster, writer: Writer) -> None:
    """As one that is dead; when it goes on, it gets a renewal first."""
    node = cluster.node("n1")
    pid = node.run(["cat", "/run/flocker-agent.pid"]).stdout.strip()
    node.run(["kill", "-STOP", pid])
    try:
        wait_for(lambda: not writer.runs, "that it ended", LONG_SECONDS)
        time.sleep(LOOK_SECONDS)
        assert not writer.runs
    finally:
        node.run(["kill", "-CONT", pid])
    wait_for(lambda: writer.runs or writer.state().get("running"), "that it runs again", 90)


def test_half_of_the_fence_is_killed(cluster: Cluster, writer: Writer) -> None:
    """The other half ends the container at once; the agent starts it again under a new fence."""
    node = cluster.node("n1")
    for half in (0, 1):
        wait_for(lambda: writer.runs, "that it runs", 90)
        started_at = cluster.inspect("n1", writer.name)["State"]["StartedAt"]
        pids = node.run(["pgrep", "-f", "fence_keeper"]).stdout.split()
        node.run(["kill", "-9", pids[half]])
        wait_for(partial(writer.is_another_run, started_at), "that it runs again", 90)
        # Whoever was faster, the fence or the agent, it is the same one.
        assert cluster.inspect("n1", writer.name)["Id"] == writer.instance
        again = node.run(["pgrep", "-f", "fence_keeper"]).stdout.split()
        assert not set(again) & set(pids)


def test_the_control_service_is_dead(cluster: Cluster, writer: Writer) -> None:
    """Nothing stops as long as the standby renews."""
    cluster.node("control").kill_service("flocker-control")
    try:
        writer.stays(LONG_SECONDS)
    finally:
        cluster.node("control").start_service("flocker-control")


def test_the_standby_is_dead(cluster: Cluster, writer: Writer) -> None:
    """Nothing stops as long as the control service renews."""
    cluster.node("n2").kill_service("flocker-agent")
    try:
        writer.stays(LONG_SECONDS)
    finally:
        cluster.node("n2").start_service("flocker-agent")


def test_who_is_cut_off_from_both(cluster: Cluster, writer: Writer) -> None:
    """The node ends its container by itself before its deadline; healed, all goes on somewhere."""
    cluster.node("n1").cut()
    began = time.monotonic()
    try:
        wait_for(lambda: not writer.runs, "that it ended", LONG_SECONDS)
        assert time.monotonic() - began < AFTER_SECONDS + KILL_SECONDS_MAX + LOOK_SECONDS
    finally:
        cluster.node("n1").heal()
    wait_for(lambda: writer.state().get("running"), "that it runs again", 120)
