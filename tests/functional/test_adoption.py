"""A container of Docker's is adopted under load, and struck at each of its steps.

The old container runs again, or ours does, with each record that a client was acknowledged; never
both. The node's rsync is a script of ours, which does what a test wants at a step and then copies.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests.functional.agents_lab import Cluster, agents_lab, wait_for
from tests.functional.redis_under_load import FAULT, RedisUnderLoad, put_rsync

PORT = 7300
REDIS = """
redis-server --protected-mode no --dir /data --save "" \\
    --appendonly yes --appendfsync always & pid=$!
trap 'sleep 1; kill $pid; wait $pid; exit 0' TERM
wait $pid
"""
HEALTH = ("--health-cmd", "sleep 0.5; redis-cli ping | grep -q PONG", "--health-interval", "1s")
SICK_HERE = (
    *("--health-cmd", "test $(hostname) != cache && redis-cli ping", "--health-interval", "1s"),
    *("--health-start-period", "2s", "--health-timeout", "1s"),
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One lab for all tests here."""
    allow = "allow: [adopt, /srv/pages, /srv/rows]\n"
    with agents_lab("test-adoption", "10.89.9.0/24", allow) as lab:
        node = lab.node("n1")
        put_rsync(node)
        # The machine has one /srv; the node has its own now.
        node.run(["mount", "-t", "tmpfs", "tmpfs", "/srv"])
        yield lab


@pytest.fixture
def old(cluster: Cluster) -> Iterator[Old]:
    """A redis under Docker alone, with a client that writes to it all the time."""
    old = Old(cluster, PORT)
    yield old
    old.remove()


class Old(RedisUnderLoad):
    """The container `cache` of Docker's, and what its clients were acknowledged."""

    def run(self, *options: str) -> None:
        """Start it, and the client."""
        words: tuple[str, ...] = (
            "--name",
            "cache",
            "--restart",
            "unless-stopped",
            "--publish",
            f"{PORT}:6379",
        )
        words += ("--volume", "cachedata:/data", *(options or HEALTH))
        self.docker("run", "--detach", *words, "redis:latest", "sh", "-c", REDIS)
        self.load("cache")

    def adopt(self) -> str:
        """Ask for the adoption; its id."""
        body = {"host": self.node.address, "container": "cache"}
        made = self.cluster.player.post("/configuration/adoptions", body)
        return str(made["move_id"])

    def assert_right(self, verdict: str) -> None:
        """One of the two runs, as it should, with all that the client was acknowledged."""
        done = verdict == "done"
        name = "flocker--cache" if done else "cache"
        self.assert_serves(name)
        kept = "cache--before-flocker" if done else "cache"
        (details,) = json.loads(self.docker("inspect", kept))
        policy = "no" if done else "unless-stopped"
        assert details["HostConfig"]["RestartPolicy"]["Name"] == policy
        wait_for(lambda: self.step() is None, "the note is gone")
        if not done:
            gone = lambda: not self.cluster.get("/configuration/containers")  # noqa: E731
            wait_for(gone, "what was made is gone")
            wait_for(lambda: not self.cluster.get("/state/datasets"), "the datasets are gone")


def test_under_load(old: Old) -> None:
    """No acknowledged record is lost, and no connection refused; the pause is as it is shown."""
    old.run()
    move_id = old.adopt()
    move = old.over(move_id)
    assert (move["phase"], move["kind"]) == ("done", "adoption"), str(move)
    old.assert_right("done")
    assert move["predicted_pause_seconds"] > 0
    assert set(move["pause"]) == {"stop", "send", "verify", "snapshot", "start", "answer"}
    print(f"pause {move['pause_seconds']} s, {move['pause']}; client {old.longest_seconds:.2f} s")


def test_not_healthy(old: Old) -> None:
    """A copy that does not get well gives way to the old container, by itself."""
    old.run(*SICK_HERE)
    move = old.over(old.adopt())
    assert move["phase"] == "rolled back"
    assert "did not get well with the copy" in move["error"]
    old.assert_right("rolled back")


@pytest.mark.parametrize("step", ["copying", "stopping", "stopped", "copied"])
def test_agent_killed(old: Old, step: str) -> None:
    """Whenever the agent is killed before the commit point, the old container goes on."""
    old.run()
    if step in ("copying", "stopped"):
        old.fault(step, "wait")
    move_id = old.adopt()
    old.at(step)
    old.node.kill_service("flocker-agent")
    old.no_fault()
    old.node.start_service("flocker-agent")
    move = old.over(move_id)
    assert move["phase"] == ("done" if step == "copying" else "rolled back"), str(move)
    old.assert_right(move["phase"])


