"""Containers that somebody made with a real Docker, and what they would become."""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from twisted.trial.unittest import TestCase

from admin.hosts import Lab, Node
from flocker_lite.containers.connection import Connection
from flocker_lite.containers.foreign import DockerForeignContainers
from flocker_lite.interfaces import IForeignContainers
from flocker_lite.processes import Commands
from flocker_lite.testing.foreign_contract import ForeignContract
from flocker_lite.testing.plain_contract import PlainContract

reactor: Any = installed_reactor
lab = Lab("test-foreign", "10.88.5.0/24", nodes=1, services=False, pulled=True)
SOCKET = "/run/docker.sock"


def setUpModule() -> None:
    """One lab for all tests here."""
    lab.up()
    # The machine has one /srv; the node has its own now.
    lab.node("n1").run(["mount", "-t", "tmpfs", "tmpfs", "/srv"])


def tearDownModule() -> None:
    """Nothing is left."""
    lab.down()


class DockerForeignContainersTests(ForeignContract, PlainContract, TestCase):
    """The contract, on a node whose Docker has no containers."""

    def setUp(self) -> None:
        self.node: Node = lab.node("n1")
        self.addCleanup(self.remove_all)
        pool = ThreadPool(0, 2, "docker")
        pool.start()
        self.addCleanup(pool.stop)
        self.foreign = DockerForeignContainers(
            partial(deferToThreadPool, reactor, pool),
            Commands(reactor).run,
            reactor,
            SOCKET,
            "/flocker",
            self.node.root,
        )
        self.addCleanup(self.foreign.close)

    def remove_all(self) -> None:
        """Remove every container of the node, and its volumes."""
        ids = self.node.run(["docker", "ps", "--all", "--quiet"]).stdout.split()
        if ids:
            self.node.run(["docker", "rm", "--force", "--volumes", *ids])
        self.node.run(["docker", "volume", "rm", "--force", "pgdata", "shopdata", "shop-data"])

    async def make(self) -> IForeignContainers:
        for name in ("conf", "shared"):
            (self.node.root / "srv" / name).mkdir(parents=True, exist_ok=True)
        return self.foreign

    async def run_with_docker(self, name: str, arguments: dict[str, Any]) -> None:
        connection = Connection(self.node.root / SOCKET.lstrip("/"))
        try:
            with connection.client_for("make a container") as client:
                made = client.create_container_from_config(arguments, name)
                client.start(made["Id"])
        finally:
            connection.close()

    async def stop_with_docker(self, name: str) -> None:
        self.node.run(["docker", "stop", "--time", "1", name])

    async def volumes_there(self) -> set[str]:
        return set(self.node.run(["docker", "volume", "ls", "--quiet"]).stdout.split())
