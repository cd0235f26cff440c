"""Waits until a container serves: by its health check, or else until its ports are open."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import DeferredSemaphore
from twisted.internet.task import deferLater

from flocker_lite.containers import execution, probes, socket_tables
from flocker_lite.containers.server import Server
from flocker_lite.errors import ContainerError, DockerAway
from flocker_lite.interfaces import Executed
from flocker_lite.interfaces.reactor import INetworkReactor
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.model.container_fields.ports import port_of
from flocker_lite.model.records import HealthCheck

LOOK_DELAY_SECONDS_MIN, LOOK_DELAY_SECONDS_MAX = 0.01, 0.25
TRY_DELAY_SECONDS_MIN, TRY_DELAY_SECONDS_MAX = 0.02, 1.0
LOOK_DELAY_SHARE, TRY_DELAY_SHARE = 0.03, 0.1
"""The share of the time waited so far: we notice a quick start soon, and leave a slow one alone.

A look at the ports is no cheap thing either. For each, the kernel goes through its table of all
connections, which is as large as the machine's memory makes it: milliseconds.
"""
_LOOKS = (LOOK_DELAY_SHARE, LOOK_DELAY_SECONDS_MIN, LOOK_DELAY_SECONDS_MAX)
_TRIES = (TRY_DELAY_SHARE, TRY_DELAY_SECONDS_MIN, TRY_DELAY_SECONDS_MAX)

COMMANDS_MAX = 8
"""Commands that run at one time. Each occupies a thread, and some threads must be left."""

PROBES_MAX = 8
"""Commands of `probe`, beside those: a container that starts does not wait for any of these."""

HOOKS_MAX = 4
"""Commands of `execute`, which may take minutes, beside both."""


class Servers(Protocol):
    """Where to ask containers, by whatever names them; blocks. See `Engine`."""

    def server(self, name: str) -> Server | str:
        """Where to find out whether the container serves; if it does not run, why not."""

    def execute(
        self, container_id: str, command: tuple[str, ...], timeout_seconds: float
    ) -> Executed:
        """Run a command in the container."""


class Health:
    """Asks the containers of one engine whether they serve; `reactor` is for time and for TCP."""

    def __init__(
        self, engine: Servers, run_in_thread: RunInThread, reactor: INetworkReactor
    ) -> None:
        self._engine = engine
        self._run = run_in_thread
        self._reactor = reactor
        self._commands = DeferredSemaphore(COMMANDS_MAX)
        self._probes = DeferredSemaphore(PROBES_MAX)
        self._hooks = DeferredSemaphore(HOOKS_MAX)

    async def probe(self, name: str) -> str | None:
        """See IContainers."""
        server = await self._server(name)
        check = server.health_check
        if check is None:
            return None
        try:
            return await self._try(server, check, check.timeout_seconds, self._probes)
        except DockerAway:
            raise
        except ContainerError as error:
            # Docker says it of a command that is not there, and of a container that has just ended.
            await self._server(name)
            return str(error)

    async def execute(
        self, name: str, command: tuple[str, ...], timeout_seconds: float
    ) -> Executed:
        """See IContainers."""
        container_id = (await self._server(name)).container_id
        return await self._hooks.run(
            self._run, self._engine.execute, container_id, command, timeout_seconds
        )

    async def _server(self, name: str) -> Server:
        server = await self._run(self._engine.server, name)
        if not isinstance(server, Server):
            raise ContainerError(f"container {name} cannot be asked: {server}")
        return server

    async def answers(self, name: str, timeout_seconds: float) -> str | None:
        """See IContainers."""
        began = self._reactor.seconds()
        said: str | None = None
        server = await self._run(self._engine.server, name)
        while isinstance(server, Server):
            ends = began + limit_seconds(server.health_check, timeout_seconds)
            before, said = said, await self._trouble(server, ends)
            now = self._reactor.seconds()
            wait_seconds = delay_seconds(server.health_check, now - began)
            if said is not None and now >= ends:
                # The last try was cut short, so what the one before it said is of more use.
                return before or said
            if said is None or now + wait_seconds >= ends:
                return said
            await deferLater(self._reactor, wait_seconds)
            if not server.process.exists():
                # It ended; perhaps it was started again.
                server = await self._run(self._engine.server, name)
        return server

    async def _trouble(self, server: Server, ends: float) -> str | None:
        """Try once; None if it serves, else what is wrong."""
        check = server.health_check
        if check is None:
            return _closed(socket_tables.missing(server.process, server.ports))
        timeout_seconds = min(check.timeout_seconds, max(ends - self._reactor.seconds(), 0.0))
        try:
            return await self._try(server, check, timeout_seconds, self._commands)
        except ContainerError as error:
            return str(error)

    async def _try(
        self,
        server: Server,
        check: HealthCheck,
        timeout_seconds: float,
        commands: DeferredSemaphore,
    ) -> str | None:
        """Try a health check once; ContainerError if Docker does not run its command."""
        if check.command is not None:
            executed = await commands.run(
                self._run,
                self._engine.execute,
                server.container_id,
                check.command,
                timeout_seconds,
            )
            return execution.trouble(check.command, executed)
        assert check.port is not None
        if not server.address:
            return "it has no address in any of Docker's networks"
        if check.path is None:
            return await probes.connect(self._reactor, server.address, check.port, timeout_seconds)
        return await probes.get(
            self._reactor, server.address, check.port, check.path, timeout_seconds
        )


def limit_seconds(check: HealthCheck | None, timeout_seconds: float) -> float:
    """How long to wait for a container, if the caller waits no longer than `timeout_seconds`."""
    return timeout_seconds if check is None else min(timeout_seconds, check.start_period_seconds)


def delay_seconds(check: HealthCheck | None, waited_seconds: float) -> float:
    """How long to wait after a failed try."""
    share, least, most = _LOOKS if check is None else _TRIES
    return min(max(waited_seconds * share, least), most)


def _closed(ports: frozenset[str] | None) -> str | None:
    if ports is None:
        return "it has just ended"
    if not ports:
        return None
    shown = ", ".join(sorted(ports, key=port_of))
    return f"nothing accepts connections at port {shown}"
