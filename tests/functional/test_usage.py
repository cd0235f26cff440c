"""IUsage by a real Docker engine keeps the contract."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.trial.unittest import TestCase

from admin.hosts import Lab
from flocker_lite.containers.docker import SOCKET_PATH
from flocker_lite.containers.usage import DockerUsage
from flocker_lite.interfaces import IUsage
from flocker_lite.testing.usage_contract import BUSY, IDLE, STOPPED, UsageContract
from tests.functional.docker_threads import DockerThreads

reactor: Any = installed_reactor
lab = Lab("test-usage", "10.79.14.0/24", nodes=1, services=False)


def setUpModule() -> None:
    """One lab for all tests here."""
    lab.up()


def tearDownModule() -> None:
    """Nothing is left."""
    lab.down()


class DockerUsageTests(UsageContract, TestCase):
    """A node of the lab."""

    async def make(self) -> IUsage:
        node = lab.node("n1")
        threads = DockerThreads(node.root)
        self.addCleanup(threads.close)
        for each in (BUSY, IDLE, STOPPED):
            await threads.containers.pull(each.image, lambda _: None)
            await threads.containers.prepare(each, {}, node.address)
        for each in (BUSY, IDLE):
            await threads.containers.start(each.name)
        return DockerUsage(threads.run_in_thread, reactor, SOCKET_PATH, node.root)
