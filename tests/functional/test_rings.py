"""Moves round a ring of nodes, and what is set aside: nothing is sent twice, and nothing stays.

FLOCKER_LITE_MOVES and FLOCKER_LITE_NODES have more moves made, in whole journeys, by more nodes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from admin.hosts import Lab
from admin.hosts.arrivals import agents_here
from flocker_lite.model.increments import EPOCHS_KEPT_MAX
from tests.functional.agents_lab import Cluster, wait_for

MOVES = int(os.environ.get("FLOCKER_LITE_MOVES", "8"))
NODES = tuple(f"n{1 + number}" for number in range(int(os.environ.get("FLOCKER_LITE_NODES", "3"))))
DATA_BYTES = 8_000_000
INCREMENT_BYTES_MAX = DATA_BYTES // 8
"""A file of some bytes, with all of ZFS's own that changes with it, is far below that."""
EACH_TIME_BYTES = 20_000
MOVE_SECONDS_MAX = 180.0
FILESYSTEMS = 3
"""The pool's own, that of all datasets, and the dataset."""

SNAPSHOTS_MAX = EPOCHS_KEPT_MAX + len(NODES)
"""Those of the latest epochs, one for each other node's copy, and the newest."""


class Rings(Cluster):
    """One container with a dataset, which goes from node to node."""

    dataset_id = ""
    moved = 0

    def open(self) -> None:
        """Have it run at the first node, with its bytes on disk."""
        self.player.poll("/state/nodes", lambda nodes: agents_here(nodes) == len(NODES))
        self.dataset_id = self.dataset(NODES[0])
        volumes = [{"dataset_id": self.dataset_id, "mountpoint": "/data"}]
        self.create(NODES[0], "ring", volumes=volumes)
        self.running("ring")
        self.inside(NODES[0], f"head -c {DATA_BYTES} /dev/urandom >/data/bulk; sync")

    def inside(self, node: str, script: str) -> str:
        """What a shell in it says."""
        return self.docker(node, "exec", "flocker--ring", "sh", "-ec", script)

    def move(self, node: str) -> Any:
        """Move it after another write; the account of the move."""
        self.moved += 1
        body = {"host": self.node(node).address}
        self.player.post("/configuration/containers/ring", body)
        self.state(
            "ring",
            lambda found: found.get("running") and found["host"] == body["host"],
            MOVE_SECONDS_MAX,
        )
        self.inside(node, f"head -c {EACH_TIME_BYTES} /dev/urandom >/data/last; sync")
        path = "/state/moves?container=ring&limit=1"
        return wait_for(
            lambda: next((each for each in self.get(path) if each["phase"] == "done"), None),
            f"move {self.moved} to {node} is done",
            MOVE_SECONDS_MAX,
        )

    def diverge(self, node: str, name: str) -> None:
        """While no agent looks, have a file in its copy that nobody else has."""
        filesystem = f"{self.node(node).pool}/flocker-lite/{self.dataset_id}"
        self.node(node).kill_service("flocker-agent")
        write = f'head -c {2 * EACH_TIME_BYTES} /dev/urandom >"$path/{name}"'
        script = f"""
            zfs set readonly=off {filesystem}
            zfs mount {filesystem}
            path=$(zfs get -H -o value mountpoint {filesystem})
            {write}
            sync
            zfs snapshot {filesystem}@{name}
            zfs unmount {filesystem}
            zfs inherit readonly {filesystem}
        """
        self.node(node).run(["sh", "-exc", script])
        self.node(node).start_service("flocker-agent")

    def asides(self) -> Any:
        """What the state says was set aside."""
        return self.get("/state/set_aside")

    def has_aside(self, node: str, aside: str, name: str) -> bool:
        """Whether a user finds the file in what was set aside, and leaves no trace of the look."""
        look = f"{self.node(node).pool}/look"
        snapshot = f"{self.node(node).pool}/flocker-lite/{aside}@{name}"
        self.node(node).run(["zfs", "clone", "-o", "mountpoint=/look", snapshot, look])
        found = self.node(node).run(["ls", "/look"]).stdout.split()
        # ZFS is busy with it for a moment.
        destroy = ["zfs", "destroy", look]
        wait_for(lambda: self.node(node).run(destroy, check=False).returncode == 0, "let go")
        return name in found

    def rows(self, node: str) -> list[str]:
        """All filesystems and snapshots in the pool of a node."""
        pool = self.node(node).pool
        listed = self.node(node).run(["zfs", "list", "-H", "-r", "-t", "all", "-o", "name", pool])
        return listed.stdout.split()

    def counts(self) -> dict[str, tuple[int, int]]:
        """How many filesystems and snapshots each pool has."""
        rows = {node: self.rows(node) for node in NODES}
        return {
            node: (
                sum("@" not in name for name in names),
                sum("@" in name for name in names),
            )
            for node, names in rows.items()
        }


