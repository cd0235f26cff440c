"""Who and what is in the way of a dataset on its node: people, other containers, files, mounts, and
daemons that died. Nobody's service is down for it, or it is back by itself, and it is said why not.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.functional.agents_lab import Cluster, agents_lab, wait_for
from tests.functional.pools import agent_held_still, export_pool

SECONDS_MAX = 120.0
IMAGE = "in-a-directory:1"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A lab with nothing in it."""
    with agents_lab("test-in-the-way", "10.88.2.0/24") as cluster:
        yield cluster


def with_data(cluster: Cluster, name: str, **fields: Any) -> str:
    """A container on n1 with a dataset that has a file in it; the dataset's id."""
    dataset_id = cluster.dataset("n1")
    volume = {"dataset_id": dataset_id, "mountpoint": "/data"}
    cluster.create("n1", name, volumes=[volume], **fields)
    cluster.running(name, timeout_seconds=SECONDS_MAX)
    cluster.docker("n1", "exec", f"flocker--{name}", "sh", "-c", "echo kept > /data/file")
    # zfs-fuse, killed, forgets what only its intent log has: this waits for what is on disk.
    node = cluster.node("n1")
    node.run(["zfs", "set", f"test:settled={dataset_id}", node.pool])
    return dataset_id


def read(cluster: Cluster, node: str, name: str) -> str:
    """What the file has."""
    return cluster.docker(node, "exec", f"flocker--{name}", "cat", "/data/file")


def has_its_data(cluster: Cluster, name: str) -> None:
    """Wait until it runs at n1 with all of it, and the state says that it is well."""
    argv = ["docker", "exec", f"flocker--{name}", "cat", "/data/file"]
    wait_for(
        lambda: cluster.node("n1").run(argv, check=False).stdout == "kept\n",
        f"data of {name}",
        SECONDS_MAX,
    )
    cluster.cured(name, SECONDS_MAX)


def dataset(cluster: Cluster, dataset_id: str) -> Any:
    """What the state says of a dataset."""
    found = [d for d in cluster.get("/state/datasets") if d["dataset_id"] == dataset_id]
    return found[0] if found else {}


def move(cluster: Cluster, name: str, node: str) -> None:
    """Want it there."""
    where = {"host": cluster.node(node).address}
    cluster.player.post(f"/configuration/containers/{name}", where)


def arrived(cluster: Cluster, name: str, node: str) -> None:
    """Wait until it runs there."""
    address = cluster.node(node).address
    wait_for(
        lambda: [
            item
            for item in cluster.get("/state/containers")
            if (item["name"], item["host"], item["running"]) == (name, address, True)
        ],
        f"{name} at {node}",
        SECONDS_MAX,
    )


def trouble(cluster: Cluster, name: str, *words: str) -> str:
    """Wait until the move of a container says all of these."""

    def look() -> list[str]:
        moves = [each for each in cluster.get("/state/moves") if each.get("container") == name]
        errors = [each.get("error", "") for each in moves]
        return [error for error in errors if all(word in error for word in words)]

    said: str = wait_for(look, f"{words} of {name}", SECONDS_MAX)[-1]
    print(said)
    return said


def lost(cluster: Cluster, name: str, *words: str) -> None:
    """Wait until the state says that it does not run, and why."""
    state = cluster.state(
        name,
        lambda found: (
            found
            and not found["running"]
            and "error" in found
            and all(word in found["error"] for word in words)
        ),
        SECONDS_MAX,
    )
    print(state["error"])


@contextmanager
def somebody(cluster: Cluster, begins: str, command: str = "sleep 100000") -> Iterator[str]:
    """Somebody's shell on n1 that has done something, and becomes a command; its pid there."""
    node = cluster.node("n1")
    process = node.spawn(["sh", "-c", f"{begins}; echo $$ >/run/somebody; exec {command}"])
    told = node.root / "run/somebody"
    try:
        pid = wait_for(lambda: told.exists() and told.read_text().strip(), "somebody is there")
        told.unlink()
        yield pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


