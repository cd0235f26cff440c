"""Moves while the world is bad: what keeps one from going on is said in the API, and goes by."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from admin.hosts.files import AGENT_FILE
from tests.functional.agents_lab import Cluster, agents_lab, wait_for
from tests.functional.pools import agent_held_still, export_pool

DATA_MEBIBYTES = 96
ROOM_MEBIBYTES = 32
STEP_SECONDS_MAX = 120.0
SLOW_BYTES_PER_SECOND = 16 * 1024 * 1024
CLOCK_FILE = "run/faked-clock"
SAY_TIME = "import time; print(time.time())"
FAKED_CLOCK = {
    "PYTHONPATH": str(Path(__file__).parent / "faked_clock"),
    "FAKED_CLOCK": f"/{CLOCK_FILE}",
}
"""What makes a service read the time of day off that file; seconds pass as they do."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A lab with nothing in it."""
    with agents_lab("test-bad-world", "10.85.8.0/24") as cluster:
        yield cluster


def filesystem(cluster: Cluster, node: str) -> str:
    """What all datasets of a node are below."""
    return f"{cluster.node(node).pool}/flocker-lite"


def moves(cluster: Cluster, name: str) -> list[Any]:
    """The moves of a container, open or over."""
    return [move for move in cluster.get("/state/moves") if move.get("container") == name]


def trouble(cluster: Cluster, name: str, word: str) -> Any:
    """Wait until the move of a container says that it has this trouble, and return it."""

    def look() -> Any:
        return [move for move in moves(cluster, name) if word in move.get("error", "")]

    return wait_for(look, f"{word} in {moves(cluster, name)}", STEP_SECONDS_MAX)[-1]


def runs_on(cluster: Cluster, name: str, node: str) -> bool:
    """Whether the container runs there, as far as the state says."""
    address = cluster.node(node).address
    states = [item for item in cluster.get("/state/containers") if item["name"] == name]
    return [item["host"] for item in states if item["running"]] == [address]


def with_data(cluster: Cluster, name: str) -> tuple[str, str]:
    """A container on n1 that has a dataset with data in it; the dataset's id, and a checksum."""
    dataset_id = cluster.dataset("n1")
    volume = {"dataset_id": dataset_id, "mountpoint": "/data"}
    cluster.create("n1", name, volumes=[volume])
    cluster.running(name)
    argv = ["dd", "if=/dev/urandom", "of=/data/file", "bs=1M", f"count={DATA_MEBIBYTES}"]
    cluster.docker("n1", "exec", f"flocker--{name}", *argv)
    return dataset_id, checksum(cluster, "n1", name)


def checksum(cluster: Cluster, node: str, name: str) -> str:
    """Of the data of a container."""
    return cluster.docker(node, "exec", f"flocker--{name}", "md5sum", "/data/file")


def assert_stayed(cluster: Cluster, name: str, started: str, before: str) -> None:
    """It was not even stopped at its source, and has its data."""
    assert runs_on(cluster, name, "n1")
    assert cluster.inspect("n1", name)["State"]["StartedAt"] == started
    assert checksum(cluster, "n1", name) == before


def test_no_room_at_the_destination(cluster: Cluster) -> None:
    """The container runs on at its source, ZFS' own words are in the state; with room it moves."""
    dataset_id, before = with_data(cluster, "full")
    started = cluster.inspect("n1", "full")["State"]["StartedAt"]
    there = filesystem(cluster, "n2")
    cluster.node("n2").run(["zfs", "set", f"quota={ROOM_MEBIBYTES}M", there])
    where = {"host": cluster.node("n2").address}
    cluster.player.post("/configuration/containers/full", where)
    move = trouble(cluster, "full", "space")
    print(f"the move says: {move['phase']}: {move['error']}")
    assert "receipt" not in move
    datasets = [d for d in cluster.get("/state/datasets") if d["dataset_id"] == dataset_id]
    assert cluster.node("n1").address in [dataset.get("primary") for dataset in datasets]
    assert_stayed(cluster, "full", started, before)
    cluster.node("n2").run(["zfs", "set", "quota=none", there])
    wait_for(lambda: runs_on(cluster, "full", "n2"), "the move", STEP_SECONDS_MAX)
    assert checksum(cluster, "n2", "full") == before
    cluster.delete("full")


