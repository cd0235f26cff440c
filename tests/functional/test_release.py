"""A container is released to Docker alone under load, and struck at its steps.

Ours runs again, or the plain one does, with each record that a client was acknowledged; never both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.functional.agents_lab import Cluster, agents_lab, wait_for
from tests.functional.redis_under_load import RedisUnderLoad, put_rsync

PORT = 7310
REDIS = """
redis-server --protected-mode no --dir /data --save "" \\
    --appendonly yes --appendfsync always & pid=$!
trap 'kill $pid; wait $pid; exit 0' TERM
wait $pid
"""
CHECK = {"command": ["sh", "-c", "redis-cli ping | grep -q PONG"], "start_period_seconds": 20}
SICK_THERE = {
    # Only ours has a mount of a ZFS file system at /data.
    "command": ["sh", "-c", "grep -q ' /data .*zfs' /proc/mounts"],
    "start_period_seconds": 3,
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One lab for all tests here."""
    with agents_lab("test-release", "10.89.11.0/24", "allow: [adopt]\n") as lab:
        node = lab.node("n1")
        put_rsync(node)
        yield lab


@pytest.fixture
def ours(cluster: Cluster) -> Iterator[Ours]:
    """A redis of ours, with a client that writes to it all the time."""
    ours = Ours(cluster, PORT)
    yield ours
    ours.remove()


class Ours(RedisUnderLoad):
    """The container `cache`, and what its clients were acknowledged."""

    def run(self, check: dict[str, Any] | None = None) -> None:
        """Create it, and start the client."""
        dataset_id = self.cluster.dataset("n1", metadata={"name": "cachedata"})
        self.cluster.create(
            *("n1", "cache"),
            command_line=["sh", "-c", REDIS],
            ports=[{"internal": 6379, "external": PORT}],
            volumes=[{"dataset_id": dataset_id, "mountpoint": "/data"}],
            restart_policy={"name": "always"},
            health_check=check or CHECK,
        )
        self.cluster.state("cache", lambda found: found.get("serving", found.get("running")))
        self.load("flocker--cache")

    def release(self) -> str:
        """Ask for the release; its id."""
        made = self.cluster.player.post("/configuration/releases", {"container": "cache"})
        assert made["docker_name"] == "cache"
        return str(made["move_id"])

    def assert_right(self, verdict: str) -> None:
        """One of the two runs, as it should, with all that the client was acknowledged."""
        done = verdict == "done"
        name = "cache" if done else "flocker--cache"
        wait_for(lambda: self.step() is None, "the note is gone")
        self.assert_serves(name)
        volumes = set(self.docker("volume", "ls", "--quiet").split())
        assert ("cachedata" in volumes) == done
        containers = {each["name"] for each in self.cluster.get("/configuration/containers")}
        assert containers == (set() if done else {"cache"})
        (dataset,) = self.cluster.get("/configuration/datasets?deleted=false")
        assert dataset["metadata"] == {"name": "cachedata"}


def test_under_load(ours: Ours) -> None:
    """No acknowledged record is lost; Docker alone keeps it running, by its restart policy."""
    ours.run()
    found = ours.cluster.player.post("/configuration/releases?dry_run=1", {"container": "cache"})
    assert found["hindrances"] == []
    move = ours.over(ours.release())
    assert (move["phase"], move["kind"]) == ("done", "release"), move
    ours.assert_right("done")
    assert set(move["pause"]) == {"stop", "send", "verify", "snapshot", "start", "answer"}
    print(f"pause {move['pause_seconds']} s, {move['pause']}; client {ours.longest_seconds:.2f} s")
    (details,) = json.loads(ours.docker("inspect", "cache"))
    assert details["HostConfig"]["RestartPolicy"]["Name"] == "always"
    assert not [key for key in details["Config"]["Labels"] if "flocker" in key]
    before = ours.redis("cache", "get", "requests")
    ours.node.stop_service("flocker-agent")
    ours.node.kill_service("dockerd")
    ours.node.start_service("dockerd")
    wait_for(lambda: ours.redis("cache", "ping") == "PONG", "Docker started it again")
    assert ours.redis("cache", "get", "requests") == before
    ours.node.start_service("flocker-agent")


def test_and_back(ours: Ours) -> None:
    """What was released is adopted again, with its data."""
    ours.run()
    assert ours.over(ours.release())["phase"] == "done"
    body = {"host": ours.node.address, "container": "cache"}
    found = ours.cluster.player.post("/configuration/adoptions?dry_run=1", body)
    assert found["hindrances"] == []
    move_id = ours.cluster.player.post("/configuration/adoptions", body)["move_id"]
    assert ours.over(move_id)["phase"] == "done"
    acknowledged = ours.acknowledged()
    assert int(ours.redis("flocker--cache", "get", "requests")) >= acknowledged
    ours.docker("rm", "cache--before-flocker")


def test_without_data(ours: Ours) -> None:
    """A container without datasets hands its ports over at once."""
    ports = [{"internal": 80, "external": PORT + 1}]
    server = ["redis-server", "--protected-mode", "no", "--port", "80", "--save", ""]
    for number in range(3):
        name = f"web-{number}"
        ours.cluster.create("n1", name, command_line=server, ports=ports, tmpfs=["/data"])
        ours.cluster.running(name)
        made = ours.cluster.player.post("/configuration/releases", {"container": name})
        assert ours.over(made["move_id"])["phase"] == "done", ours.move(made["move_id"])
        assert ours.running() == {name}
        ours.docker("rm", "--force", "--volumes", name)


def test_not_healthy(ours: Ours) -> None:
    """A plain container that does not get well gives way to ours, by itself."""
    ours.run(SICK_THERE)
    move = ours.over(ours.release())
    assert move["phase"] == "rolled back"
    assert "did not get well with the copy" in move["error"]
    ours.assert_right("rolled back")


@pytest.mark.parametrize("step", ["copying", "stopped", "copied"])
def test_agent_killed(ours: Ours, step: str) -> None:
    """Whenever the agent is killed before the commit point, ours goes on."""
    ours.run()
    if step != "copied":
        ours.fault(step)
    move_id = ours.release()
    ours.at(step)
    ours.node.kill_service("flocker-agent")
    ours.no_fault()
    ours.node.start_service("flocker-agent")
    move = ours.over(move_id)
    if step != "copied":
        # That step is so short that the kill may come too late.
        assert move["phase"] == ("done" if step == "copying" else "rolled back"), move
    ours.assert_right(move["phase"])


def test_cancelled_in_the_pause(ours: Ours) -> None:
    """Ours is started again."""
    ours.run()
    ours.fault("stopped")
    move_id = ours.release()
    ours.at("stopped")
    ours.cluster.player.delete(f"/state/moves/{move_id}")
    move = ours.over(move_id)
    assert move["phase"] == "cancelled", move
    ours.assert_right("cancelled")