@contextmanager
def standing_in(cluster: Cluster, path: str) -> Iterator[str]:
    """Somebody's shell has that directory of n1 for its own; its pid there."""
    with somebody(cluster, f"cd {path}") as pid:
        yield pid


def test_somebody_holds_the_mount(cluster: Cluster) -> None:
    """A shell that stands there, and a container that has it: each is named, and nothing is stopped
    even once; the move goes on by itself when they are gone."""
    dataset_id = with_data(cluster, "held")
    path = f"/flocker/{dataset_id}"
    started = cluster.inspect("n1", "held")["State"]["StartedAt"]
    argv = ["run", "-d", "--name=nightly", "-v", f"{path}:/x:ro", "redis:latest", "sleep", "9999"]
    with standing_in(cluster, path):
        move(cluster, "held", "n2")
        trouble(cluster, "held", "sleep (pid ", "has its working directory in it")
        cluster.docker("n1", *argv)
    trouble(cluster, "held", "container nightly: sleep (pid ", "has it mounted at /x, read-only")
    assert cluster.inspect("n1", "held")["State"]["StartedAt"] == started
    cluster.docker("n1", "rm", "-f", "nightly")
    arrived(cluster, "held", "n2")
    assert read(cluster, "n2", "held") == "kept"
    cluster.delete("held")


def test_files_in_the_way(cluster: Cluster) -> None:
    """Neither what lies at the destination where the dataset is to be mounted nor an image that
    works in a directory of it keeps a container down; what lay there is kept, and shown."""
    archive = str(cluster.node("n1").folder / "image.tar")
    cluster.docker("n1", "pull", "redis:latest")
    cluster.docker("n1", "create", "--name=made", "redis:latest")
    cluster.docker("n1", "commit", "--change=WORKDIR /data/work", "made", IMAGE)
    cluster.docker("n1", "rm", "made")
    cluster.docker("n1", "save", f"--output={archive}", IMAGE)
    cluster.docker("n2", "load", f"--input={archive}")
    dataset_id = with_data(cluster, "littered", image=IMAGE)
    path = f"/flocker/{dataset_id}"
    cluster.node("n2").run(["mkdir", "-p", f"{path}/stray"])
    move(cluster, "littered", "n2")
    arrived(cluster, "littered", "n2")
    assert read(cluster, "n2", "littered") == "kept"
    assert cluster.docker("n2", "exec", "flocker--littered", "pwd") == "/data/work"
    warning = wait_for(lambda: dataset(cluster, dataset_id).get("warning"), "the warning")
    print(warning)
    found = cluster.node("n2").run(["sh", "-c", f"ls -d /flocker/.stray-{dataset_id}-*/stray"])
    assert found.stdout.rpartition("/")[0] in warning
    cluster.delete("littered")


def test_its_daemon_died(cluster: Cluster) -> None:
    """While ZFS is gone the state does not say that the container runs; once it is back so is the
    container, with all of its data."""
    with_data(cluster, "orphan")
    started = cluster.inspect("n1", "orphan")["State"]["StartedAt"]
    node = cluster.node("n1")
    node.kill_service("zfs-fuse")
    try:
        lost(cluster, "orphan", "is dead")
    finally:
        node.start_service("zfs-fuse")
    cluster.running("orphan", timeout_seconds=SECONDS_MAX)
    assert cluster.inspect("n1", "orphan")["State"]["StartedAt"] != started
    assert read(cluster, "n1", "orphan") == "kept"
    cluster.delete("orphan")


def test_something_is_mounted_over_it(cluster: Cluster) -> None:
    """It is not taken for the dataset: nothing runs on it, the state says what to do, and once that
    is done the container runs."""
    dataset_id = with_data(cluster, "covered")
    path = f"/flocker/{dataset_id}"
    node = cluster.node("n1")
    node.run(["mount", "-t", "tmpfs", "none", path])
    try:
        lost(cluster, "covered", f"run `umount {path}`")
        assert "umount" in dataset(cluster, dataset_id)["error"]
    finally:
        node.run(["umount", path])
    cluster.running("covered", timeout_seconds=SECONDS_MAX)
    assert read(cluster, "n1", "covered") == "kept"
    cluster.delete("covered")