@pytest.mark.parametrize("service", ["sshd", "dockerd"])
def test_what_the_destination_lacks(cluster: Cluster, service: str) -> None:
    """Without ssh or Docker there nothing is stopped here; the move goes on when it is back."""
    name = f"without-{service}"
    _, before = with_data(cluster, name)
    node = cluster.node("n2")
    node.stop_service(service)
    try:
        cluster.player.post(f"/configuration/containers/{name}", {"host": node.address})
        said = wait_for(
            lambda: [move["error"] for move in moves(cluster, name) if "error" in move],
            f"trouble in {moves(cluster, name)}",
            STEP_SECONDS_MAX,
        )
        print(f"without {service}: {said[-1]}")
        assert runs_on(cluster, name, "n1")
        assert checksum(cluster, "n1", name) == before
    finally:
        node.start_service(service)
    wait_for(lambda: runs_on(cluster, name, "n2"), "the move", STEP_SECONDS_MAX)
    assert checksum(cluster, "n2", name) == before
    cluster.delete(name)


def test_the_agent_without_docker(cluster: Cluster) -> None:
    """What it cannot do is said of the container, and done once Docker is back."""
    node = cluster.node("n1")
    node.stop_service("dockerd")
    try:
        cluster.create("n1", "waiting")
        state = cluster.state("waiting", lambda found: "error" in found, STEP_SECONDS_MAX)
        print(f"without Docker: {state['error']}")
        assert not state["running"]
    finally:
        node.start_service("dockerd")
    cluster.running("waiting", timeout_seconds=STEP_SECONDS_MAX)
    cluster.delete("waiting")


def is_connected(cluster: Cluster, *nodes: str) -> bool:
    """Whether the state says that the agents of these are there, none of them away."""
    listed = cluster.get("/state/nodes")
    present = {item["host"] for item in listed if not item.get("away")}
    return present >= {cluster.node(node).address for node in nodes}


def test_a_pool_that_is_gone(cluster: Cluster) -> None:
    """At the destination of a move: nothing stops at the source, and it moves once it is back."""
    _, before = with_data(cluster, "poolless")
    started = cluster.inspect("n1", "poolless")["State"]["StartedAt"]
    node = cluster.node("n2")
    with agent_held_still(node):
        export_pool(node)
    try:
        where = {"host": node.address}
        cluster.player.post("/configuration/containers/poolless", where)
        said = wait_for(
            lambda: [move["error"] for move in moves(cluster, "poolless") if "error" in move],
            "trouble of the move",
            STEP_SECONDS_MAX,
        )
        print(f"without the pool: {said[-1]}")
        assert_stayed(cluster, "poolless", started, before)
    finally:
        with agent_held_still(node):
            node.run(["zpool", "import", "-f", "-d", str(node.folder / "disks"), node.pool])
    wait_for(lambda: runs_on(cluster, "poolless", "n2"), "the move", STEP_SECONDS_MAX)
    assert checksum(cluster, "n2", "poolless") == before
    cluster.delete("poolless")


def test_names_are_gone(cluster: Cluster) -> None:
    """An agent that knows its control service by name keeps its connection, and comes back to it
    once there are names again; an image whose registry has no address is said not to be had."""
    node, control = cluster.node("n2"), cluster.node("control")
    hosts, agent_file = node.root / "etc/hosts", node.root / AGENT_FILE
    known, configured = hosts.read_text(), agent_file.read_text()
    hosts.write_text(f"{known}{control.address} control.test\n")
    (node.root / "etc/resolv.conf").write_text("nameserver 127.0.0.1\n")
    agent_file.write_text(
        configured.replace(f"hostname: {control.address}", "hostname: control.test")
    )
    cluster.restart_agent("n2")
    wait_for(lambda: is_connected(cluster, "n2"), "the agent knows the name")
    try:
        hosts.write_text(known)
        cluster.create("n2", "unnamed", image="registry.test/unnamed:1")
        state = cluster.state("unnamed", lambda found: "error" in found, STEP_SECONDS_MAX)
        print(f"without names: {state['error']}")
        assert "its registry cannot be reached" in state["error"]
        cluster.create("n2", "named")
        cluster.running("named")
        assert is_connected(cluster, "n2")
        control.kill_service("flocker-control")
        control.start_service("flocker-control")
        wait_for(lambda: is_connected(cluster, "n1"), "who needs no names is back")
        assert not is_connected(cluster, "n2")
        assert cluster.inspect("n2", "named")["State"]["Running"]
    finally:
        hosts.write_text(f"{known}{control.address} control.test\n")
    wait_for(lambda: is_connected(cluster, "n2"), "the agent is back with the names")
    agent_file.write_text(configured)
    hosts.write_text(known)
    cluster.restart_agent("n2")
    cluster.delete("named", "unnamed")


