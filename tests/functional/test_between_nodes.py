"""The way by ssh between nodes: the agents' own keys, and what whoever has one of them gets."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.functional.agents_lab import CHECKOUT, Cluster, agents_lab, wait_for

STATE = "/var/lib/flocker-lite"
KEYS = f"{STATE}/ssh/authorized_keys"
RECEIVER = "flocker-lite-receive"
PORT = 19999
FORWARDING_SECONDS = 4


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes between which a container went, so that each knows the other."""
    with agents_lab("test-between", "10.87.3.0/24") as cluster:
        dataset_id = cluster.dataset("n1")
        cluster.create("n1", "shop", volumes=[{"dataset_id": dataset_id, "mountpoint": "/data"}])
        cluster.running("shop")
        yield cluster


def node_id(cluster: Cluster, node: str) -> str:
    """The UUID of a node."""
    address = cluster.node(node).address
    (found,) = [item for item in cluster.get("/state/nodes") if item["host"] == address]
    return str(found["uuid"])


def is_at(cluster: Cluster, node: str) -> bool:
    """Whether the container runs there, and nowhere else."""
    host = cluster.node(node).address
    found = [item for item in cluster.get("/state/containers") if item["running"]]
    return [item["host"] for item in found] == [host]


def move(cluster: Cluster, node: str) -> None:
    """Have the container go there."""
    body = {"host": cluster.node(node).address}
    cluster.player.post("/configuration/containers/shop", body)
    wait_for(lambda: is_at(cluster, node), f"shop at {node}")


