"""Docker Swarm: it moves a redis between two nodes of the lab, without data or with a volume."""

from __future__ import annotations

import time
from dataclasses import dataclass

from admin.hosts import Node

DOCKER_SWARM_PORT = 6391
SERVICE = "peer"
POLL_SECONDS = 0.05
TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True)
class DockerSwarm:
    """A service of one replica whose constraint names the node; it is published in host mode.

    The nodes have the image already, and Swarm does not look it up in a registry. With a `volume`
    of that name, which is a dataset, its data is at /data.
    """

    first: Node
    second: Node
    volume: str | None = None

    def set_up(self) -> None:
        """A swarm of both nodes, and the service at the first one."""
        advertised = f"--advertise-addr={self.first.address}"
        self.first.run(["docker", "swarm", "init", advertised])
        token = self.first.run(["docker", "swarm", "join-token", "-q", "worker"]).stdout.strip()
        advertised = f"--advertise-addr={self.second.address}"
        manager = f"{self.first.address}:2377"
        self.second.run(["docker", "swarm", "join", advertised, "--token", token, manager])
        for node in (self.first, self.second):
            self.first.run(
                ["docker", "node", "update", "--label-add", f"at={node.name}", self._id(node)]
            )
        mount = f"type=volume,source={self.volume},target=/data,volume-driver=flocker"
        self.first.run(
            [
                *("docker", "service", "create", "--detach", "--no-resolve-image"),
                *("--name", SERVICE, "--constraint", f"node.labels.at=={self.first.name}"),
                *("--publish", f"mode=host,published={DOCKER_SWARM_PORT},target=6379"),
                *(("--mount", mount) if self.volume is not None else ()),
                *("redis:latest", "redis-server", "--save", ""),
            ]
        )
        self._until_it_runs_at(self.first)

    def write(self, mib: int) -> None:
        """Write random data to the volume, beside what redis has there."""
        task = f"label=com.docker.swarm.service.name={SERVICE}"
        container = self.first.run(["docker", "ps", "-q", "--filter", task]).stdout.strip()
        write = f"head -c {mib << 20} /dev/urandom >/data/ballast"
        self.first.run(["docker", "exec", container, "sh", "-c", write])

    def tear_down(self) -> None:
        """Both nodes leave the swarm, whose service ends with it."""
        for node in (self.second, self.first):
            node.run(["docker", "swarm", "leave", "--force"], check=False)

    def move(self, source: Node, target: Node) -> None:
        """Change the constraint; over when the service runs at the target."""
        self.first.run(
            [
                *("docker", "service", "update", "--detach", "--no-resolve-image"),
                *("--constraint-rm", f"node.labels.at=={source.name}"),
                *("--constraint-add", f"node.labels.at=={target.name}", SERVICE),
            ]
        )
        self._until_it_runs_at(target)

    def _id(self, node: Node) -> str:
        shown = node.run(["docker", "info", "--format", "{{.Swarm.NodeID}}"])
        return str(shown.stdout).strip()

    def _until_it_runs_at(self, node: Node) -> None:
        ends = time.monotonic() + TIMEOUT_SECONDS
        task = f"label=com.docker.swarm.service.name={SERVICE}"
        while not node.run(["docker", "ps", "-q", "--filter", task]).stdout.strip():
            if time.monotonic() > ends:
                raise TimeoutError(f"the service {SERVICE} does not run at {node.name}")
            time.sleep(POLL_SECONDS)
