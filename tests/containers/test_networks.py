"""What Docker is asked for the networks of a container."""

from __future__ import annotations

import threading
import time
from typing import Any, cast

from docker import APIClient
from docker import errors as docker_errors
from pyrsistent import pmap

from flocker_lite.containers import networks
from flocker_lite.containers.translate import create_arguments
from flocker_lite.model.records import Container

WEB = Container("web", "n", "web:1", networks=pmap({"front": ("api",), "back": ()}))
ARGUMENTS = create_arguments(WEB, {}, "10.0.0.1")
PLAIN = create_arguments(Container("web", "n", "web:1"), {}, "10.0.0.1")


class Docker:
    """Networks by id; `busy` are those in which something runs."""

    def __init__(self, *names: str) -> None:
        self.there = {f"id-{number}": name for number, name in enumerate(names)}
        self.busy: set[str] = set()
        self.disconnected: list[tuple[str, str]] = []
        self.connected: list[tuple[str, str, list[str]]] = []

    @property
    def client(self) -> APIClient:
        """As the code under test takes it."""
        return cast(APIClient, self)

    def networks(self, names: list[str]) -> list[dict[str, str]]:
        """As Docker does, all whose names have one of these in them."""
        found = [
            {"Id": key, "Name": name}
            for key, name in self.there.items()
            if any(part in name for part in names)
        ]
        time.sleep(0.01)
        return found

    def create_network(self, name: str, **options: Any) -> dict[str, str]:
        """It does not mind another one of that name."""
        assert options["driver"] == "bridge"
        key = f"id-{len(self.there)}"
        self.there[key] = name
        return {"Id": key}

    def disconnect_container_from_network(self, container: str, name: str, force: bool) -> None:
        """Note it."""
        assert force
        self.disconnected.append((container, name))

    def remove_network(self, name: str) -> None:
        """By its id or its name, unless something runs in it."""
        if name in self.busy:
            raise docker_errors.APIError("it has active endpoints")
        self.there = {key: value for key, value in self.there.items() if name not in (key, value)}

    def connect_container_to_network(self, container: str, name: str, aliases: list[str]) -> None:
        """Note it."""
        self.connected.append((container, name, aliases))


def inspected(arguments: dict[str, Any], *connected: str, **ids: str) -> dict[str, Any]:
    """Docker's "inspect" of a container that was made so; `ids` are of the networks it ran in."""
    return {
        "Id": "c0ffee",
        "HostConfig": arguments["HostConfig"],
        "Config": {"Labels": arguments["Labels"], "Hostname": arguments["Hostname"]},
        "NetworkSettings": {
            "Networks": {
                name: {"NetworkID": ids.get(name.removeprefix("flocker--"), "")}
                for name in connected
            }
        },
    }


def test_creation() -> None:
    """It is made in the first of its networks, which is there then; others may be called alike."""
    docker = Docker("flocker--backup")
    first = networks.for_creation(docker.client, ARGUMENTS)
    assert sorted(docker.there.values()) == ["flocker--back", "flocker--backup"]
    assert first["NetworkingConfig"]["EndpointsConfig"] == {"flocker--back": {"Aliases": ["web"]}}
    assert networks.for_creation(docker.client, PLAIN) == PLAIN
    assert len(docker.there) == 2


def test_start() -> None:
    """All of its networks are there, and it is connected to those that it is not in yet."""
    docker = Docker()
    networks.connect(docker.client, inspected(ARGUMENTS, "flocker--back"))
    assert sorted(docker.there.values()) == ["flocker--back", "flocker--front"]
    assert docker.connected == [("c0ffee", "flocker--front", ["web", "api"])]
    networks.connect(docker.client, inspected(ARGUMENTS, "flocker--back", "flocker--front"))
    networks.connect(docker.client, inspected(PLAIN, "bridge"))
    assert len(docker.there) == 2
    assert len(docker.connected) == 1


def test_start_after_a_prune() -> None:
    """A network that was made anew has another id than the container knows."""
    docker = Docker("flocker--back", "flocker--front")
    both = ("flocker--back", "flocker--front")
    networks.connect(docker.client, inspected(ARGUMENTS, *both, back="id-0", front="id-1"))
    assert docker.connected == []
    networks.connect(docker.client, inspected(ARGUMENTS, *both, back="gone", front="id-1"))
    assert docker.disconnected == [("c0ffee", "flocker--back")]
    assert docker.connected == [("c0ffee", "flocker--back", ["web"])]


def test_at_the_same_time() -> None:
    """Several containers that begin at once make a network once."""
    docker = Docker()
    starting = [
        threading.Thread(target=networks.for_creation, args=(docker.client, ARGUMENTS))
        for _ in range(4)
    ]
    for thread in starting:
        thread.start()
    for thread in starting:
        thread.join()
    assert list(docker.there.values()) == ["flocker--back"]


def test_two_of_one_name() -> None:
    """The one in which nothing runs goes: Docker starts nothing in either."""
    docker = Docker("flocker--back", "flocker--back")
    networks.for_creation(docker.client, ARGUMENTS)
    assert list(docker.there.values()) == ["flocker--back"]


def test_removed() -> None:
    """Its networks go with it, but for those that others use and those that are not ours."""
    docker = Docker("flocker--back", "flocker--front", "bridge")
    docker.busy.add("flocker--front")
    details = inspected(ARGUMENTS, "flocker--back", "flocker--front", "bridge")
    networks.let_go(docker.client, details)
    assert sorted(docker.there.values()) == ["bridge", "flocker--front"]
