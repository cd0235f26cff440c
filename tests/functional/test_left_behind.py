"""What is in no dataset, and which image runs, when a container moves: on real Docker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.functional.agents_lab import Cluster, agents_lab, wait_for

BESIDE = "lab/beside:1"
IMAGE_KEYS = ("image_id", "image_digest")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes; on each the same tag is an image of its own, which asks for a volume."""
    with agents_lab("test-left-behind", "10.89.1.0/24", counted=True) as cluster:
        for node in ("n1", "n2"):
            cluster.docker(node, "pull", "--quiet", "redis:latest")
            change = ("--change", "VOLUME /config", "--change", f"ENV MADE_ON={node}")
            cluster.docker(node, "create", "--name", "base", "redis:latest")
            cluster.docker(node, "commit", *change, "base", BESIDE)
            cluster.docker(node, "rm", "--volumes", "base")
        yield cluster


def move(cluster: Cluster, name: str, node: str, **options: Any) -> Any:
    """Ask for it to be on the node; the answer."""
    body: dict[str, Any] = {"host": cluster.node(node).address}
    if options:
        body["move"] = options
    return cluster.player.post(f"/configuration/containers/{name}", body)


def runs_at(cluster: Cluster, name: str, node: str) -> None:
    """Wait until it runs there."""
    here = (name, cluster.node(node).address, True)

    def seen() -> bool:
        states = cluster.get("/state/containers")
        return here in [(each["name"], each["host"], each["running"]) for each in states]

    wait_for(seen, f"{name} at {node}")


def inside(cluster: Cluster, node: str, name: str, script: str) -> str:
    """What a shell in it says."""
    return cluster.docker(node, "exec", f"flocker--{name}", "sh", "-c", script)


def test_replaced_in_place(cluster: Cluster) -> None:
    """Another environment leaves a database without a dataset all that it had."""
    cluster.create("n1", "kv")
    cluster.running("kv")
    inside(cluster, "n1", "kv", "echo mine >/data/f")
    cluster.player.post("/configuration/containers/kv", {"environment": {"TZ": "UTC"}})
    wait_for(
        lambda: (
            cluster.states().get("kv", {}).get("environment") == {"TZ": "UTC"}
            and cluster.states()["kv"]["running"]
        ),
        "the new one",
    )
    assert inside(cluster, "n1", "kv", "cat /data/f") == "mine"
    cluster.delete("kv")
    wait_for(lambda: not cluster.docker("n1", "volume", "ls", "--quiet"), "no volume is left")


def test_its_digest(cluster: Cluster) -> None:
    """The state has the digest of what runs, the same after a move to a node where the tag means
    another image; who looks at a node again and again does not ask for it again."""
    volumes = [{"dataset_id": cluster.dataset("n1"), "mountpoint": "/data"}]
    cluster.docker("n2", "tag", BESIDE, "redis:latest")
    cluster.create("n1", "cache", volumes=volumes)
    cluster.running("cache")
    before = cluster.states()["cache"]
    known = cluster.docker("n1", "image", "inspect", "--format", "{{.RepoDigests}}", "redis:latest")
    assert known == f"[redis@{before['image_digest']}]"
    assert [path for path in cluster.passes("n1", 3) if "/images/" in path] == []
    move(cluster, "cache", "n2")
    runs_at(cluster, "cache", "n2")
    after = cluster.states()["cache"]
    assert [after[key] for key in IMAGE_KEYS] == [before[key] for key in IMAGE_KEYS]
    assert cluster.inspect("n2", "cache")["Image"] == after["image_id"]
    cluster.delete("cache")
    cluster.create("n1", "built", image=BESIDE)
    cluster.running("built")
    assert "image_digest" not in cluster.states()["built"]
    cluster.delete("built")


def test_there_and_back(cluster: Cluster) -> None:
    """Another image is refused before the stop; what stays behind is said, kept and had again."""
    dataset_id = cluster.dataset("n1")
    volumes = [{"dataset_id": dataset_id, "mountpoint": "/data"}]
    cluster.create("n1", "shop", image=BESIDE, volumes=volumes)
    cluster.running("shop")
    inside(cluster, "n1", "shop", "echo mine >/config/f; echo moves >/data/f")
    move(cluster, "shop", "n2")
    assert cluster.get("/state/containers")[0]["stays_behind"] == ["/config"]
    ids = [
        cluster.docker(node, "image", "inspect", "--format", "{{.Id}}", BESIDE)[7:19]
        for node in ("n1", "n2")
    ]

    def refusal() -> bool:
        said = json.dumps(cluster.get("/state/moves"))
        return all(image_id in said for image_id in ids) and "image_may_differ" in said

    wait_for(refusal, "a refusal with both ids")
    runs_at(cluster, "shop", "n1")
    # Both nodes see it there, and no other lab does.
    archive = str(cluster.node("n1").folder / "image.tar")
    cluster.docker("n1", "save", "--output", archive, BESIDE)
    cluster.docker("n2", "load", "--input", archive)
    runs_at(cluster, "shop", "n2")
    assert inside(cluster, "n2", "shop", "cat /data/f; cat /config/f || echo $MADE_ON") == (
        "moves\nn1"
    )

    def kept() -> Any:
        return [
            each for node in cluster.get("/state/nodes") for each in node.get("kept_volumes", ())
        ]

    (volume,) = wait_for(kept, "what n1 keeps, once it has removed its container")
    assert (volume["container"], volume["path"]) == ("shop", "/config")
    cluster.docker("n1", "volume", "inspect", volume["volume"])
    move(cluster, "shop", "n1", image_may_differ=True)
    runs_at(cluster, "shop", "n1")
    assert inside(cluster, "n1", "shop", "cat /data/f /config/f") == "moves\nmine"
    cluster.delete("shop")
    for node in ("n1", "n2"):
        wait_for(
            lambda node=node: not cluster.docker(node, "volume", "ls", "--quiet"),  # type: ignore[misc]
            "no volume is left",
        )
