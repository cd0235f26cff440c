"""Containers that find each other by name, together and apart, and on the way from one to other."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from admin.hosts.errors import LabError
from tests.functional.agents_lab import Cluster, agents_lab, wait_for

PORT = 7379
INSIDE = 6379
REDIS = ["redis-server", "--save", ""]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A program `web` on the first node, which asks `db`; and `solo`, which is in no network."""
    with agents_lab("test-networks", "10.85.33.0/24") as cluster:
        dataset_id = cluster.dataset("n1")
        cluster.create(
            "n1",
            "db",
            command_line=REDIS,
            ports=[f"{PORT}:{INSIDE}"],
            volumes=[{"dataset_id": dataset_id, "mountpoint": "/data"}],
            networks={"back": {"aliases": ["database"]}, "spare": None},
        )
        cluster.create("n1", "solo", command_line=REDIS, ports=["7380:6379"])
        cluster.create(
            "n1",
            "web",
            networks=["back", "front"],
            links=[{"alias": "linked", "local_port": PORT, "remote_port": PORT}],
            extra_hosts=["elsewhere:10.9.8.7"],
        )
        cluster.create("n1", "other", networks=["front"])
        cluster.running("db", "web", "solo", "other")
        yield cluster


def inside(cluster: Cluster, node: str, name: str, command: str) -> str:
    """What a shell in a container prints; "" when it fails."""
    try:
        return cluster.docker(node, "exec", f"flocker--{name}", "timeout", "5", "sh", "-c", command)
    except LabError:
        return ""


def asked(cluster: Cluster, node: str, host: str, port: int, name: str = "web") -> str:
    """What redis there answers."""
    return inside(cluster, node, name, f"redis-cli -h {host} -p {port} ping")


def where(cluster: Cluster, node: str, host: str, name: str = "web") -> str:
    """The address of a name."""
    return inside(cluster, node, name, f"getent ahostsv4 {host}").partition(" ")[0]


def answers(cluster: Cluster, node: str, host: str, port: int) -> bool:
    """Whether redis there is reached."""
    return asked(cluster, node, host, port) == "PONG"


def leads_to(cluster: Cluster, node: str, host: str, address: str) -> bool:
    """Whether this is the address of the name."""
    return where(cluster, node, host) == address


def move(cluster: Cluster, name: str, node: str) -> None:
    """Move a container, and wait until it runs there."""
    there = cluster.node(node).address
    cluster.player.post(f"/configuration/containers/{name}", {"host": there})
    cluster.state(name, lambda state: state["running"] and state["host"] == there, 80.0)


def require_together(cluster: Cluster, node: str) -> None:
    """By name at any port, without a way round."""
    for host in ("db", "database"):
        wait_for(partial(answers, cluster, node, host, INSIDE), f"{host} at {node}")
        assert where(cluster, node, host) != cluster.node(node).address


def require_apart(cluster: Cluster, node: str) -> None:
    """By name at the published port, by way of this node."""
    address = cluster.node(node).address
    for host in ("db", "database"):
        wait_for(partial(leads_to, cluster, node, host, address), f"{host} from {node}")
        wait_for(partial(answers, cluster, node, host, PORT), f"{host} from {node}")


def require_links(cluster: Cluster, node: str) -> None:
    """Links and other hosts are found as ever, and so are external ports of any container."""
    assert asked(cluster, node, "linked", PORT) == "PONG"
    assert where(cluster, node, "elsewhere") == "10.9.8.7"
    assert asked(cluster, node, cluster.node(node).address, 7380) == "PONG"


def test_together(cluster: Cluster) -> None:
    """On one node Docker's own name server knows all of a network, and nobody of another one."""
    require_together(cluster, "n1")
    require_links(cluster, "n1")
    assert where(cluster, "n1", "web") == where(cluster, "n1", "$(hostname)")
    assert asked(cluster, "n1", "db", INSIDE, name="other") == ""
    assert where(cluster, "n1", "web", name="other") != ""


def test_apart_and_together_again(cluster: Cluster) -> None:
    """The container that is asked moves, and comes back; the other one runs on."""
    run = cluster.inspect("n1", "web")["State"]["StartedAt"]
    move(cluster, "db", "n2")
    require_apart(cluster, "n1")
    require_links(cluster, "n1")
    move(cluster, "db", "n1")
    require_together(cluster, "n1")
    assert cluster.inspect("n1", "web")["State"]["StartedAt"] == run


def test_the_other_one_moves(cluster: Cluster) -> None:
    """The container that asks moves away, and the one that is asked follows."""
    move(cluster, "web", "n2")
    require_apart(cluster, "n2")
    require_links(cluster, "n2")
    move(cluster, "db", "n2")
    require_together(cluster, "n2")
    require_links(cluster, "n2")
    move(cluster, "db", "n1")
    require_apart(cluster, "n2")


def test_a_restart(cluster: Cluster) -> None:
    """After `docker restart` it finds what it found before, together and apart."""
    cluster.docker("n2", "restart", "--time", "1", "flocker--web")
    require_apart(cluster, "n2")
    move(cluster, "web", "n1")
    cluster.docker("n1", "restart", "--time", "1", "flocker--web")
    require_together(cluster, "n1")


def test_nothing_is_left(cluster: Cluster) -> None:
    """A network goes with the last of its containers here."""
    assert networks(cluster, "n1") == ["flocker--back", "flocker--front", "flocker--spare"]
    assert networks(cluster, "n2") == []
    cluster.delete("db", "web", "solo")
    wait_for(lambda: networks(cluster, "n1") == ["flocker--front"], "no network of theirs")


def test_a_pruned_network(cluster: Cluster) -> None:
    """One that somebody removed while a container was stopped is there again for its start."""
    cluster.player.post("/configuration/containers/other", {"running": False})
    cluster.state("other", lambda state: not state.get("running"))

    def pruned() -> bool:
        # Docker lets go of a network some time after it said that its last container had ended.
        cluster.docker("n1", "network", "prune", "--force")
        return networks(cluster, "n1") == []

    wait_for(pruned, "the network is pruned")
    cluster.player.post("/configuration/containers/other", {"running": True})
    cluster.running("other")
    assert where(cluster, "n1", "other", name="other") != ""
    cluster.delete("other")
    wait_for(lambda: networks(cluster, "n1") == [], "no network")


def networks(cluster: Cluster, node: str) -> list[str]:
    """Docker's networks that are ours."""
    listed = ("network", "ls", "--filter", "name=flocker--", "--format", "{{.Name}}")
    return sorted(cluster.docker(node, *listed).split())
