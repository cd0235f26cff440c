"""Serves an agent's metrics where its options say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite.agent.metrics import AgentMetrics, look
from flocker_lite.agent.service import AgentService
from flocker_lite.interfaces.reactor import IDaemonReactor
from flocker_lite.model.state import PortState
from flocker_lite.tls.certificates import Certificates


class AgentMetricsService(Service):
    """Counts while it runs; `ports` has the connections that the node holds, `fences` the fences.

    An agent whose port for metrics is taken works without it.
    """

    log = Logger()

    def __init__(
        self,
        reactor: IDaemonReactor,
        endpoint: str,
        agent: AgentService,
        ports: Callable[[], Mapping[int, PortState]],
        certificates: Certificates | None,
        fences: Callable[[], Mapping[str, bool]] = dict,
    ) -> None:
        self._reactor = reactor
        self._endpoint = endpoint
        self._agent = agent
        self._ports = ports
        self._certificates = certificates
        self._fences = fences
        self._metrics = AgentMetrics(reactor)
        self._port: Any = None
        # From here on its failures are counted; nothing has failed yet.
        agent.loop.executions.failures = self._metrics.failures

    def startService(self) -> None:
        super().startService()
        self._metrics.reactor_delay.startService()
        if self._endpoint:
            site = self._metrics.site(
                lambda: look(self._agent, self._ports(), self._expires_at(), self._fences())
            )
            listening: Deferred[Any] = Deferred.fromCoroutine(self._listen(site))
            listening.addErrback(self._cannot_listen)

    async def _listen(self, site: Any) -> None:
        self._port = await serverFromString(self._reactor, self._endpoint).listen(site)

    def _cannot_listen(self, failure: Failure) -> None:
        self.log.warn(
            "no metrics: cannot listen at {endpoint}, which is `metrics-endpoint`: {reason}",
            endpoint=self._endpoint,
            reason=failure.getErrorMessage(),
        )

    def _expires_at(self) -> float | None:
        if self._certificates is None:
            return None
        return self._certificates.credentials.facts.ends_at.timestamp()

    async def stop(self) -> None:
        """Stop counting, and close the port."""
        self.stopService()
        self._metrics.reactor_delay.stopService()
        if self._port is not None:
            await self._port.stopListening()
