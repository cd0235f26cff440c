"""Volumes with failover=automatic, of real Dockers: a standby goes on once nobody can write.

The nodes of a lab have one clock, so the times of what they write can be compared.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.functional.agents_lab import wait_for
from tests.functional.volumes_lab import IMAGE, Dockers, volumes_lab

AFTER_SECONDS = 10
COPIED_SECONDS = 60.0
SWARM_SECONDS_MAX = 150.0
"""Swarm itself takes a while until a node counts as down."""

QUIET_SECONDS = 15.0
"""How long we look whether the node that came back writes."""

APPEND = "while :; do date +'{node} %s.%N' >>/data/log; sync; sleep 0.1; done"
"""What a container does all the time: a line with who it is, and the time."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Dockers]:
    """Two nodes."""
    with volumes_lab("test-volume-failover", "10.90.14.0/24") as lab:
        yield lab


@pytest.fixture
def dockers(lab: Dockers, request: pytest.FixtureRequest) -> Iterator[Dockers]:
    """A volume `data` on n1 in use, of which n2 has a copy; the next test has another dataset."""
    both = ",".join(lab.node(node).address for node in ("n1", "n2"))
    options = (
        *(f"name={request.node.name}", f"replicas={both}", "rpo=5s"),
        *("failover=automatic", f"failover_after={AFTER_SECONDS}s"),
    )
    for node in ("n1", "n2"):
        lab.volume(node, "data", *options)
    append(lab, "n1", "--restart", "always")
    began = time.monotonic()

    def is_copied() -> bool:
        """The standby's copy was taken after the container had begun to write."""
        lag = lab.inspected("n2", "data")["Status"].get("lag_seconds")
        return lag is not None and lag + 1.0 < time.monotonic() - began

    wait_for(is_copied, "a copy with data", COPIED_SECONDS)
    yield lab
    lab.clean("n1", "n2")


def append(dockers: Dockers, node: str, *options: str) -> None:
    """A container that appends to the volume from now on."""
    run = ("run", "--detach", "--name", "web", "--volume", "data:/data", *options)
    dockers.docker(node, *run, IMAGE, "sh", "-c", APPEND.format(node=node))


def lines(dockers: Dockers, node: str) -> list[tuple[str, float]]:
    """Who wrote when, by the log as its container sees it."""
    text = dockers.docker(node, "exec", "web", "cat", "/data/log")
    return [(who, float(at)) for who, at in map(str.split, text.splitlines())]


def test_power_loss(dockers: Dockers) -> None:
    """`docker run` on the standby waits for the deadline, and has the data; nobody writes twice."""
    dockers.make_durable("n1")
    dockers.node("n1").crash()
    lost_at = time.time()
    append(dockers, "n2")
    print(f"runs {time.time() - lost_at:.1f} s after the loss of power")
    assert time.time() - lost_at > AFTER_SECONDS
    before = lines(dockers, "n2")
    assert [who for who, _ in before][:1] == ["n1"]
    took_over = min(at for who, at in before if who == "n2")
    assert max(at for who, at in before if who == "n1") < took_over
    dockers.node("n1").start()
    wait_for(lambda: dockers.lease("n1", "data").startswith("replica"), "the old node's copy")
    ends = time.time() + QUIET_SECONDS
    while time.time() < ends:
        assert dockers.docker("n1", "ps", "--quiet", "--filter", "name=web") == ""
        time.sleep(0.5)
    after = lines(dockers, "n2")
    assert after[: len(before)] == before
    assert {who for who, at in after if at >= took_over} == {"n2"}
    dockers.docker("n2", "rm", "--force", "web")
    assert "in use" not in dockers.tried("n1", "start", "web").stderr
    assert [each for each in lines(dockers, "n1") if each[0] == "n2"][:1] != []


def test_cut_off(dockers: Dockers) -> None:
    """The container of a node that is cut off is dead before another one starts on the standby."""
    dockers.node("n1").cut()
    cut_at = time.time()
    try:
        append(dockers, "n2")
        print(f"runs {time.time() - cut_at:.1f} s after the cut")
        ended = dockers.docker("n1", "ps", "--quiet", "--filter", "status=running")
        assert ended == "", "it still runs where it was cut off"
    finally:
        dockers.node("n1").heal()
    took_over = min(at for who, at in lines(dockers, "n2") if who == "n2")
    wait_for(lambda: dockers.lease("n1", "data").startswith("replica"), "the old node's copy")
    aside = set_aside(dockers, "n1")
    last = max(float(line.split()[1]) for line in aside)
    print(f"the last line of the old node is {took_over - last:.1f} s older than the first new one")
    assert cut_at < last < took_over


