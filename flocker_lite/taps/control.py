"""`twistd flocker-control`: the control service, wired to its store, its ports and the agents."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from flocker_lite.ca.claims import Kind
from flocker_lite.control.agent_links import UNAUTHENTICATED_MAX, AgentLinkFactory, Certified
from flocker_lite.control.http.app import RESTAPI, site
from flocker_lite.control.http.channel import ASK_BY_TLS, CONNECTIONS_MAX
from flocker_lite.control.http.host_names import HostResolver
from flocker_lite.control.service import ControlService, open_control
from flocker_lite.control.store.sqlite import StoreThread, open_store
from flocker_lite.interfaces.reactor import IDaemonReactor
from flocker_lite.protocol.link import Refused
from flocker_lite.taps.certificates import open_certificates
from flocker_lite.taps.exposure import on_loopback, require_one
from flocker_lite.taps.startup import (
    DaemonOptions,
    make_monotonic,
    raise_open_files,
    run_in_foreground,
    stop_with,
    tune_gc,
)
from flocker_lite.tls.certificates import Certificates
from flocker_lite.tls.peer_verifier import peer_of
from flocker_lite.tls.signer import Signer


class Options(DaemonOptions):
    """Options of `twistd flocker-control`."""

    longdesc = "The control service of flocker_lite: a REST API for users, and AMP for the agents."
    optParameters = [
        ["data-path", "d", "/var/lib/flocker-lite", "Directory of the durable store."],
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
        self._certificates: Certificates | None = None

    def startService(self) -> None:
        super().startService()
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
        store = await open_store(Path(self._options["data-path"]), self._thread.run)
        if store.taken_over is not None:
            self.log.info("took over the configuration in {file}", file=store.taken_over)
        signer = Signer(self._certificates) if self._certificates is not None else None
        self._control = await open_control(store, self._reactor, signer)
        tune_gc()
        api = RESTAPI(
            self._control,
            self._reactor,
            HostResolver(self._reactor).resolve,
            accept_unknown_nodes=bool(options["accept-unknown-nodes"]),
            may_write=self._may_write,
            sees_secrets=self._sees_secrets,
        )
        # Clients get at most half of the open files, and unauthenticated connections a quarter. The
        # rest stays free for the agents.
        files = raise_open_files()
        agents = AgentLinkFactory(
            self._control, self._reactor, self._certified_by, min(UNAUTHENTICATED_MAX, files // 4)
        )
        clients = site(api, min(CONNECTIONS_MAX, files // 2), _user_of)
        users = (Kind.USER, Kind.READER, Kind.SECRETS_READER)
        await self._listen(options["port"], clients, "REST port", users, ASK_BY_TLS)
        await self._listen(options["agent-port"], agents, "agents' port", (Kind.NODE,))
        self.log.info("flocker-control serves cluster {cluster}", cluster=self._control.cluster_id)
        self._log_who_is_served()

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

    def _certified_by(self, transport: Any) -> Certified | None:
        if self._certificates is None:
            return None
        peer = peer_of(transport)
        if peer is None:
            raise Refused("the connection has no certificate: connect with a node's certificate")
        return Certified(peer.claims.name, peer.ends_at.timestamp())

    def _in_thread(self, function: Any, *args: Any) -> Deferred[Any]:
        pool = self._reactor.getThreadPool()
        return deferToThreadPool(self._reactor, pool, function, *args)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
        for port in self._ports:
            await port.stopListening()
        if self._control is not None:
            await self._control.close()
        if self._certificates is not None:
            self._certificates.stopService()
        self._thread.stop()


def _user_of(request: Any) -> str | None:
    """The user that the certificate of the request's connection names."""
    peer = peer_of(getattr(request.channel, "transport", None))
    return peer.claims.name if peer is not None else None


def makeService(options: Options) -> IService:
    """The service that twistd runs."""
    from twisted.internet import reactor

    daemon_reactor = cast(IDaemonReactor, reactor)
    make_monotonic(daemon_reactor)
    return ControlApplication(daemon_reactor, options)


def main() -> None:
    """The command `flocker-control`."""
    run_in_foreground("flocker-control", Options())
