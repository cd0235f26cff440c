"""`twistd flocker-control`: the control service, wired to its store, its ports and the agents."""

from __future__ import annotations

import os
import sys
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any, cast

from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from flocker_lite.ca.claims import Kind
from flocker_lite.control.agent_links import UNAUTHENTICATED_MAX, AgentLinkFactory, Certified
from flocker_lite.control.audit.file import AuditFile
from flocker_lite.control.audit.log import AuditLog
from flocker_lite.control.change_feed import ChangeFeed
from flocker_lite.control.http.app import RESTAPI, site
from flocker_lite.control.http.channel import ASK_BY_TLS, CONNECTIONS_MAX
from flocker_lite.control.http.host_names import HostResolver
from flocker_lite.control.http.openapi import operation_names
from flocker_lite.control.metrics.control_metrics import ControlMetrics
from flocker_lite.control.opening import open_control
from flocker_lite.control.service import ControlService
from flocker_lite.control.store import etcd_gateway
from flocker_lite.control.store.leadership import LEASE_SECONDS
from flocker_lite.control.store.sqlite import StoreThread, open_store
from flocker_lite.control.term import ENDLESS, Term
from flocker_lite.interfaces import IStore
from flocker_lite.interfaces.reactor import IDaemonReactor
from flocker_lite.metrics.reactor_delay import ReactorDelay
from flocker_lite.protocol.link import Refused
from flocker_lite.taps.certificates import open_certificates
from flocker_lite.taps.checks import control_checks
from flocker_lite.taps.exposure import on_loopback, require_one
from flocker_lite.taps.hang_report import HangReport, report_with
from flocker_lite.taps.migration import COMMAND, migrate
from flocker_lite.taps.several_controls import SeveralControls, require_sqlite
from flocker_lite.taps.startup import (
    DaemonOptions,
    make_monotonic,
    raise_open_files,
    run_in_foreground,
    stop_with,
    tune_gc,
)
from flocker_lite.taps.supervision import Supervision
from flocker_lite.tls.certificates import Certificates
from flocker_lite.tls.peer_verifier import peer_of
from flocker_lite.tls.signer import Signer


class Options(DaemonOptions):
    """Options of `twistd flocker-control`."""

    longdesc = "The control service of flocker_lite: a REST API for users, and AMP for the agents."
    optParameters: list[list[Any]] = [
        *DaemonOptions.optParameters,
        ["data-path", "d", "/var/lib/flocker-lite", "Directory of the durable store."],
        [
            "store",
            "s",
            "sqlite",
            "Where the configuration is: sqlite, in the data path; or etcd:URL,URL,... of the "
            "members of an etcd, and then several control services may run on it.",
        ],
        ["address", None, None, "With etcd: by which other machines reach this one."],
        ["etcd-certificates", None, None, "Directory of ca.crt, client.crt and client.key."],
        ["etcd-prefix", None, "/flocker-lite/", "What our keys in etcd begin with."],
        [
            "lease-seconds",
            None,
            LEASE_SECONDS,
            "With etcd: for how long nobody leads after the leader is lost, at most.",
            int,
        ],
        ["port", "p", "tcp:4523:backlog=1024", "Endpoint of the REST API."],
        ["agent-port", "a", "tcp:4524:backlog=1024", "Endpoint for the agents."],
        [
            "certificates",
            None,
            None,
            "Directory with the files that flocker-ca made for this machine. Without it, the "
            "service only serves this machine.",
        ],
    ]
    optFlags = [
        [
            "insecure",
            None,
            "Serve everybody who reaches the ports, without certificates: anybody can change "
            "anything, and pose as any node.",
        ],
        [
            "accept-unknown-nodes",
            None,
            "Accept nodes whose agents have never connected, as Flocker 0.4 did, so that you can "
            "configure a cluster in advance.",
        ],
    ]


