"""Standbys on real ZFS and Docker: a redis whose data are kept fresh on another node."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from admin.hosts import Lab
from admin.hosts.arrivals import agents_here
from tests.functional.agents_lab import Cluster, wait_for

NODES = ("n1", "n2", "n3")
RPO_SECONDS = 5
DATA_BYTES = 8_000_000
INCREMENT_BYTES_MAX = DATA_BYTES // 8
SNAPSHOTS_MAX = 3
"""One base, one in flight, and for a moment the one before."""


class Standbys(Cluster):
    """One redis with a dataset on the first node."""

    dataset_id = ""

    def open(self) -> None:
        """Have it run, with some data on disk."""
        self.player.poll("/state/nodes", lambda nodes: agents_here(nodes) == len(NODES))
        self.dataset_id = self.dataset("n1")
        volumes = [{"dataset_id": self.dataset_id, "mountpoint": "/data"}]
        redis = ["redis-server", "--appendonly", "yes", "--appendfsync", "always"]
        self.create("n1", "cache", volumes=volumes, command_line=redis)
        self.running("cache")
        self.inside("n1", f"head -c {DATA_BYTES} /dev/urandom >/data/bulk; sync")

    def inside(self, node: str, script: str) -> str:
        """What a shell in it says."""
        return self.docker(node, "exec", "flocker--cache", "sh", "-ec", script)

    def redis(self, node: str, *words: str) -> str:
        """What redis answers."""
        return self.docker(node, "exec", "flocker--cache", "redis-cli", *words)

    def replicate(self, **replicas: Any) -> Any:
        """Configure the standbys; the answer has them."""
        body = {"replicas": replicas or None}
        return self.player.post(f"/configuration/datasets/{self.dataset_id}", body)

    def copy(self, node: str) -> Any:
        """What the state says of the copy on a node; {} without one."""
        found = self.get(f"/state/datasets/{self.dataset_id}").get("copies", ())
        return next((e for e in found if e["host"] == self.node(node).address), {})

    def fresh(self, node: str) -> Any:
        """Wait until the copy there meets its RPO."""
        return wait_for(
            lambda: (copy := self.copy(node)).get("rpo_met") and copy, f"a fresh copy on {node}"
        )

    def snapshots(self, node: str) -> list[str]:
        """The snapshots of the copy on a node."""
        name = f"{self.node(node).pool}/flocker-lite/{self.dataset_id}"
        done = self.node(node).run(
            ["zfs", "list", "-H", "-r", "-t", "snapshot", "-o", "name", name], check=False
        )
        return done.stdout.split()

    def has_copy(self, node: str) -> bool:
        """Whether there is one in the pool."""
        name = f"{self.node(node).pool}/flocker-lite/{self.dataset_id}"
        return self.node(node).run(["zfs", "list", name], check=False).returncode == 0


@pytest.fixture(scope="module")
def standbys() -> Iterator[Standbys]:
    """The cluster of these tests, one after the other."""
    with Lab("test-standbys", "10.89.60.0/24", nodes=len(NODES), pulled=True) as lab:
        cluster = Standbys(lab)
        cluster.open()
        yield cluster


def test_within_the_rpo(standbys: Standbys) -> None:
    """The standby is seeded, and stays within its RPO with few snapshots."""
    standbys.replicate(nodes=[standbys.node("n2").address], rpo_seconds=RPO_SECONDS)
    standbys.fresh("n2")
    ends, lags, most = time.monotonic() + 30, [], 0
    number = 0
    while time.monotonic() < ends:
        number += 1
        standbys.redis("n1", "set", "count", str(number))
        copy = standbys.copy("n2")
        lags.append(copy["lag_seconds"])
        most = max(most, len(standbys.snapshots("n1")))
        time.sleep(0.2)
    print(f"\nlag: at most {max(lags):.1f} s with an RPO of {RPO_SECONDS} s; {most} snapshots")
    assert max(lags) <= RPO_SECONDS
    assert most <= SNAPSHOTS_MAX
    assert "error" not in copy


def test_cut_off(standbys: Standbys) -> None:
    """While its cable is out the lag grows and says why; the primary does not notice."""
    standbys.node("n2").cut()
    try:
        copy = wait_for(
            lambda: (
                (copy := standbys.copy("n2")).get("error")
                and copy["lag_seconds"] > 3 * RPO_SECONDS
                and copy
            ),
            "the lag and its cause",
            120,
        )
        print(f"\ncut off: {json.dumps(copy)}")
        assert not copy["rpo_met"]
        assert standbys.redis("n1", "set", "count", "cut") == "OK"
        assert len(standbys.snapshots("n1")) <= SNAPSHOTS_MAX
        assert "error" not in standbys.states()["cache"]
    finally:
        standbys.node("n2").heal()
    healed = wait_for(lambda: standbys.copy("n2").get("rpo_met"), "it catches up", 180)
    assert healed
    assert standbys.get("/state/set_aside") == []


def test_move_to_the_standby(standbys: Standbys) -> None:
    """A move there sends an increment; the old primary, which is named, stands by."""
    pair = [standbys.node(node).address for node in ("n1", "n2")]
    standbys.replicate(nodes=pair, rpo_seconds=RPO_SECONDS)
    standbys.redis("n1", "set", "count", "moved")
    standbys.player.post("/configuration/containers/cache", {"host": pair[1]})
    standbys.state("cache", lambda found: found.get("running") and found["host"] == pair[1], 120)
    move = wait_for(
        lambda: next(
            (e for e in standbys.get("/state/moves?container=cache") if e["phase"] == "done"), None
        ),
        "the move is done",
    )
    print(f"\nmove to the standby: {move['sent_bytes']} bytes of {DATA_BYTES}")
    assert move["sent_bytes"] < INCREMENT_BYTES_MAX
    assert standbys.redis("n2", "get", "count") == "moved"
    standbys.fresh("n1")
    assert standbys.copy("n1")["role"] == "standby"


def test_full_pool(standbys: Standbys) -> None:
    """A standby whose pool is full says so; snapshots do not pile up, and it catches up."""
    node = standbys.node("n1")
    filler = f"{node.pool}/filler"
    free = int(node.run(["zfs", "get", "-Hp", "-o", "value", "available", node.pool]).stdout)
    # Not mounted, so that nothing keeps it from being destroyed.
    options = ("-o", "mountpoint=none", "-o", f"reservation={free - 2_000_000}")
    node.run(["zfs", "create", *options, filler])
    try:
        standbys.inside("n2", f"head -c {DATA_BYTES} /dev/urandom >/data/more; sync")
        copy = wait_for(lambda: (c := standbys.copy("n1")).get("error") and c, "its error", 120)
        print(f"\nfull pool: {copy['error']}")
        time.sleep(10)
        # One more: the last one of the epoch before the move.
        assert len(standbys.snapshots("n2")) <= SNAPSHOTS_MAX + 1
        assert standbys.redis("n2", "set", "count", "full") == "OK"
    finally:
        node.run(["zfs", "destroy", filler])
    wait_for(lambda: standbys.copy("n1").get("rpo_met"), "it catches up", 120)


def test_warm(standbys: Standbys) -> None:
    """A warm standby has the container ready before a move, and no longer than that is wanted."""

    def made() -> bool:
        return "flocker--cache" in standbys.docker("n1", "ps", "-a", "--format", "{{.Names}}")

    pair = [standbys.node(node).address for node in ("n1", "n2")]
    wait_for(lambda: not made(), "the container is not at the standby")
    standbys.replicate(nodes=pair, rpo_seconds=RPO_SECONDS, warm=True)
    wait_for(made, "it is prepared at the standby")
    assert standbys.redis("n2", "get", "count") == "full"
    standbys.replicate(nodes=pair, rpo_seconds=RPO_SECONDS)
    wait_for(lambda: not made(), "it is not prepared any more")


def test_count(standbys: Standbys) -> None:
    """The control service chooses a standby, and says which."""
    body = standbys.replicate(count=2, rpo_seconds=RPO_SECONDS)
    addresses = {standbys.node(node).address for node in NODES}
    assert set(body["replicas"]["nodes"]) == addresses
    standbys.fresh("n3")
    standbys.fresh("n1")
    assert len(standbys.snapshots("n2")) <= SNAPSHOTS_MAX + 1


def test_drop(standbys: Standbys) -> None:
    """A copy that nobody needs any more is dropped."""
    standbys.replicate(nodes=[standbys.node("n1").address], rpo_seconds=RPO_SECONDS)
    wait_for(lambda: standbys.copy("n3").get("can_be_dropped"), "n3 has a mere replica")
    path = f"/configuration/datasets/{standbys.dataset_id}/copies"
    standbys.player.delete(f"{path}/{standbys.node('n3').address}")
    wait_for(lambda: not standbys.has_copy("n3"), "the copy is gone")
    wait_for(lambda: not standbys.copy("n3"), "and nobody says that it is there")
    assert standbys.has_copy("n1")
