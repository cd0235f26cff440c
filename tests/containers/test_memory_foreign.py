"""The containers of others in memory keep the contract."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import TestCase

from flocker_lite.interfaces import IForeignContainers
from flocker_lite.testing.foreign_contract import ForeignContract
from flocker_lite.testing.memory_foreign import MemoryForeignContainers
from flocker_lite.testing.plain_contract import PlainContract

REDIS: dict[str, Any] = {
    "Cmd": ["redis-server"],
    "Entrypoint": ["docker-entrypoint.sh"],
    "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "REDIS_VERSION=7.0"],
    "ExposedPorts": {"6379/tcp": {}},
    "Volumes": {"/data": {}},
    "WorkingDir": "/data",
}


class MemoryForeignContainersTests(ForeignContract, PlainContract, TestCase):
    """On a node with one image."""

    def setUp(self) -> None:
        self.memory = MemoryForeignContainers(images={"redis:latest": REDIS})

    async def make(self) -> IForeignContainers:
        return self.memory

    async def run_with_docker(self, name: str, arguments: dict[str, Any]) -> None:
        self.memory.run(name, arguments)
        self.arguments = arguments

    async def stop_with_docker(self, name: str) -> None:
        self.memory.run(name, self.arguments, "exited")

    async def volumes_there(self) -> set[str]:
        return set(self.memory.volumes)
