"""Moves while the world is bad: what keeps one from going on is said in the API, and goes by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.functional.agents_lab import Cluster, agents_lab, wait_for

DATA_MEBIBYTES = 96
ROOM_MEBIBYTES = 32
STEP_SECONDS_MAX = 120.0


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
    assert runs_on(cluster, "full", "n1")
    assert cluster.inspect("n1", "full")["State"]["StartedAt"] == started
    assert checksum(cluster, "n1", "full") == before
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