@pytest.mark.parametrize("what", ["kill", "full"])
def test_rsync_fails_while_it_copies(old: Old, what: str) -> None:
    """A round that fails is made again; it is said why, and nothing was stopped."""
    old.run()
    old.fault("copying", what)
    move_id = old.adopt()
    said = "make room" if what == "full" else "something killed it"
    wait_for(lambda: said in old.move(move_id).get("error", ""), "the error is shown")
    assert old.running() == {"cache"}
    old.no_fault()
    assert old.over(move_id)["phase"] == "done"
    old.assert_right("done")


@pytest.mark.parametrize("what", ["kill", "full"])
def test_rsync_fails_in_the_pause(old: Old, what: str) -> None:
    """The service does not wait for another attempt: the old container goes on."""
    old.run()
    old.fault("stopped", what)
    move = old.over(old.adopt())
    assert move["phase"] == "rolled back"
    old.assert_right("rolled back")


def test_too_small(old: Old) -> None:
    """It is said that the data does not fit; once the dataset is larger, the adoption goes on."""
    old.run()
    old.fault("copying", "kill")
    move_id = old.adopt()
    wait_for(lambda: "something killed it" in old.move(move_id).get("error", ""), "it fails")
    (dataset,) = old.cluster.get("/configuration/datasets?deleted=false")
    identity = dataset["dataset_id"]
    resize = lambda size: old.cluster.player.post(  # noqa: E731
        f"/configuration/datasets/{identity}", {"maximum_size": size}
    )
    resize(64 * 2**20)
    shown = lambda: old.cluster.get(f"/state/datasets/{identity}").get("maximum_size")  # noqa: E731
    wait_for(lambda: shown() == 64 * 2**20, "it is small")
    old.docker("exec", "cache", "dd", "if=/dev/urandom", "of=/data/large", "bs=1M", "count=80")
    old.no_fault()
    wait_for(lambda: "maximum_size" in old.move(move_id).get("error", ""), "the error")
    assert old.running() == {"cache"}
    resize(None)
    assert old.over(move_id)["phase"] == "done"
    old.assert_right("done")


def test_cancelled_while_it_copies(old: Old) -> None:
    """The old container does not notice."""
    old.run()
    old.fault("copying", "wait")
    move_id = old.adopt()
    old.at("copying")
    before = old.docker("inspect", "--format", "{{.State.StartedAt}}", "cache")
    old.cluster.player.delete(f"/state/moves/{move_id}")
    move = old.over(move_id)
    assert move["phase"] == "cancelled", str(move)
    assert old.docker("inspect", "--format", "{{.State.StartedAt}}", "cache") == before
    old.assert_right("cancelled")


def test_cancelled_in_the_pause(old: Old) -> None:
    """The old container is started again."""
    old.run()
    old.fault("stopped", "wait")
    move_id = old.adopt()
    old.at("stopped")
    old.cluster.player.delete(f"/state/moves/{move_id}")
    move = old.over(move_id)
    assert move["phase"] == "cancelled", str(move)
    old.assert_right("cancelled")


def test_started_by_hand(old: Old) -> None:
    """One that somebody starts in the pause, as `compose up` does, is stopped and copied again."""
    old.run()
    old.fault("stopped", "wait")
    move_id = old.adopt()
    old.at("stopped")
    time.sleep(0.3)
    old.docker("start", "cache--before-flocker")
    wait_for(lambda: old.redis("cache--before-flocker", "ping") == "PONG", "it answers")
    assert int(old.redis("cache--before-flocker", "incr", "by_hand")) == 1
    old.no_fault()
    assert old.over(move_id)["phase"] == "done"
    assert old.redis("flocker--cache", "get", "by_hand") == "1"
    old.assert_right("done")


def test_docker_restarted(old: Old) -> None:
    """A restart of Docker in the pause does not bring the old one back."""
    old.run()
    old.fault("stopped", "wait")
    move_id = old.adopt()
    old.at("stopped")
    old.node.kill_service("dockerd")
    old.node.start_service("dockerd")
    old.no_fault()
    move = old.over(move_id)
    old.assert_right(move["phase"])


def text_in(cluster: Cluster, node: str, name: str) -> str:
    """What a container of ours has in its file."""
    return cluster.docker(node, "exec", f"flocker--{name}", "cat", "/data/page").strip()


