"""A node is emptied and filled again by `flockerctl`, while clients use all that is on it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from admin.hosts import Lab, Node
from admin.hosts.arrivals import agents_here
from admin.story.player import Player
from tests.functional.test_holding import load, runs

COMMAND = str(Path(__file__).resolve().parents[2] / ".venv/bin/flockerctl")
CONTAINERS = {"site": 7500, **{f"store{number}": 7501 + number for number in range(4)}}
DONE_SECONDS = 300.0


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Three nodes; all containers are on the first, each but the site with data."""
    with Lab("test-draining", "10.85.53.0/24", nodes=3, pulled=True) as lab:
        yield lab


@pytest.fixture(scope="module")
def player(lab: Lab) -> Player:
    """Speaks to the control service; the containers run."""
    player = Player(f"http://{lab.node('control').address}:4523/v1", lambda _: None)
    player.poll("/state/nodes", lambda answer: agents_here(answer) == 3)
    first = lab.node("n1").address
    for name, port in CONTAINERS.items():
        body: dict[str, Any] = {"host": first, "name": name}
        if name == "site":
            body |= {"image": "nginx:latest", "ports": [{"internal": 80, "external": port}]}
        else:
            made = {"primary": first, "metadata": {"name": name}}
            dataset_id = player.post("/configuration/datasets", made)["dataset_id"]
            volume = {"dataset_id": dataset_id, "mountpoint": "/data"}
            ports = [{"internal": 6379, "external": port}]
            body |= {"image": "redis:latest", "ports": ports, "volumes": [volume]}
        player.post("/configuration/containers", body)
    for name in CONTAINERS:
        runs(player, name, lab.node("n1"))
    return player


def flockerctl(lab: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    """What it says, and its exit code."""
    known = {key: value for key, value in os.environ.items() if not key.startswith("FLOCKER_")}
    environment = {**known, "FLOCKER_CONTROL_SERVICE": lab.node("control").address}
    argv = [COMMAND, *words]
    return subprocess.run(
        argv, env=environment, capture_output=True, text=True, timeout=DONE_SECONDS
    )


def place_of(lab: Lab, player: Player, name: str) -> Node:
    """The node where a container runs, once no other one has it to its last requests."""

    def found(answer: list[Any]) -> list[Any]:
        return [each for each in answer if each["name"] == name]

    (state,) = found(player.poll("/state/containers", lambda answer: len(found(answer)) == 1))
    names = ("n1", "n2", "n3")
    return next(lab.node(node) for node in names if lab.node(node).address == state["host"])


def test_there_and_back(lab: Lab, player: Player) -> None:
    """Nothing is left, both others have some, everything comes back; no client saw an error."""
    first, outside = lab.node("n1"), lab.node("control")
    planned = flockerctl(lab, "drain", first.address, "--dry-run")
    assert planned.stdout.count("container ") == len(CONTAINERS), planned
    with ExitStack() as stack:
        clients = [
            client
            for name, port in CONTAINERS.items()
            for client in stack.enter_context(
                load(
                    {f"{name} by n3": (outside, lab.node("n3").address)},
                    port,
                    "http" if name == "site" else "redis",
                )
            )
        ]
        drained = flockerctl(lab, "drain", first.address)
        print(drained.stdout)
        assert drained.returncode == 0, drained
        assert f"{first.address} is empty: {len(CONTAINERS)} moved" in drained.stdout
        places = {name: place_of(lab, player, name).name for name in CONTAINERS}
        assert set(places.values()) == {"n2", "n3"}, places
        assert "here, cordoned" in flockerctl(lab, "nodes").stdout
        returned = flockerctl(lab, "return", first.address)
        assert returned.returncode == 0, returned
        for name in CONTAINERS:
            runs(player, name, first)
    for client in clients:
        print(client)
    assert [client.errors for client in clients] == [0] * len(clients)
    assert all(client.requests for client in clients)


def test_destination_dies(lab: Lab, player: Player) -> None:
    """A node that is away gets nothing; it stays in the list, and says since when it is away."""
    first, second, third = (lab.node(name) for name in ("n1", "n2", "n3"))
    third.kill_service("flocker-agent")
    player.poll("/state/nodes", lambda answer: agents_here(answer) == 2)
    drained = flockerctl(lab, "drain", first.address)
    assert drained.returncode == 0, drained
    for name in CONTAINERS:
        runs(player, name, second)
    listed = flockerctl(lab, "nodes").stdout
    assert any(
        line.startswith(third.address) and "away since 20" in line for line in listed.splitlines()
    ), listed
    status = flockerctl(lab, "status")
    assert (status.returncode, f"node {third.address}: is away" in status.stdout) == (1, True)
    third.start_service("flocker-agent")
    player.poll("/state/nodes", lambda answer: agents_here(answer) == 3)
    assert flockerctl(lab, "return", first.address).returncode == 0