def test_somebody_else_may_write(cluster: Cluster) -> None:
    """Nothing is started on a dataset that another container may write to; who only stands there is
    in nobody's way."""
    dataset_id = cluster.dataset("n1")
    path = f"/flocker/{dataset_id}"
    wait_for(lambda: dataset(cluster, dataset_id).get("path"), "the dataset")
    argv = ["run", "-d", "--name=squatter", "-v", f"{path}:/x", "redis:latest", "sleep", "9999"]
    cluster.docker("n1", *argv)
    volume = {"dataset_id": dataset_id, "mountpoint": "/data"}
    cluster.create("n1", "second", volumes=[volume])
    lost(cluster, "second", "container squatter: sleep (pid ", "has it mounted at /x")
    with standing_in(cluster, path):
        cluster.docker("n1", "rm", "-f", "squatter")
        cluster.running("second", timeout_seconds=SECONDS_MAX)
    cluster.delete("second")


def test_it_crashed_while_somebody_looks(cluster: Cluster) -> None:
    """A database that was killed is back by itself, whoever stands in its dataset or reads there;
    not while somebody has a file of it open for writing, who is named, and then by itself again."""
    policy = {"name": "always"}
    dataset_id = with_data(cluster, "crashed", command_line=None, restart_policy=policy)
    path = f"/flocker/{dataset_id}"
    with (
        standing_in(cluster, path) as shell,
        somebody(cluster, f"exec <{path}/file", f"tail -f {path}/file") as reader,
    ):
        cluster.kill("n1", "crashed")
        cluster.state("crashed", lambda found: found.get("restarts") == 1, SECONDS_MAX)
        cluster.cured("crashed", SECONDS_MAX)
        log = (cluster.node("n1").folder / "log/flocker-agent.log").read_text()
        assert f"sleep (pid {shell}) has its working directory in it" in log
        assert f"tail (pid {reader}) has {path}/file open" in log
    with somebody(cluster, f"exec >>{path}/file") as writer:
        cluster.kill("n1", "crashed")
        words = f"sleep (pid {writer}) has {path}/file open for writing"
        lost(cluster, "crashed", "is not started", words)
        assert not cluster.inspect("n1", "crashed")["State"]["Running"]
    cluster.cured("crashed", SECONDS_MAX)
    assert cluster.states()["crashed"]["restarts"] == 2
    assert read(cluster, "n1", "crashed") == "kept"
    assert cluster.docker("n1", "exec", "flocker--crashed", "redis-cli", "ping") == "PONG"
    cluster.delete("crashed")


def test_its_pool_was_exported(cluster: Cluster) -> None:
    """Once it is imported again the container has its data, which nobody mounts but the agent."""
    dataset_id = with_data(cluster, "poolless", restart_policy={"name": "always"})
    node = cluster.node("n1")
    with agent_held_still(node):
        cluster.docker("n1", "stop", "--time=1", "flocker--poolless")
        export_pool(node)
    try:
        lost(cluster, "poolless")
    finally:
        node.run(["zpool", "import", "-d", str(node.folder / "disks"), node.pool])
    has_its_data(cluster, "poolless")
    assert "error" not in dataset(cluster, dataset_id)
    cluster.delete("poolless")


def test_docker_died(cluster: Cluster) -> None:
    """Killed with its containers or without them, it is back, and they are, with their data."""
    with_data(cluster, "docked")
    node = cluster.node("n1")
    settings = node.root / "etc/docker/daemon.json"
    settings.parent.mkdir(exist_ok=True)
    for text in ("{}", '{"live-restore": true}'):
        settings.write_text(text)
        node.kill_service("dockerd")
        node.start_service("dockerd")
        has_its_data(cluster, "docked")
    # With live-restore from now on: Docker's own daemon below it is started again by it.
    node.run(["pkill", "-KILL", "-x", "containerd"])
    has_its_data(cluster, "docked")
    cluster.delete("docked")
