"""A lab whose Dockers have our volume driver, and Docker's own commands on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import CompletedProcess
from typing import Any

from admin.hosts import Lab
from tests.functional.agents_lab import DISCOVERY_SECONDS, Cluster

OPTIONS = f"docker-volumes: true\ndiscovery-seconds: {DISCOVERY_SECONDS}\n"
SLEEP = ("redis:latest", "sh", "-c", "trap exit TERM; sleep 1000000 & wait")
IMAGE = "redis:latest"
DOCKER_SECONDS_MAX = 140.0
"""Docker itself waits 120 s for a volume."""


class Dockers(Cluster):
    """The cluster, by the commands of Docker's users."""

    def tried(self, node: str, *arguments: str) -> CompletedProcess[str]:
        """A command of Docker's that may fail."""
        return self.node(node).run(
            ["docker", *arguments], check=False, timeout_seconds=DOCKER_SECONDS_MAX
        )

    def error(self, node: str, *arguments: str) -> str:
        """What Docker says of a command that fails."""
        done = self.tried(node, *arguments)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def volume(self, node: str, name: str, *options: str) -> None:
        """`docker volume create` with our driver."""
        given = [word for option in options for word in ("--opt", option)]
        self.docker(node, "volume", "create", "--driver", "flocker", *given, name)

    def volumes(self, node: str) -> list[str]:
        """The names of the volumes that Docker lists."""
        return sorted(self.docker(node, "volume", "ls", "--quiet").split())

    def inspected(self, node: str, name: str) -> Any:
        """All that Docker says of a volume."""
        (found,) = json.loads(self.docker(node, "volume", "inspect", name))
        return found

    def lease(self, node: str, name: str) -> str:
        """What the node has written on its copy of the volume's dataset."""
        dataset_id = self.inspected(node, name)["Status"]["dataset_id"]
        copy = f"{self.node(node).pool}/flocker-lite/{dataset_id}"
        get = ["zfs", "get", "-H", "-o", "value", "flocker:lease", copy]
        return self.node(node).run(get).stdout.strip()

    def start(self, node: str, container: str, volume: str, *more: str) -> None:
        """A container that sleeps, with a volume at /data."""
        run = ("run", "--detach", "--name", container, "--volume", f"{volume}:/data")
        self.docker(node, *run, *more, *SLEEP)

    def once(self, node: str, volume: str, script: str) -> str:
        """What a script says that runs in a container of its own with a volume at /data."""
        run = ("run", "--rm", "--volume", f"{volume}:/data", IMAGE)
        return self.docker(node, *run, "sh", "-c", script)

    def make_durable(self, node: str) -> None:
        """Have all on the disk that was written; fsync on zfs-fuse leaves out new names."""
        self.node(node).run(["zfs", "set", "test:durable=yes", self.node(node).pool])

    def clean(self, *nodes: str) -> None:
        """Remove all containers, and all volumes from Docker."""
        for node in nodes:
            ids = self.docker(node, "ps", "--all", "--quiet").split()
            if ids:
                self.docker(node, "rm", "--force", *ids)
            if names := self.volumes(node):
                self.docker(node, "volume", "rm", *names)


@contextmanager
def volumes_lab(name: str, subnet: str, nodes: int = 2) -> Iterator[Dockers]:
    """The lab, up."""
    with Lab(name, subnet, nodes=nodes, pulled=True, agent_options=OPTIONS) as lab:
        yield Dockers(lab)
