"""A container that fails over by itself, while etcd has no majority: its standby renews."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
import requests

from admin.hosts import Lab
from admin.hosts.plan import CONTROL_HTTP_PORT
from tests.functional.agents_lab import DISCOVERY_SECONDS, wait_for
from tests.functional.controls.__main__ import ask
from tests.functional.controls.clients import Service
from tests.functional.controls.strikes import ETCD

AFTER_SECONDS = 10
OUTAGE_SECONDS = 3.0 * AFTER_SECONDS
END_SECONDS_MAX = 3.0 * AFTER_SECONDS
AGAIN_SECONDS_MAX = 120.0
WRITE = "while :; do date +%s.%N >> /data/written; sleep 0.05; done"
NAME = "writer"


class World:
    """Three control services on etcd, and a container at n1 whose standby is n2."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.controls = [lab.node(each.name) for each in lab.plan.controls]
        self.service = Service([f"http://{n.address}:{CONTROL_HTTP_PORT}" for n in self.controls])
        self.dataset_id = str(uuid4())

    def begin(self) -> None:
        """Make the container; returns once it would fail over by itself."""
        n1, n2 = (self.lab.node(name).address for name in ("n1", "n2"))
        replicas = {"nodes": [n2], "rpo_seconds": 5}
        dataset = {"dataset_id": self.dataset_id, "primary": n1, "replicas": replicas}
        ask(self.service, "POST", "/configuration/datasets", dataset)
        container = {
            "host": n1,
            "name": NAME,
            "image": "redis:latest",
            "command_line": ["sh", "-c", WRITE],
            "volumes": [{"dataset_id": self.dataset_id, "mountpoint": "/data"}],
            "failover": {"mode": "automatic", "after_seconds": AFTER_SECONDS},
        }
        ask(self.service, "POST", "/configuration/containers", container)
        wait_for(
            lambda: self.state().get("failover_state", {}).get("armed"), "an armed failover", 120
        )

    def state(self) -> Any:
        """What the state says of the container, of which there is one at most."""
        found = ask(self.service, "GET", "/state/containers")
        assert len(found) <= 1, found
        return found[0] if found else {}

    def run_of(self, name: str) -> str:
        """When its run at that node began; "" if it does not run there."""
        command = ["docker", "inspect", "--format", "{{.State.Running}} {{.State.StartedAt}}"]
        said = self.lab.node(name).run([*command, f"flocker--{NAME}"], check=False).stdout.split()
        return said[1] if said[:1] == ["true"] else ""

    def written(self) -> int:
        """How many bytes it has written at n1."""
        there = f"/flocker/{self.dataset_id}/written"
        return int(self.lab.node("n1").run(["stat", "--format", "%s", there]).stdout)

    def leads(self) -> bool:
        """Whether a control service says that it leads."""
        session = self.service.session()
        for base in self.service.bases:
            with suppress(requests.RequestException):
                if session.get(f"{base}/v1/leader", timeout=1).status_code == 200:
                    return True
        return False


@pytest.fixture
def world() -> Iterator[World]:
    """It is up."""
    options = f"discovery-seconds: {DISCOVERY_SECONDS}\n"
    with Lab(
        "test-etcd-fences",
        "10.85.71.0/24",
        controls=3,
        pulled=True,
        agent_options=options,
    ) as lab:
        made = World(lab)
        made.begin()
        yield made


def test_two_of_three_members_gone(world: World) -> None:
    """It runs on while its standby renews, ends without that, and comes back with the majority."""
    run = world.run_of("n1")
    assert run
    lost = world.controls[1:]
    for node in lost:
        node.kill_service(ETCD)
    wait_for(lambda: not world.leads(), "that nobody leads")
    ends = time.monotonic() + OUTAGE_SECONDS
    while time.monotonic() < ends:
        before = world.written()
        wait_for(lambda: world.written() > before, "that it writes", AFTER_SECONDS)  # noqa: B023
        assert (world.run_of("n1"), world.run_of("n2")) == (run, "")
        assert not world.leads()
    world.lab.node("n2").cut()
    wait_for(lambda: not world.run_of("n1"), "its end: nobody renews", END_SECONDS_MAX)
    assert not world.run_of("n2")
    world.lab.node("n2").heal()
    for node in lost:
        node.start_service(ETCD)
    wait_for(
        lambda: [name for name in ("n1", "n2") if world.run_of(name)],
        "that it runs again",
        AGAIN_SECONDS_MAX,
    )
    assert len([name for name in ("n1", "n2") if world.run_of(name)]) == 1
