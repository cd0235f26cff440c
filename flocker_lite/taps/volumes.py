"""Serves Docker's volume plugin protocol: from the first moment, whatever the agent waits for."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import AdoptedStreamServerEndpoint, UNIXServerEndpoint
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.systemd import ListenFDs

from flocker_lite.agent.service import AgentService
from flocker_lite.agent.volume_records import VolumeRecordsFile
from flocker_lite.agent.volumes import AgentVolumes
from flocker_lite.config import AgentOptions
from flocker_lite.containers.connection import Connection
from flocker_lite.containers.volume_drivers import VolumeDrivers
from flocker_lite.convergence.context import AgentContext
from flocker_lite.errors import FlockerError
from flocker_lite.interfaces.reactor import IDaemonReactor
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.model.records import DatasetId
from flocker_lite.volumes.driver import INode, VolumeDriver
from flocker_lite.volumes.messages import Answer, Asked
from flocker_lite.volumes.server import PluginSite

USE_SECONDS = 10.0
"""How soon a Docker that was restarted uses our driver again."""


FROM_MEMORY = frozenset(
    {
        *("/Plugin.Activate", "/VolumeDriver.Capabilities"),
        *("/VolumeDriver.Get", "/VolumeDriver.List", "/VolumeDriver.Path"),
    }
)
"""Docker asks this when the machine boots, and forgets the volumes that it is not told of."""


class _StartingNode:
    """A node whose agent is not ready: all that it knows of volumes is what it wrote down."""

    def __init__(self, mount_root: str) -> None:
        self._mount_root = mount_root

    def path(self, dataset_id: DatasetId) -> str:
        return f"{self._mount_root}/{dataset_id}"

    def is_mounted(self, dataset_id: DatasetId) -> bool:
        return False

    def remembered(self, dataset_id: DatasetId) -> Mapping[str, Any]:
        return {}


class VolumePlugin:
    """The plugin of one agent. What Docker asks before the agent is ready waits until it is."""

    _log = Logger()

    def __init__(
        self,
        reactor: IDaemonReactor,
        options: AgentOptions,
        records: VolumeRecordsFile,
        run_in_thread: RunInThread,
    ) -> None:
        self._reactor = reactor
        self._path = Path(options.docker_volumes_socket)
        self.records = records
        self._port: Any = None
        self._driver = VolumeDriver(
            cast(INode, _StartingNode(options.mount_root)), records, reactor
        )
        self._is_ready = False
        self._waiting: list[Deferred[None]] = []
        self._volumes: AgentVolumes | None = None
        self._drivers = VolumeDrivers(run_in_thread, Connection(Path(options.docker_socket)))
        self._using = LoopingCall(self._use)
        self._using.clock = reactor

    async def listen(self, environment: Mapping[str, str]) -> None:
        """Serve the socket that systemd made, or make it."""
        site = PluginSite(self._answer)
        found = ListenFDs.fromEnvironment(environment).inheritedDescriptors()
        if found:
            endpoint: Any = AdoptedStreamServerEndpoint(self._reactor, found[0], socket.AF_UNIX)
        else:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                self._path.unlink()  # a killed agent leaves it behind
            endpoint = UNIXServerEndpoint(self._reactor, str(self._path), mode=0o600)
        self._port = await endpoint.listen(site)

    def ready(self, agent: AgentService, context: AgentContext) -> None:
        """The agent has started: answer what has waited."""
        self._volumes = AgentVolumes(agent, context)
        self._volumes.startService()
        self._driver = VolumeDriver(self._volumes, self.records, self._reactor)
        self._is_ready = True
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)
        self._using.start(USE_SECONDS).addErrback(self._broken)

    async def stop(self) -> None:
        """Serve no more."""
        if self._using.running:
            self._using.stop()
        if self._volumes is not None:
            self._volumes.stopService()
        if self._port is not None:
            await self._port.stopListening()
        self._drivers.close()

    async def _answer(self, path: str, asked: Asked) -> Answer:
        if not self._is_ready and path not in FROM_MEMORY:
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            await waiting
        return await self._driver.answer(path, asked)

    async def _use(self) -> None:
        try:
            await self._drivers.use(self._path.stem)
        except FlockerError as error:
            self._log.debug("Docker does not use volumes yet: {why}", why=error)

    def _broken(self, failure: Failure) -> None:
        self._log.failure("Docker is not asked to use volumes any more", failure)