@pytest.fixture(scope="module")
def rings() -> Iterator[Rings]:
    """The container runs at the first node."""
    with Lab(f"test-rings-{len(NODES)}", "10.89.2.0/24", nodes=len(NODES), pulled=True) as lab:
        rings = Rings(lab)
        rings.open()
        yield rings


def journey() -> list[str]:
    """From the first node once round the ring, back, and to and fro; it ends at the first."""
    home, *others = NODES
    return [*others, home, *reversed(others), home, others[0], home]


def test_increments_only(rings: Rings) -> None:
    """After the first round no move sends it all, and none leaves anything behind."""
    for node in (*NODES[1:], NODES[0]):
        rings.move(node)
    stays = rings.inside(NODES[0], "sha256sum /data/bulk")
    seen, sent, began = [rings.counts()], list[int](), time.monotonic()
    while len(sent) < MOVES:
        for node in journey():
            progress = rings.move(node)
            sent.append(progress["sent_bytes"])
            assert sent[-1] < INCREMENT_BYTES_MAX, (node, progress)
            assert rings.asides() == [], node
        seen.append(rings.counts())
    seconds = time.monotonic() - began
    print(f"\n{len(sent)} moves among {len(NODES)} nodes in {seconds:.0f} s")
    print(
        f"{sum(sent)} bytes sent, {max(sent, default=0)} at most; the data are {DATA_BYTES} bytes"
    )
    print(
        "filesystems and snapshots after the first round, and after each journey:", *seen, sep="\n"
    )
    assert rings.inside(NODES[0], "sha256sum /data/bulk") == stays
    for counts in seen:
        assert {filesystems for filesystems, _ in counts.values()} == {FILESYSTEMS}
        assert max(snapshots for _, snapshots in counts.values()) <= SNAPSHOTS_MAX


def test_set_aside(rings: Rings) -> None:
    """What only one copy has is set aside, shown, and destroyed when a user says so."""
    n1, n2 = NODES[:2]
    began = int(time.time())
    rings.diverge(n2, "once")
    assert rings.move(n2)["sent_bytes"] < INCREMENT_BYTES_MAX
    (first,) = wait_for(rings.asides, "one is set aside")
    assert (first["host"], first["dataset_id"]) == (rings.node(n2).address, rings.dataset_id)
    assert first["reason"] == "diverged"
    assert began <= first["since"] <= time.time()
    # Of what was just written ZFS says only later how much it is.
    wait_for(lambda: EACH_TIME_BYTES < rings.asides()[0]["bytes"] < DATA_BYTES, "its size")
    assert rings.has_aside(n2, first["name"], "once")
    assert "once" not in rings.inside(n2, "ls /data")
    rings.move(n1)
    rings.diverge(n2, "twice")
    assert rings.move(n2)["sent_bytes"] < INCREMENT_BYTES_MAX
    rings.player.delete(f"/state/set_aside/{first['name']}")
    (second,) = wait_for(lambda: len(rings.asides()) == 1 and rings.asides(), "one is left")
    assert second["name"] != first["name"]
    assert rings.has_aside(n2, second["name"], "twice")
    assert not [row for row in rings.rows(n2) if first["name"] in row]
    assert rings.inside(n2, "cat /data/last | wc -c") == str(EACH_TIME_BYTES)


def test_nothing_is_left(rings: Rings) -> None:
    """A dataset that is deleted with what was set aside of it leaves no trace in any pool."""
    rings.delete("ring")
    rings.player.delete(f"/configuration/datasets/{rings.dataset_id}?set_aside=delete")
    roots = [[rings.node(node).pool, f"{rings.node(node).pool}/flocker-lite"] for node in NODES]
    wait_for(lambda: [rings.rows(node) for node in NODES] == roots, "the pools are empty")
    assert rings.asides() == []