class ControlApplication(Service):
    """Opens the store, then the ports; closes them in reverse order."""

    log = Logger()

    def __init__(self, reactor: IDaemonReactor, options: Options) -> None:
        self._reactor = reactor
        self._options = options
        self._thread = StoreThread(reactor)
        self._control: ControlService | None = None
        self._ports: list[Any] = []
        self._starting: Deferred[None] | None = None
        self._supervision = Supervision(reactor, os.environ)
        self._hang_report = HangReport(reactor, report_with(options))
        self._certificates: Certificates | None = None
        self._reactor_delay: ReactorDelay | None = None
        self._several: SeveralControls | None = None
        self._audit: AuditLog | None = None
        # Clients get at most half of the open files, and unauthenticated connections a quarter. The
        # rest stays free for the agents.
        files = raise_open_files()
        self._connections = min(CONNECTIONS_MAX, files // 2), min(UNAUTHENTICATED_MAX, files // 4)

    def startService(self) -> None:
        super().startService()
        self._hang_report.start()
        self._thread.start()
        self._starting = Deferred.fromCoroutine(self._start())
        self._starting.addErrback(stop_with, self._reactor, self.log, "flocker-control")

    async def _start(self) -> None:
        options = self._options
        require_one(options["certificates"], bool(options["insecure"]))
        if options["certificates"] is not None:
            self._certificates = await open_certificates(
                options["certificates"], Kind.CONTROL, self._reactor, self._in_thread
            )
        metrics = ControlMetrics(self._reactor, operation_names())
        self._reactor_delay = metrics.reactor_delay
        is_on_etcd = str(options["store"]).startswith(etcd_gateway.SCHEME)
        await (self._serve_in_turn(metrics) if is_on_etcd else self._serve_alone(metrics))
        self._reactor_delay.startService()
        self._log_who_is_served()
        self._supervision.ready("serves")

    async def _serve_alone(self, metrics: ControlMetrics) -> None:
        """Serve with the store on this machine's disk."""
        require_sqlite(self._options["store"])
        store = await open_store(Path(self._options["data-path"]), self._thread.run)
        if store.taken_over is not None:
            self.log.info("took over the configuration in {file}", file=store.taken_over)
        control = await self._open_control(metrics.measured(store))
        self._control = control
        await self._keep_audit(control)
        tune_gc()
        clients_max, agents_max = self._connections
        agents = AgentLinkFactory(control, self._reactor, self._certified_by, agents_max)
        clients = site(self._api(control, metrics, ENDLESS), clients_max, _user_of)
        await self._listen_for(clients, agents)
        self.log.info("flocker-control serves cluster {cluster}", cluster=control.cluster_id)

    async def _serve_in_turn(self, metrics: ControlMetrics) -> None:
        """Serve while this is the leader of several control services."""
        several = SeveralControls(
            self._reactor,
            self._options,
            metrics,
            open_serving=partial(self._open_serving, metrics),
            connections=self._connections,
            user_of=_user_of,
        )
        port, agent_port = await self._listen_for(several.clients, several.agents)
        self._several = several
        several.start(port, agent_port, self._certificates is not None)

    async def _open_serving(
        self, metrics: ControlMetrics, store: IStore, feed: ChangeFeed, term: Term
    ) -> tuple[ControlService, RESTAPI, AgentLinkFactory]:
        control = await self._open_control(metrics.measured(store), feed)
        await self._keep_audit(control)
        agents = AgentLinkFactory(
            control, self._reactor, self._certified_by, self._connections[1], term
        )
        return control, self._api(control, metrics, term), agents

    async def _open_control(self, store: IStore, feed: ChangeFeed | None = None) -> ControlService:
        async def pause() -> None:
            await deferLater(self._reactor, 0)

        return await open_control(store, self._reactor, self._signer, feed, pause)

    @property
    def _signer(self) -> Signer | None:
        return Signer(self._certificates) if self._certificates is not None else None

    def _api(self, control: ControlService, metrics: ControlMetrics, term: Term) -> RESTAPI:
        return RESTAPI(
            control,
            self._reactor,
            HostResolver(self._reactor).resolve,
            accept_unknown_nodes=bool(self._options["accept-unknown-nodes"]),
            may_write=self._may_write,
            sees_secrets=self._sees_secrets,
            scrape=metrics.scraper(control, self._in_thread, self._expires_at),
            answered=metrics.answered,
            certificate_ends_at=_certificate_ends_at,
            checks=control_checks(self._certificates, self._in_thread),
            term=term,
            user_of=_user_of,
            audit=control.audit,
        )

    async def _listen_for(self, clients: Any, agents: Any) -> list[int]:
        """Open both ports; returns their numbers."""
        users = (Kind.USER, Kind.READER, Kind.SECRETS_READER)
        options = self._options
        await self._listen(options["port"], clients, "REST port", users, ASK_BY_TLS)
        await self._listen(options["agent-port"], agents, "agents' port", (Kind.NODE,))
        return [getattr(port.getHost(), "port", 0) for port in self._ports]

    async def _keep_audit(self, control: ControlService) -> None:
        """Have it write to this machine's disk who changed what.

        Without its file the audit is in memory; that is no reason to serve nobody.
        """
        if self._audit is None:
            self._audit = control.audit
            try:
                file = await self._in_thread(AuditFile, Path(self._options["data-path"]))
                await self._audit.open(file, self._in_thread)
            except OSError as error:
                self.log.error("the audit is in memory only: {reason}", reason=str(error))
        control.audit = self._audit
        self._audit.follow(control.change_feed)

    async def _listen(
        self,
        description: str,
        factory: Any,
        endpoint_name: str,
        accepted: tuple[Kind, ...],
        plain_answer: bytes = b"",
    ) -> None:
        if self._certificates is not None:
            factory = self._certificates.server(factory, endpoint_name, accepted, plain_answer)
        elif not self._options["insecure"]:
            description = on_loopback(description)
        endpoint = serverFromString(self._reactor, description)
        self._ports.append(await endpoint.listen(factory))

    def _log_who_is_served(self) -> None:
        if self._certificates is not None:
            self.log.info("its certificate says {claims}", claims=str(self._certificates.claims))
        elif self._options["insecure"]:
            self.log.warn(
                "INSECURE: whoever reaches its ports can read and change everything, and can pose "
                "as any node. Certificates prevent that: see flocker-ca and --certificates"
            )
        else:
            self.log.info("without certificates it only serves this machine")

    def _may_write(self, request: Any) -> bool:
        return self._is_user(request, Kind.USER)

    def _sees_secrets(self, request: Any) -> bool:
        return self._is_user(request, Kind.USER, Kind.SECRETS_READER)

    def _is_user(self, request: Any, *kinds: Kind) -> bool:
        if self._certificates is None:
            return True
        peer = peer_of(request.channel.transport)
        return peer is not None and peer.claims.kind in kinds

    def _expires_at(self) -> float | None:
        if self._certificates is None:
            return None
        return self._certificates.credentials.facts.ends_at.timestamp()

    def _certified_by(self, transport: Any) -> Certified | None:
        if self._certificates is None:
            return None
        peer = peer_of(transport)
        if peer is None:
            raise Refused("the connection has no certificate: connect with a node's certificate")
        return Certified(peer.claims.name, peer.ends_at.timestamp())

    def _in_thread(self, function: Any, *args: Any) -> Deferred[Any]:
        pool = self._reactor.getThreadPool()
        return deferToThreadPool(self._reactor, pool, copy_context().run, function, *args)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        self._supervision.stopping()
        self._hang_report.stop()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
        for port in self._ports:
            await port.stopListening()
        if self._reactor_delay is not None:
            self._reactor_delay.stopService()
        if self._several is not None:
            await self._several.stop()
        if self._control is not None:
            await self._control.close()
        if self._audit is not None:
            await self._audit.close()
        if self._certificates is not None:
            self._certificates.stopService()
        self._thread.stop()


def _user_of(request: Any) -> str | None:
    """The user that the certificate of the request's connection names."""
    peer = peer_of(getattr(request.channel, "transport", None))
    return peer.claims.name if peer is not None else None


def _certificate_ends_at(request: Any) -> float | None:
    """When the certificate of the request's connection ends, in seconds since 1970."""
    peer = peer_of(getattr(request.channel, "transport", None))
    return peer.ends_at.timestamp() if peer is not None else None


def makeService(options: Options) -> IService:
    """The service that twistd runs."""
    from twisted.internet import reactor

    daemon_reactor = cast(IDaemonReactor, reactor)
    make_monotonic(daemon_reactor)
    return ControlApplication(daemon_reactor, options)


def main() -> None:
    """The command `flocker-control`."""
    if sys.argv[1:2] == [COMMAND]:
        sys.exit(migrate(sys.argv[2:], sys.stdout, sys.stderr))
    run_in_foreground("flocker-control", Options())
