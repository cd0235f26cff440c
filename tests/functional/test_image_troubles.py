"""What keeps an image away on a real Docker: credentials, and a disk that is full."""

from __future__ import annotations

import base64
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from admin.hosts import Node
from tests.functional.agents_lab import Cluster, agents_lab, wait_for

PRIVATE_PORT = 5001
USER = "ali"
PASSWORD = "open sesame"
# Of the password, by bcrypt at its lowest cost.
HASH = "$2b$04$xucrbMpI/zqoMeafSRgVx.4nCrNYFqnwGHfZuwXP8Sj0GByYOvy7q"
DOCKER_ROOT = "/var/lib/docker"
SMALL = "16m"
LARGE = "2g"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A lab with nothing in it; n2 does not know any image."""
    with agents_lab("test-image-troubles", "10.85.3.0/24", pulled=False) as cluster:
        yield cluster


@contextmanager
def private_registry(node: Node) -> Iterator[str]:
    """The lab's images once more, for whoever has the password; the registry's name."""
    etc = node.root / "etc/docker/registry"
    (etc / "htpasswd").write_text(f"{USER}:{HASH}\n")
    text = (etc / "config.yml").read_text().replace(":5000", f":{PRIVATE_PORT}")
    realm = "auth:\n  htpasswd: {realm: lab, path: /etc/docker/registry/htpasswd}\n"
    (etc / "private.yml").write_text(text + realm)
    registry = node.spawn(["docker-registry", "serve", "/etc/docker/registry/private.yml"])
    try:
        yield f"{node.address}:{PRIVATE_PORT}"
    finally:
        os.killpg(registry.pid, signal.SIGTERM)
        registry.wait(10)


def keep_credentials(node: Node, registry: str, password: str) -> None:
    """What `docker login` leaves, which would not leave a wrong password."""
    known = base64.b64encode(f"{USER}:{password}".encode()).decode()
    config = json.dumps({"auths": {registry: {"auth": known}}})
    node.run(["sh", "-c", "cat >/root/.docker/config.json"], input_text=config)


def test_credentials(cluster: Cluster) -> None:
    """Without them, and with wrong ones, the error says what to do; with the right ones it runs."""
    node = cluster.node("n2")
    # The home directory is shared by all nodes.
    node.run(["mkdir", "-p", "/root/.docker"])
    node.run(["mount", "-t", "tmpfs", "tmpfs", "/root/.docker"])
    with private_registry(cluster.node("registry")) as registry:
        cluster.create("n2", "private", image=f"{registry}/library/redis:latest")
        state = cluster.state("private", lambda state: "error" in state)
        assert "no basic auth credentials" in state["error"]
        assert "run `docker login`" in state["error"]
        keep_credentials(node, registry, "close sesame")
        state = cluster.state("private", lambda state: "unauthorized" in state.get("error", ""))
        assert "does not accept this node's credentials: run `docker login`" in state["error"]
        assert not state["running"]
        login = ["docker", "login", "--username", USER, "--password-stdin", registry]
        node.run(login, input_text=PASSWORD)
        cluster.cured("private")
    cluster.delete("private")


def test_login(cluster: Cluster) -> None:
    """What the control service was told of a registry is used on a node that knows nothing."""
    with private_registry(cluster.node("registry")) as registry:
        cluster.create("n1", "private", image=f"{registry}/library/redis:latest")
        cluster.state("private", lambda state: "no basic auth" in state.get("error", ""))
        login = {"registry": registry, "user": USER, "password": "close sesame"}
        cluster.player.post("/configuration/registries", login)
        cluster.state("private", lambda state: "unauthorized" in state.get("error", ""))
        cluster.player.post("/configuration/registries", {**login, "password": PASSWORD})
        cluster.cured("private")
    for path in ("configuration/registries", "configuration/containers", "state/containers"):
        assert PASSWORD not in str(cluster.get(f"/{path}"))
    cluster.delete("private")
    cluster.player.delete(f"/configuration/registries/{registry}")


def test_a_full_disk(cluster: Cluster) -> None:
    """The error says that it is full and where, and the container runs once there is room."""
    node = cluster.node("n2")
    node.stop_service("dockerd")
    node.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", DOCKER_ROOT])
    node.start_service("dockerd")
    # Not by the mirror: Docker says what was wrong with the last place that it tried.
    registry = f"{cluster.node('registry').address}:5000"
    cluster.create("n2", "large", image=f"{registry}/library/redis:latest")
    state = cluster.state("large", lambda state: "disk" in state.get("error", ""))
    assert "the disk of this node is full: make room where Docker keeps its data" in state["error"]
    assert not state["running"]
    node.run(["mount", "-o", f"remount,size={LARGE}", DOCKER_ROOT])
    cluster.cured("large", timeout_seconds=120)
    cluster.delete("large")
    wait_for(lambda: not cluster.docker("n2", "ps", "--all", "--quiet"), "nothing left")