def test_the_clock_is_set_by_days(cluster: Cluster) -> None:
    """Forth and back, of all machines and of one alone, while a container moves: it arrives, once,
    and no node is away meanwhile."""
    services = [("control", "flocker-control"), ("n1", "flocker-agent"), ("n2", "flocker-agent")]

    def set_clocks(days: int, *nodes: str) -> None:
        for node in nodes:
            path = cluster.node(node).root / CLOCK_FILE
            path.with_suffix(".new").write_text(f"{days * 86400}\n")
            path.with_suffix(".new").rename(path)

    def restart(env: dict[str, str]) -> None:
        for node, service in services:
            cluster.node(node).stop_service(service)
            cluster.node(node).start_service(service, env)
        wait_for(lambda: is_connected(cluster, "n1", "n2"), "all are back")

    _, before = with_data(cluster, "clock")
    set_clocks(0, "control", "n1", "n2")
    restart(FAKED_CLOCK)
    body = {"host": cluster.node("n2").address, "move": {"bandwidth_limit": SLOW_BYTES_PER_SECOND}}
    cluster.player.post("/configuration/containers/clock", body)
    for days, nodes in (
        (+3, ("control", "n1", "n2")),
        (-3, ("control", "n1", "n2")),
        (+30, ("n1",)),
        (-30, ("control",)),
    ):
        wait_for(
            lambda: any(move.get("phase") == "pushing" for move in moves(cluster, "clock")),
            "the push",
        )
        set_clocks(days, *nodes)
        said = cluster.node(nodes[0]).run([sys.executable, "-c", SAY_TIME], env=FAKED_CLOCK).stdout
        assert round((float(said) - time.time()) / 86400) == days
        assert is_connected(cluster, "n1", "n2")
    wait_for(lambda: runs_on(cluster, "clock", "n2"), "the move", STEP_SECONDS_MAX)
    assert checksum(cluster, "n2", "clock") == before
    (move,) = moves(cluster, "clock")
    assert "error" not in move
    started = cluster.inspect("n2", "clock")["State"]["StartedAt"]
    restart({})
    # A node is connected before it has told the control service what it has.
    wait_for(lambda: runs_on(cluster, "clock", "n2"), "what n2 has, with the true time again")
    assert cluster.inspect("n2", "clock")["State"]["StartedAt"] == started
    cluster.delete("clock")


def test_a_pool_that_is_suspended(cluster: Cluster) -> None:
    """The disk below the destination's pool is full: the source runs on, and what ZFS says of it is
    in the state; with a pool that works the container moves."""
    dataset_id, before = with_data(cluster, "suspended")
    started = cluster.inspect("n1", "suspended")["State"]["StartedAt"]
    node = cluster.node("n2")
    agent_file = node.root / AGENT_FILE
    configured = agent_file.read_text()
    node.run(["mkdir", "/run/room"])
    node.run(["mount", "-t", "tmpfs", "-o", f"size={DATA_MEBIBYTES // 2}M", "tmpfs", "/run/room"])
    node.run(["truncate", "--size=1G", "/run/room/disk"])
    node.run(["zpool", "create", "-O", "mountpoint=none", "small", "/run/room/disk"])
    agent_file.write_text(configured.replace(f"pool: {node.pool}", "pool: small"))
    cluster.restart_agent("n2")
    # Until it has come back, that it is away is all that there is to say of a move to it.
    wait_for(lambda: is_connected(cluster, "n2"), "the agent with the other pool")
    try:
        cluster.player.post("/configuration/containers/suspended", {"host": node.address})
        said = wait_for(
            lambda: [
                dataset["error"]
                for dataset in cluster.get("/state/datasets")
                if dataset["dataset_id"] == dataset_id and "error" in dataset
            ],
            "trouble of the destination",
            STEP_SECONDS_MAX,
        )
        print(f"with a pool that is suspended: {said[-1]}")
        for words in (node.address, "pool I/O is currently suspended", "`zpool clear`"):
            assert words in said[-1]
        assert_stayed(cluster, "suspended", started, before)
    finally:
        # There is no other way for zfs-fuse to let go of it.
        agent_file.write_text(configured)
        node.crash()
        node.start()
    wait_for(lambda: runs_on(cluster, "suspended", "n2"), "the move", STEP_SECONDS_MAX)
    assert checksum(cluster, "n2", "suspended") == before
    cluster.delete("suspended")