def begun(cluster: Cluster, name: str, dataset: str) -> None:
    """A container of ours with that dataset, by its name."""
    body = {
        "host": cluster.node("n1").address,
        "name": name,
        "image": "redis:latest",
        "volumes": [{"dataset": dataset, "mountpoint": "/data"}],
    }
    cluster.player.post("/configuration/containers", body)
    cluster.running(name)


def removed(cluster: Cluster, name: str) -> None:
    """It is deleted, and gone."""
    cluster.player.delete(f"/configuration/containers/{name}")
    cluster.gone(name)


def test_volume_by_itself(cluster: Cluster) -> None:
    """Its data is in a dataset, which a container gets and takes along; the volume stays."""
    node = cluster.node("n1")
    write = ("sh", "-c", "echo hello > /data/page")
    node.run(["docker", "run", "--rm", "--volume", "pages:/data", "redis:latest", *write])
    asked = {"host": node.address, "volume": "pages"}
    made = cluster.player.post("/configuration/adoptions", asked)
    cluster.player.poll(f"/state/moves/{made['move_id']}", lambda move: move["phase"] == "done")
    begun(cluster, "reader", "pages")
    assert text_in(cluster, "n1", "reader") == "hello"
    assert "pages" in node.run(["docker", "volume", "ls", "--quiet"]).stdout.split()
    where = {"host": cluster.node("n2").address}
    cluster.player.post("/configuration/containers/reader", where)
    cluster.state("reader", lambda state: state.get("running") and state["host"] == where["host"])
    assert text_in(cluster, "n2", "reader") == "hello"
    removed(cluster, "reader")


def test_directory_by_itself(cluster: Cluster) -> None:
    """One that the node allows; after the agent was killed while it copied, too."""
    node = cluster.node("n1")
    node.run(["sh", "-c", "mkdir -p /srv/pages && echo there > /srv/pages/page"])
    (node.root / FAULT).write_text("copying wait\n")
    asked = {"host": node.address, "directory": "/srv/pages", "name": "served"}
    made = cluster.player.post("/configuration/adoptions", asked)
    where = f"/state/moves/{made['move_id']}"
    cluster.player.poll(where, lambda move: move["phase"] == "pushing")
    node.kill_service("flocker-agent")
    (node.root / FAULT).unlink()
    node.start_service("flocker-agent")
    cluster.player.poll(where, lambda move: move["phase"] == "done")
    begun(cluster, "server", "served")
    assert text_in(cluster, "n1", "server") == "there"
    removed(cluster, "server")


def test_filesystem_of_the_pool(cluster: Cluster) -> None:
    """It is renamed, with its snapshots and its limit, once nobody uses it any more."""
    node = cluster.node("n1")
    pool = node.run(["zpool", "list", "-H", "-o", "name"]).stdout.split()[0]
    name = f"{pool}/rows"
    for argv in (
        ["zfs", "create", "-o", "mountpoint=/srv/rows", "-o", "refquota=64M", name],
        ["sh", "-c", "echo a row > /srv/rows/page"],
        ["zfs", "snapshot", f"{name}@daily"],
    ):
        node.run(argv)
    stay = node.root / "run/stay"
    stay.touch()
    use = "cd /srv/rows && while [ -e /run/stay ]; do sleep 0.1; done"
    user = node.spawn(["sh", "-c", use])
    try:
        asked = {"host": node.address, "filesystem": name}
        made = cluster.player.post("/configuration/adoptions", asked)
        assert made["dataset"]["maximum_size"] == 64 * 2**20
        where = f"/state/moves/{made['move_id']}"
        cluster.player.poll(where, lambda move: "busy" in move.get("error", ""))
    finally:
        stay.unlink()
        user.wait(10)
    cluster.player.poll(where, lambda move: move["phase"] == "done")
    found = node.run(["zfs", "list", "-H", "-t", "snapshot", "-o", "name"]).stdout.split()
    assert f"{pool}/flocker-lite/{made['dataset']['dataset_id']}@daily" in found
    begun(cluster, "rows", "rows")
    assert text_in(cluster, "n1", "rows") == "a row"
    there = cluster.node("n2").address
    cluster.player.post("/configuration/containers/rows", {"host": there})
    cluster.state("rows", lambda state: state.get("running") and state["host"] == there)
    assert text_in(cluster, "n2", "rows") == "a row"
    removed(cluster, "rows")
