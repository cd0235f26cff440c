"""Waits until a container serves: by its health check, or else until its ports are open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.task import deferLater

from flocker_lite.containers import listening, probes
from flocker_lite.containers.engine import Engine, Server
from flocker_lite.errors import ContainerError
from flocker_lite.model.records import HealthCheck

LOOK_DELAY_SECONDS = 0.01
TRY_DELAY_SECONDS_MIN = 0.02
TRY_DELAY_SECONDS_MAX = 1.0
TRY_DELAY_SHARE = 0.1
"""Of the time waited so far: what answers soon is seen soon, what takes long is not bothered."""

COMMANDS_MAX = 8
"""Each command that is tried takes a thread, for as long as it may: some are left for the rest."""

Answer = TypeVar("Answer")


class RunInThread(Protocol):
    """`deferToThreadPool` with a reactor and a pool of its own."""

    def __call__(
        self, function: Callable[..., Answer], *arguments: Any
    ) -> Deferred[Answer]: ...  # pragma: no cover


class Health:
    """Asks the containers of one engine whether they serve; `reactor` is for time and for TCP."""

    def __init__(self, engine: Engine, run_in_thread: RunInThread, reactor: Any) -> None:
        self._engine = engine
        self._run = run_in_thread
        self._reactor = reactor
        self._commands = DeferredSemaphore(COMMANDS_MAX)

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
                # What a try said that was cut off is of less use than what the one before it said.
                return before or said
            if said is None or now + wait_seconds >= ends:
                return said
            await deferLater(self._reactor, wait_seconds)
            if not server.process.exists():
                # It ended, and perhaps another was started in its place.
                server = await self._run(self._engine.server, name)
        return server

    async def _trouble(self, server: Server, ends: float) -> str | None:
        """One try; None when it serves, else what is wrong."""
        check = server.health_check
        if check is None:
            return _closed(listening.missing(server.process, server.ports))
        timeout_seconds = min(check.timeout_seconds, max(ends - self._reactor.seconds(), 0.0))
        if check.command is not None:
            try:
                return await self._commands.run(
                    self._run,
                    self._engine.execute,
                    server.container_id,
                    check.command,
                    timeout_seconds,
                )
            except ContainerError as error:
                return str(error)
        assert check.port is not None
        if not server.address:
            return "it has no address in a network of Docker's"
        if check.path is None:
            return await probes.connect(self._reactor, server.address, check.port, timeout_seconds)
        return await probes.get(
            self._reactor, server.address, check.port, check.path, timeout_seconds
        )


def limit_seconds(check: HealthCheck | None, timeout_seconds: float) -> float:
    """How long to wait for a container, when whoever asks waits no longer than that."""
    return timeout_seconds if check is None else min(timeout_seconds, check.start_period_seconds)


def delay_seconds(check: HealthCheck | None, waited_seconds: float) -> float:
    """How long to wait after a try in vain."""
    if check is None:
        return LOOK_DELAY_SECONDS
    share = waited_seconds * TRY_DELAY_SHARE
    return min(max(share, TRY_DELAY_SECONDS_MIN), TRY_DELAY_SECONDS_MAX)


def _closed(ports: frozenset[int] | None) -> str | None:
    if ports is None:
        return "it has just ended"
    if not ports:
        return None
    shown = ", ".join(str(port) for port in sorted(ports))
    return f"nothing accepts connections at port {shown}"