def test_swarm(lab: Dockers) -> None:
    """Swarm's main case: its node dies, and Swarm's new task on a standby has the data."""
    manage, first, second = lab.docker, lab.node("n1"), lab.node("n2")
    manage("n1", "swarm", "init", f"--advertise-addr={first.address}")
    token = manage("n1", "swarm", "join-token", "--quiet", "worker")
    join = ("swarm", "join", f"--advertise-addr={second.address}", "--token", token)
    manage("n2", *join, f"{first.address}:2377")
    own = manage("n1", "info", "--format", "{{.Swarm.NodeID}}")
    both = f"{first.address},{second.address}"
    mount = (
        "type=volume,source=log,target=/data,volume-driver=flocker,volume-opt=rpo=5s,"
        f"volume-opt=failover=automatic,volume-opt=failover_after={AFTER_SECONDS}s,"
        f'"volume-opt=replicas={both}"'
    )
    manage("n1", "node", "update", "--availability", "drain", own)
    write = "hostname >>/data/log; sync; exec sleep 1000000"
    create = ("service", "create", "--detach", "--no-resolve-image", "--name", "log")
    manage(
        "n1", *create, "--hostname={{.Node.Hostname}}", "--mount", mount, IMAGE, "sh", "-c", write
    )

    def log(node: str) -> str:
        """What a task there sees."""
        ids = manage(node, "ps", "--quiet", "--filter", "label=com.docker.swarm.service.name=log")
        cat = ("exec", ids, "cat", "/data/log")
        return lab.tried(node, *cat).stdout.strip() if ids else ""

    here = wait_for(lambda: log("n2"), "the service", COPIED_SECONDS)
    manage("n1", "node", "update", "--availability", "active", own)
    time.sleep(COPIED_SECONDS / 2)  # the copy is 5 s old at most
    lab.make_durable("n2")
    second.crash()
    lost_at = time.time()
    there = wait_for(lambda: log("n1"), "Swarm's new task", SWARM_SECONDS_MAX)
    print(f"Swarm's new task runs {time.time() - lost_at:.1f} s after the loss of power")
    assert there.splitlines()[0] == here
    assert len(there.splitlines()) == 2
    second.start()
    wait_for(lambda: manage("n2", "ps", "--quiet") == "", "the end of the old task")
    manage("n1", "service", "rm", "log")
    for node in ("n2", "n1"):
        manage(node, "swarm", "leave", "--force")


def set_aside(dockers: Dockers, node: str) -> list[str]:
    """What a node that was cut off had written, by the copy that it set aside."""
    pool = dockers.node(node).pool
    wait_for(lambda: newest_aside(dockers, node), "the copy that is set aside")
    name = newest_aside(dockers, node)
    snapshots = ["zfs", "list", "-H", "-r", "-t", "snapshot", "-o", "name", name]
    last = dockers.node(node).run(snapshots).stdout.split()[-1]
    look = f"{pool}/look"
    dockers.node(node).run(["zfs", "clone", "-o", "mountpoint=/mnt/look", last, look])
    try:
        return dockers.node(node).run(["cat", "/mnt/look/log"]).stdout.splitlines()
    finally:
        wait_for(
            lambda: dockers.node(node).run(["zfs", "destroy", look], check=False).returncode == 0,
            "the end of the clone",
        )


def newest_aside(dockers: Dockers, node: str) -> str:
    """The name in ZFS of the copy that was set aside last; "" without one."""
    pool = dockers.node(node).pool
    listed = ["zfs", "list", "-H", "-r", "-o", "name", f"{pool}/flocker-lite"]
    names = dockers.node(node).run(listed).stdout.split()
    dataset_id = dockers.inspected(node, "data")["Status"]["dataset_id"]
    return max((name for name in names if f"{dataset_id}.failover-" in name), default="")