def with_key(cluster: Cluster, *words: str, program: str = "ssh") -> list[str]:
    """The words of a command of n1 to n2, with the key of the agent of n1."""
    settings = {
        "BatchMode": "yes",
        "IdentitiesOnly": "yes",
        "StrictHostKeyChecking": "yes",
        "HostKeyAlias": node_id(cluster, "n2"),
        "UserKnownHostsFile": f"{STATE}/ssh/known_hosts",
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    return [program, "-i", f"{STATE}/ssh/id_ed25519", *options, *words]


def asked(cluster: Cluster, *words: str, program: str = "ssh") -> subprocess.CompletedProcess[str]:
    """What came of it."""
    return cluster.node("n1").run(
        ["timeout", "20", *with_key(cluster, *words, program=program)], check=False
    )


def test_moves_without_a_key_of_root(cluster: Cluster) -> None:
    """In both directions, and there is no key of root on any node."""
    move(cluster, "n2")
    move(cluster, "n1")
    for node in ("n1", "n2"):
        assert not [path.name for path in (cluster.node(node).folder / "ssh").glob("*id*")]
        assert not (cluster.node(node).folder / "ssh/authorized_keys").exists()
        assert not (cluster.node(node).folder / "ssh/known_hosts").exists()
        private = cluster.node(node).run(["stat", "-c", "%a", f"{STATE}/ssh/id_ed25519"])
        assert private.stdout.strip() == "600"


def test_no_other_command(cluster: Cluster) -> None:
    """No shell, no file, no program: whatever is asked for, the receiver says what it is for."""
    target = f"root@{cluster.node('n2').address}"
    for words in (
        (target,),
        (target, "id"),
        (target, "--", RECEIVER, "control;id"),
        (target, "--", RECEIVER, "control", "--node", "x"),
        (target, "--", RECEIVER, "stream", "$(id)"),
        (target, "--", f"{RECEIVER} control\nid"),
    ):
        done = asked(cluster, *words)
        assert (done.returncode, done.stdout) == (1, ""), (words, done)
        assert "usage: flocker-lite-receive" in done.stderr, (words, done.stderr)
    # Of a subsystem no stderr arrives.
    subsystem = asked(cluster, "-s", target, "sftp")
    assert (subsystem.returncode, subsystem.stdout) == (1, "")
    # A terminal that is refused ends ssh itself.
    terminal = asked(cluster, "-tt", target)
    assert (terminal.returncode != 0, terminal.stdout) == (True, "")
    assert "PTY allocation request failed" in terminal.stderr
    unexpected = asked(cluster, target, "--", RECEIVER, "stream", "0" * 32)
    assert "no such stream is expected" in unexpected.stderr
    for program, words in (
        ("scp", ("/etc/hostname", f"{target}:/tmp/stolen")),
        ("scp", ("-O", "/etc/hostname", f"{target}:/tmp/stolen")),
        ("sftp", (target,)),
    ):
        assert asked(cluster, *words, program=program).returncode != 0
    assert not (cluster.node("n2").root / "tmp/stolen").exists()


def test_no_forwarding(cluster: Cluster) -> None:
    """Neither to where the other node gets, nor from there, nor by any other way."""
    n1, target = cluster.node("n1"), f"root@{cluster.node('n2').address}"
    control = f"{cluster.node('control').address}:4523"
    straight = asked(cluster, "-W", control, target)
    assert straight.returncode != 0
    assert "prohibited" in straight.stderr
    backwards = ("-N", "-o", "ExitOnForwardFailure=yes", "-R", f"{PORT}:{control}", target)
    assert "remote port forwarding failed" in asked(cluster, *backwards).stderr
    for way, through in (
        (["-L", f"{PORT}:{control}"], [f"http://127.0.0.1:{PORT}/v1/version"]),
        (["-D", str(PORT)], ["--socks5", f"127.0.0.1:{PORT}", f"http://{control}/v1/version"]),
    ):
        command = ["timeout", str(FORWARDING_SECONDS), *with_key(cluster, "-N", *way, target)]
        forwarding = n1.spawn(command)
        wait_for(lambda: f":{PORT} " in n1.run(["ss", "-ltn"]).stdout, "a port that listens")
        fetched = n1.run(["curl", "-sS", "--max-time", "3", *through], check=False)
        assert (fetched.returncode != 0, fetched.stdout) == (True, ""), (way, fetched)
        forwarding.wait(FORWARDING_SECONDS * 2)
    direct = n1.run(["curl", "-sS", f"http://{control}/v1/version"]).stdout
    assert "flocker" in direct


def test_a_node_that_is_gone(cluster: Cluster) -> None:
    """Installed anew, with nothing of its own, it is another node: only its new key is let in."""
    n1, n2 = cluster.node("n1"), cluster.node("n2")
    old = node_id(cluster, "n2")
    assert old in n1.run(["cat", KEYS]).stdout
    n2.stop_service("flocker-agent")
    n2.run(["rm", "-r", f"{STATE}/identity.json", f"{STATE}/ssh"])
    n2.start_service("flocker-agent")
    files = ["cat", KEYS, f"{STATE}/ssh/known_hosts"]
    wait_for(lambda: old not in n1.run(files).stdout, "the old keys are gone")
    move(cluster, "n2")
    assert node_id(cluster, "n2") in n1.run(["cat", KEYS]).stdout
    assert node_id(cluster, "n2") != old


def test_no_other_dataset(cluster: Cluster) -> None:
    """A node's key asks for all that there is to ask, of what is not its own: nothing changes."""
    n1, n2 = cluster.node("n1"), cluster.node("n2")
    dataset_id = cluster.dataset("n2")
    cluster.create("n2", "other", volumes=[{"dataset_id": dataset_id, "mountpoint": "/data"}])
    cluster.running("other")
    filesystem = f"{n2.pool}/flocker-lite/{dataset_id}"
    n2.run(["zfs", "snapshot", f"{filesystem}@flocker-lite-1-1"])
    guid = n2.run(["zfs", "get", "-Hp", "-o", "value", "guid", f"{filesystem}@flocker-lite-1-1"])
    identity = json.loads((n1.root / STATE.lstrip("/") / "identity.json").read_text())

    def facts() -> str:
        return n2.run(["zfs", "list", "-H", "-r", "-t", "all", "-o", "name", n2.pool]).stdout + str(
            n2.run(["zfs", "get", "-Hp", "-o", "value", "flocker:lease,mounted", filesystem]).stdout
        )

    before = facts()
    options = {
        "me": identity["node_id"],
        "cluster_id": identity["cluster_id"],
        "target": node_id(cluster, "n2"),
        "address": n2.address,
        "dataset_id": dataset_id,
        "guid": guid.stdout.strip(),
        "container": "other",
    }
    done = n1.run(
        [sys.executable, "-m", "tests.functional.hostile_peer", json.dumps(options)],
        env={"PYTHONPATH": str(CHECKOUT)},
    )
    said = json.loads(done.stdout)
    assert len(said) == 13
    for what, became in said.items():
        assert became.startswith("PeerRefused: "), (what, became)
    assert "with the key of" in said["as another"]
    assert facts() == before
    assert cluster.states()["other"]["running"]
    cluster.delete("other")
