"""Images and names on the lab: registries that fail, and links that are names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.functional.agents_lab import Cluster, agents_lab, wait_for

CALLS_PER_PASS_MAX = 3


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A lab with nothing in it; n2 does not know any image."""
    with agents_lab("test-images", "10.85.2.0/24", pulled=False, counted=True) as cluster:
        yield cluster


def registry(cluster: Cluster) -> str:
    """The registry's name, which leads past every mirror."""
    return f"{cluster.node('registry').address}:5000"


def test_a_tag_that_is_not_there(cluster: Cluster) -> None:
    """The error stands beside the container, and goes when it is cured."""
    cluster.create("n2", "wrong", image=f"{registry(cluster)}/library/redis:no-such-tag")
    state = cluster.state("wrong", lambda state: "error" in state)
    assert "no such image or tag" in state["error"]
    assert not state["running"]
    body = {"image": f"{registry(cluster)}/library/redis:latest"}
    cluster.player.post("/configuration/containers/wrong", body)
    cluster.cured("wrong")
    cluster.delete("wrong")


def test_an_image_for_another_platform(cluster: Cluster) -> None:
    """The error names the platform, what ran goes on running, and a correction cures it."""
    image = f"{registry(cluster)}/library/redis:latest"
    cluster.create("n2", "here", image=image)
    cluster.cured("here")
    before = cluster.inspect("n2", "here")["Id"]
    cluster.player.post("/configuration/containers/here", {"platform": "linux/s390x"})
    cluster.create("n2", "nowhere", image=image, platform="linux/s390x")
    for name in ("here", "nowhere"):
        state = cluster.state(name, lambda state: "linux/s390x" in state.get("error", ""))
        print(f"{name}: {state['error']}")
        assert "correct" in state["error"]
    assert cluster.inspect("n2", "here")["Id"] == before
    for name in ("here", "nowhere"):
        cluster.player.post(f"/configuration/containers/{name}", {"platform": "linux/amd64"})
        cluster.cured(name)
        cluster.delete(name)


@pytest.mark.parametrize("fault", ["crash", "cut"])
def test_a_registry_that_is_down(cluster: Cluster, fault: str) -> None:
    """The error says that it is not to be reached, and the container runs when it is back."""
    image = f"{registry(cluster)}/library/nginx:latest"
    node = cluster.node("registry")
    if fault == "crash":
        node.crash()
    else:
        cluster.node("n2").run(["docker", "rmi", image])
        node.cut()
    cluster.create("n2", fault, image=image, command_line=None)
    state = cluster.state(fault, lambda state: "error" in state, timeout_seconds=90)
    assert "cannot be reached" in state["error"]
    if fault == "crash":
        node.start()
    else:
        node.heal()
    cluster.cured(fault, timeout_seconds=120)
    cluster.delete(fault)


def test_progress(cluster: Cluster) -> None:
    """While an image comes, the state says how much of it has come."""
    cluster.create("n1", "postgres", image="postgres:latest")
    seen: list[Any] = []

    def look() -> bool:
        state = cluster.states().get("postgres", {})
        if "image_pull" in state:
            seen.append(state["image_pull"])
        return bool(state.get("running"))

    wait_for(look, "postgres runs")
    print(f"progress: {seen[:1]} ... {seen[-1:]}")
    assert seen
    assert max(pull["total_bytes"] for pull in seen) > 10**6
    assert "image_pull" not in cluster.states()["postgres"]
    cluster.delete("postgres")


def test_in_advance(cluster: Cluster) -> None:
    """A node fetches an image before any container needs it, when it is told to."""
    wish = {"host": cluster.node("n2").address, "image": "postgres"}
    made = cluster.player.post("/configuration/images", wish)
    assert (made["host"], made["image"]) == (wish["host"], "postgres:latest")
    cluster.player.poll(
        "/state/images", lambda found: [item["present"] for item in found] == [True]
    )
    assert cluster.docker("n2", "images", "--quiet", "postgres:latest")
    cluster.player.delete(f"/configuration/images/{made['image_id']}")
    cluster.player.poll("/state/images", lambda found: found == [])
    assert cluster.docker("n2", "images", "--quiet", "postgres:latest")


@pytest.mark.parametrize("server", ["n1", "n2"])
def test_links_are_names(cluster: Cluster, server: str) -> None:
    """A link's alias leads to the linked container, on another node and on the same one."""
    cluster.create(
        "n1", "client", links=[{"alias": "store", "local_port": 6379, "remote_port": 7300}]
    )
    cluster.create(
        server,
        "store",
        command_line=["redis-server"],
        ports=[{"internal": 6379, "external": 7300}],
    )
    cluster.running("client", "store")

    def ping() -> bool:
        asked = ["docker", "exec", "flocker--client", "timeout", "5"]
        client = ["redis-cli", "-h", "store", "-p", "7300", "ping"]
        return cluster.node("n1").run([*asked, *client], check=False).stdout.strip() == "PONG"

    wait_for(ping, "an answer by the name of the link")
    cluster.delete("client", "store")


@pytest.mark.parametrize("count", [1, 10, 50])
def test_calls_per_pass(cluster: Cluster, count: int) -> None:
    """A pass takes a handful of calls to Docker, however many containers run."""
    names = [f"sleeper-{number}" for number in range(count)]
    for name in names:
        cluster.create("n1", name)
    cluster.running(*names, timeout_seconds=180)
    cluster.passes("n1", 2)
    passes = 5
    calls = cluster.passes("n1", passes)
    lists = sum("/containers/json" in path for path in calls)
    print(f"{count} containers: {len(calls)} calls to Docker in {lists} passes")
    assert len(calls) <= CALLS_PER_PASS_MAX * lists
    cluster.delete(*names)
