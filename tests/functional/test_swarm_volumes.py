"""A redis of Docker Swarm keeps its data when Swarm moves it, and loses no acknowledged record."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.functional.agents_lab import wait_for
from tests.functional.append_client import KEY
from tests.functional.volumes_lab import IMAGE, Dockers, volumes_lab

PORT = 6391
SERVICE = "db"
PAUSE_SECONDS_MAX = 30.0
CLIENT = Path(__file__).with_name("append_client.py")


class Swarm:
    """The lab's nodes as a swarm, with the service on the first one."""

    def __init__(self, dockers: Dockers) -> None:
        self.dockers = dockers
        self.nodes = ("n1", "n2")

    def up(self) -> None:
        """Both nodes join, each with a label that says which one it is."""
        first, second = (self.dockers.node(name) for name in self.nodes)
        manage = self.dockers.docker
        manage("n1", "swarm", "init", f"--advertise-addr={first.address}")
        token = manage("n1", "swarm", "join-token", "--quiet", "worker")
        join = ("swarm", "join", f"--advertise-addr={second.address}", "--token", token)
        manage("n2", *join, f"{first.address}:2377")
        for name in self.nodes:
            label = ("node", "update", "--label-add", f"at={name}", self.id(name))
            manage("n1", *label)

    def id(self, node: str) -> str:
        """What Swarm calls a node."""
        return self.dockers.docker(node, "info", "--format", "{{.Swarm.NodeID}}")

    def serve(self, *more: str) -> None:
        """The service, which writes each record to the disk before it answers."""
        self.dockers.docker(
            "n1",
            *("service", "create", "--detach", "--no-resolve-image", "--name", SERVICE),
            *("--publish", f"mode=host,published={PORT},target=6379", *more),
            *("--mount", "type=volume,source=dbdata,target=/data,volume-driver=flocker"),
            *(IMAGE, "redis-server", "--appendonly", "yes", "--appendfsync", "always"),
            *("--save", ""),
        )

    def runs_at(self, node: str) -> bool:
        """Whether the service answers there."""
        return self.redis(node, "ping") == "PONG"

    def redis(self, node: str, *words: str) -> str:
        """A command to the redis that is on that node."""
        there = self.dockers.node(node)
        command = ["redis-cli", "-h", there.address, "-p", str(PORT), *words]
        return there.run(command, check=False).stdout.strip()

    def remove(self) -> None:
        """The service goes."""
        self.dockers.docker("n1", "service", "rm", SERVICE)
        task = ("ps", "--quiet", "--filter", f"label=com.docker.swarm.service.name={SERVICE}")
        wait_for(
            lambda: not any(self.dockers.docker(name, *task) for name in self.nodes),
            "the end of the task",
        )

    @contextmanager
    def appended(self, what: str) -> Iterator[Callable[[str], None]]:
        """A client that appends meanwhile; call what this yields with where all records are."""
        addresses = [self.dockers.node(name).address for name in self.nodes]
        client = self.dockers.node("control").spawn(
            [sys.executable, str(CLIENT), str(PORT), *addresses],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert client.stdout is not None
        assert client.stdout.readline() == "ready\n"

        def check(node: str) -> None:
            said, _ = client.communicate("", timeout=30)
            count, longest_seconds = json.loads(said)
            there = {int(each) for each in self.redis(node, "lrange", KEY, "0", "-1").split()}
            print(f"{what}: {count} records, pause {longest_seconds:.2f} s")
            assert set(range(count)) <= there
            assert longest_seconds < PAUSE_SECONDS_MAX

        try:
            yield check
        finally:
            if client.poll() is None:
                client.communicate("", timeout=30)


@pytest.fixture(scope="module")
def swarm() -> Iterator[Swarm]:
    """Two nodes, in one swarm."""
    with volumes_lab("test-swarm-volumes", "10.90.12.0/24") as dockers:
        swarm = Swarm(dockers)
        swarm.up()
        yield swarm


def test_by_constraint(swarm: Swarm) -> None:
    """Where the constraint of the service points to, there its data goes."""
    swarm.serve("--constraint", "node.labels.at==n1")
    wait_for(lambda: swarm.runs_at("n1"), "the service")
    with swarm.appended("moved there and back by constraint") as check:
        for source, target in (("n1", "n2"), ("n2", "n1")):
            swarm.dockers.docker(
                *("n1", "service", "update", "--detach", "--no-resolve-image"),
                *("--constraint-rm", f"node.labels.at=={source}"),
                *("--constraint-add", f"node.labels.at=={target}", SERVICE),
            )
            wait_for(partial(swarm.runs_at, target), f"the service at {target}")
        check("n1")
    swarm.remove()


def test_drained(swarm: Swarm) -> None:
    """What Swarm drains from a node comes up with its data on the other one."""
    swarm.serve()
    (source,) = wait_for(
        lambda: [name for name in swarm.nodes if swarm.runs_at(name)], "the service"
    )
    (target,) = set(swarm.nodes) - {source}
    swarm.redis(source, "del", KEY)
    drain = ("node", "update", "--availability", "drain", swarm.id(source))
    with swarm.appended("drained") as check:
        swarm.dockers.docker("n1", *drain)
        wait_for(lambda: swarm.runs_at(target), f"the service at {target}")
        check(target)
    swarm.dockers.docker("n1", "node", "update", "--availability", "active", swarm.id(source))
    swarm.remove()
