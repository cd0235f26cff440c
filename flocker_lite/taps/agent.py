"""`twistd flocker-agent`: the agent, wired to its storage, Docker, nftables and ssh."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from contextvars import copy_context
from pathlib import Path
from typing import Any, cast

from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXServerEndpoint
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from flocker_lite.agent.adoption_notes import AdoptionNotesFile
from flocker_lite.agent.chains import ChainFiles
from flocker_lite.agent.copy_notes import CopyNotesFile
from flocker_lite.agent.fencing_record import FencingRecordFile
from flocker_lite.agent.identity import IdentityFile, boot_era
from flocker_lite.agent.last_senders import LastSendersFile
from flocker_lite.agent.machine import LinuxMachine
from flocker_lite.agent.proofs import Proofs
from flocker_lite.agent.restart_history import RestartHistoryFile
from flocker_lite.agent.run_times import RunTimesFile
from flocker_lite.agent.service import AgentService, Identity
from flocker_lite.agent.volume_records import VolumeRecordsFile
from flocker_lite.ca.claims import Kind
from flocker_lite.config import AgentOptions, read_agent_options
from flocker_lite.containers.directories import RsyncDirectories
from flocker_lite.containers.docker import DockerContainers
from flocker_lite.containers.foreign import DockerForeignContainers
from flocker_lite.containers.hosts_files import HostsFiles, NodeHosts
from flocker_lite.containers.secret_files import SecretFiles
from flocker_lite.containers.start_gate import StartGates
from flocker_lite.containers.usage import DockerUsage
from flocker_lite.convergence.allowance import Allowance
from flocker_lite.convergence.context import AgentContext
from flocker_lite.convergence.record_observer import RecordObserver
from flocker_lite.interfaces import Instruments, IProofs, IRouting, StorageBackend
from flocker_lite.interfaces.reactor import IDaemonReactor
from flocker_lite.model.allowance import AGENT_FILE
from flocker_lite.peers.authorized import AuthorizedPeerService
from flocker_lite.peers.client import SshPeers
from flocker_lite.peers.server import Receiver
from flocker_lite.peers.service import PeerService
from flocker_lite.peers.trust import Trust
from flocker_lite.processes import Commands, Run, take_over
from flocker_lite.routing.holder import TcpHolder, allow_connections, can_listen6
from flocker_lite.routing.listeners import SsListeners
from flocker_lite.routing.selection import choose_routing
from flocker_lite.routing.switchboard import Switchboard
from flocker_lite.taps.agent_metrics import AgentMetricsService
from flocker_lite.taps.certificates import open_certificates
from flocker_lite.taps.checks import agent_checks
from flocker_lite.taps.control_endpoint import control_endpoint
from flocker_lite.taps.exposure import require_loopback, require_one
from flocker_lite.taps.hang_report import HangReport, report_with
from flocker_lite.taps.startup import (
    DaemonOptions,
    make_monotonic,
    monotonic_seconds,
    run_in_foreground,
    stop_with,
)
from flocker_lite.taps.storage_backends import backend_named
from flocker_lite.taps.supervision import Supervision
from flocker_lite.taps.trust import open_trust, ssh_options
from flocker_lite.taps.volumes import VolumePlugin
from flocker_lite.tls.certificates import Certificates
from flocker_lite.tls.signer import Signer

THREADS_MAX = 28


class Options(DaemonOptions):
    """Options of `twistd flocker-agent`; they override the file and the environment."""

    longdesc = (
        "The agent of flocker_lite makes this node's datasets and containers look like the "
        "configuration. The environment variables FLOCKER_NODE_NAME and FLOCKER_CONTROL_NODE are "
        "the same as --node and --control."
    )
    optParameters = [
        *DaemonOptions.optParameters,
        ["config", "c", None, "YAML file with the agent's options."],
        ["node", "n", None, "IP address of this node in the REST API."],
        ["control", None, None, "Host of the control service; or of several, with commas."],
        ["pool", None, None, "ZFS pool, or a filesystem in one, for the datasets."],
        ["certificates", None, None, "Directory of the files that flocker-ca made for this node."],
    ]
    optFlags = [
        [
            "insecure",
            None,
            "Use no certificates, and obey whoever answers at the control service's address.",
        ],
    ]


class AgentApplication(Service):
    """Connects the agent to ZFS, Docker, nftables and ssh, then runs it."""

    log = Logger()

    def __init__(self, reactor: IDaemonReactor, command_line: Options) -> None:
        self._reactor = reactor
        self._command_line = command_line
        self._pool = ThreadPool(0, THREADS_MAX, "agent")
        self._starting: Deferred[None] | None = None
        self._supervision = Supervision(reactor, os.environ)
        self._hang_report = HangReport(reactor, report_with(command_line))
        self._agent: AgentService | None = None
        self._port: Any = None
        self._containers: DockerContainers | None = None
        self._foreign: DockerForeignContainers | None = None
        self._held_fd: int | None = None
        self._certificates: Certificates | None = None
        self._metrics: AgentMetricsService | None = None
        self._volumes: VolumePlugin | None = None

    def startService(self) -> None:
        super().startService()
        self._hang_report.start()
        self._pool.start()
        self._starting = Deferred.fromCoroutine(self._start())
        self._starting.addErrback(stop_with, self._reactor, self.log, "flocker-agent")

    async def _start(self) -> None:
        line = self._command_line
        options = read_agent_options(
            line["config"],
            os.environ,
            {
                "node": line["node"],
                "control_host": line["control"],
                "pool": line["pool"],
                "certificates": line["certificates"],
                "insecure": True if line["insecure"] else None,
            },
        )
        certificates = await self._open_certificates(options)
        lock = Path(options.socket_path).with_suffix(".lock")
        self._held_fd = await take_over(lock, self._reactor)
        await self._open_volumes(options)
        certified = certificates.claims.name if certificates is not None else None
        identity = IdentityFile(Path(options.state_path), certified)
        run, node_id = Commands(self._reactor).run, identity.node_id
        trust = await open_trust(options, node_id, run, self._in_thread, self._reactor)
        signer = Signer(certificates) if certificates is not None else None
        chains = ChainFiles(Path(options.state_path), self._in_thread)
        observer = RecordObserver()
        proofs = Proofs(node_id, chains, signer, lambda: identity.cluster_id, observer.report)
        context = await self._open_context(options, identity, trust, proofs, observer)
        finder, endpoint = control_endpoint(options, self._reactor, certificates)
        agent = AgentService(
            Identity(node_id, options.node, boot_era(), str(uuid.uuid4())),
            *(context, endpoint, lambda: identity.cluster_id, identity.join),
            *(options.discovery_seconds, trust, finder),
        )
        service = PeerService(
            *(node_id, context.storage, context.moves, context.trials),
            *(agent, proofs, context.incoming, context.copies.notes),
            witnessing=context.witnessing,
            renewals=context.renewals,
        )
        last_senders = LastSendersFile(Path(options.state_path), self._in_thread)
        receiver = Receiver(
            node_id,
            lambda: identity.cluster_id,
            lambda peer: AuthorizedPeerService(node_id, peer, service, agent.loop, last_senders),
        )
        self._port = await self._listen(options, receiver)
        self._agent = agent
        self._metrics = AgentMetricsService(
            *(self._reactor, options.metrics_endpoint, agent, context.routing.counts),
            *(certificates, lambda: context.renewals.armed),
        )
        self._metrics.startService()
        agent.startService()
        self._supervision.ready(f"node {node_id} at {options.node}")
        if self._volumes is not None:
            self._volumes.ready(agent, context)
        self.log.info(
            "flocker-agent is node {node} at {address}", node=node_id, address=options.node
        )

    async def _open_certificates(self, options: AgentOptions) -> Certificates | None:
        require_one(options.certificates, options.insecure)
        if options.certificates is None:
            if options.insecure:
                self.log.warn(
                    "INSECURE: this agent, which is root here, obeys whoever answers at {host}. "
                    "Certificates prevent that: see flocker-ca and `certificates:`",
                    host=", ".join(host for host, _ in options.control_places),
                )
            for host, _ in () if options.insecure else options.control_places:
                require_loopback(host)
            return None
        self._certificates = await open_certificates(
            options.certificates, Kind.NODE, self._reactor, self._in_thread
        )
        return self._certificates

    async def _open_context(
        self,
        options: AgentOptions,
        identity: IdentityFile,
        trust: Trust | None,
        proofs: IProofs,
        observer: RecordObserver,
    ) -> AgentContext:
        run = Commands(self._reactor, held_fd=self._held_fd).run
        listeners, fenced = SsListeners(run, os.getpid()), _fenced(options)
        backend = await self._open_backend(options, fenced, run)
        hosts_files = HostsFiles(f"{options.state_path}/hosts")
        self._containers = DockerContainers(
            *(self._in_thread, self._reactor),
            socket_path=options.docker_socket,
            start_gates=_start_gates(options),
            listeners=SsListeners(run, os.getpid(), names_own=True),
            fenced=fenced,
            secret_files=SecretFiles(f"{options.state_path}/secrets"),
            hosts_files=hosts_files,
        )
        firewall = await choose_routing(run, os.uname().release)
        return AgentContext.assemble(
            node_id=identity.node_id,
            address=options.node,
            storage=backend.storage,
            containers=self._containers,
            routing=self._routing(options, firewall, listeners, observer),
            peers=self._peers(options, identity, trust),
            restart_history=RestartHistoryFile(Path(options.state_path), self._in_thread),
            run_times=RunTimesFile(Path(options.state_path), self._in_thread),
            proofs=proofs,
            fence=backend.fence,
            deadline_fence=backend.deadline_fence,
            fencing_record=FencingRecordFile(Path(options.state_path), self._in_thread),
            hosts=NodeHosts(hosts_files, options.node, self._in_thread),
            foreign=self._open_foreign(options),
            directories=self._directories(),
            adoption_notes=AdoptionNotesFile(Path(options.state_path), self._in_thread),
            copy_notes=CopyNotesFile(Path(options.state_path), self._in_thread),
            machine=LinuxMachine(backend.storage, options.storage, self._in_thread, self._reactor),
            volume_records=self._volume_records(options),
            clock=self._reactor,
            now=monotonic_seconds,
            observer=observer,
            allowance=self._allowance(options),
            instruments=self._instruments(options, backend, trust, firewall),
        )

    def _routing(
        self,
        options: AgentOptions,
        firewall: IRouting,
        listeners: SsListeners,
        observer: RecordObserver,
    ) -> Switchboard:
        allow_connections(options.held_connections)
        return Switchboard(
            firewall,
            TcpHolder(self._reactor, options.held_connections, can_listen6()),
            listeners,
            options.node,
            self._reactor,
            options.held_seconds,
            observer.report,
        )

    def _instruments(
        self,
        options: AgentOptions,
        backend: StorageBackend,
        trust: Trust | None,
        firewall: IRouting,
    ) -> Instruments:
        run, certificates = Commands(self._reactor).run, self._certificates
        checks = agent_checks(options, certificates, trust, firewall, run, self._in_thread)
        return Instruments(
            DockerUsage(self._in_thread, self._reactor, options.docker_socket),
            (*backend.checks, *checks),
        )

    async def _open_backend(self, options: AgentOptions, fenced: Path, run: Run) -> StorageBackend:
        return await backend_named(options.storage)(
            pool=options.pool,
            mount_root=options.mount_root,
            fenced=fenced,
            fences=fenced.with_name("fences"),
            watchdog=options.watchdog,
            run=run,
            run_in_thread=self._in_thread,
            reactor=self._reactor,
        )

    async def _open_volumes(self, options: AgentOptions) -> None:
        """Serve Docker's volume plugin, if this node is to, before anything that takes time."""
        if options.docker_volumes:
            boot_directory = Path(options.socket_path).parent
            boot_directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            records = VolumeRecordsFile(Path(options.state_path), self._in_thread, boot_directory)
            self._volumes = VolumePlugin(self._reactor, options, records, self._in_thread)
            await self._volumes.listen(os.environ)

    def _volume_records(self, options: AgentOptions) -> VolumeRecordsFile:
        if self._volumes is not None:
            return self._volumes.records
        return VolumeRecordsFile(Path(options.state_path), self._in_thread)

    def _peers(
        self, options: AgentOptions, identity: IdentityFile, trust: Trust | None
    ) -> SshPeers:
        ssh = ssh_options(options)
        return SshPeers(self._reactor, ssh, identity.node_id, lambda: identity.cluster_id, trust)

    def _open_foreign(self, options: AgentOptions) -> DockerForeignContainers:
        run = Commands(self._reactor).run
        self._foreign = DockerForeignContainers(
            self._in_thread, run, self._reactor, options.docker_socket, options.mount_root
        )
        return self._foreign

    def _directories(self) -> RsyncDirectories:
        # A copy that outlived an agent would overwrite what the next one has started.
        return RsyncDirectories(self._in_thread, Commands(self._reactor, held_fd=self._held_fd))

    def _allowance(self, options: AgentOptions) -> Allowance:
        file = self._command_line["config"] or AGENT_FILE
        return Allowance(options.allow, file, options.mount_root)

    async def _listen(self, options: AgentOptions, receiver: Receiver) -> Any:
        path = Path(options.socket_path)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileNotFoundError):
            path.unlink()  # a killed agent leaves it behind
        endpoint = UNIXServerEndpoint(self._reactor, str(path), mode=0o600)
        return await endpoint.listen(receiver)

    def _in_thread(self, function: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
        # The lines that it logs belong to the same request and move.
        run = copy_context().run
        return deferToThreadPool(self._reactor, self._pool, run, function, *args, **kwargs)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        self._supervision.stopping()
        self._hang_report.stop()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
        if self._metrics is not None:
            await self._metrics.stop()
        if self._volumes is not None:
            await self._volumes.stop()
        if self._agent is not None:
            await self._agent.stopService()
        if self._port is not None:
            await self._port.stopListening()
        if self._certificates is not None:
            self._certificates.stopService()
        if self._containers is not None:
            self._containers.close()
        if self._foreign is not None:
            self._foreign.close()
        self._pool.stop()
        if self._held_fd is not None:
            os.close(self._held_fd)


def _fenced(options: AgentOptions) -> Path:
    return Path(options.socket_path).parent / "fenced"


def _start_gates(options: AgentOptions) -> StartGates:
    # The directory keeps its old name: existing containers have bind mounts from it.
    programs = f"{options.state_path}/poised"
    return StartGates(programs, str(Path(options.socket_path).parent / "released"))


def makeService(command_line: Options) -> IService:
    """The service that twistd runs."""
    from twisted.internet import reactor

    daemon_reactor = cast(IDaemonReactor, reactor)
    make_monotonic(daemon_reactor)
    return AgentApplication(daemon_reactor, command_line)


def main() -> None:
    """The command `flocker-agent`."""
    run_in_foreground("flocker-agent", Options())
