"""`twistd flocker-agent`: the agent, wired to ZFS, Docker, nftables and ssh."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, UNIXServerEndpoint
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python import usage
from twisted.python.threadpool import ThreadPool

from flocker_lite import __version__
from flocker_lite.agent.chains import ChainFiles
from flocker_lite.agent.endings import EndingsFile
from flocker_lite.agent.gate import Gate
from flocker_lite.agent.guard import Guard
from flocker_lite.agent.identity import IdentityFile, boot_era
from flocker_lite.agent.origins import OriginsFile
from flocker_lite.agent.proofs import Proofs
from flocker_lite.agent.service import AgentService, Identity
from flocker_lite.ca.claims import Kind
from flocker_lite.config import AgentOptions, read_agent_options
from flocker_lite.containers.docker import DockerContainers
from flocker_lite.containers.poising import Poising
from flocker_lite.convergence.arrivals import Arrivals
from flocker_lite.convergence.changes import Doors
from flocker_lite.convergence.loans import Loans
from flocker_lite.convergence.move_log import MoveLog
from flocker_lite.convergence.pull_log import PullLog
from flocker_lite.interfaces import IProofs
from flocker_lite.processes import Commands, take_over
from flocker_lite.routing.choosing import choose_routing
from flocker_lite.routing.holder import TcpHolder, allow_connections, can_listen6
from flocker_lite.routing.listeners import SsListeners
from flocker_lite.routing.switchboard import Switchboard
from flocker_lite.ssh.argv import SshOptions
from flocker_lite.ssh.client import SshPeers
from flocker_lite.ssh.server import Receiver
from flocker_lite.ssh.trust import Trust
from flocker_lite.taps.certificates import open_certificates
from flocker_lite.taps.exposure import require_loopback, require_one
from flocker_lite.taps.foreground import run_in_foreground
from flocker_lite.taps.starting import stop_with
from flocker_lite.taps.steady import make_steady, steady_seconds
from flocker_lite.taps.trust import open_trust
from flocker_lite.tls.certificates import Certificates
from flocker_lite.tls.seal import Seal
from flocker_lite.zfs.fence import ZfsFence
from flocker_lite.zfs.storage import open_storage

THREADS_MAX = 20


class Options(usage.Options):
    """Options of `twistd flocker-agent`; they go before the file and the environment."""

    longdesc = (
        "The agent of flocker_lite: makes this node's datasets and containers look like the "
        "configuration. FLOCKER_NODE_NAME and FLOCKER_CONTROL_NODE in the environment stand for "
        "--node and --control."
    )
    optParameters = [
        ["config", "c", None, "YAML file with the agent's options."],
        ["node", "n", None, "IP address of this node, as the REST API calls it."],
        ["control", None, None, "Host of the control service."],
        ["pool", None, None, "ZFS pool, or a filesystem in one, for the datasets."],
        ["certificates", None, None, "Directory of what flocker-ca made for this node."],
    ]
    optFlags = [
        [
            "insecure",
            None,
            "Do without certificates, and obey whoever answers at the control service's address.",
        ],
    ]

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(f"flocker_lite {__version__}")
        raise SystemExit(0)


class AgentApplication(Service):
    """Opens the doors to the world, then runs the agent."""

    log = Logger()

    def __init__(self, reactor: Any, command_line: Options) -> None:
        self._reactor = reactor
        self._command_line = command_line
        self._pool = ThreadPool(0, THREADS_MAX, "agent")
        self._starting: Deferred[None] | None = None
        self._agent: AgentService | None = None
        self._port: Any = None
        self._containers: DockerContainers | None = None
        self._held_fd: int | None = None
        self._certificates: Certificates | None = None

    def startService(self) -> None:
        super().startService()
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
        certified = certificates.claims.name if certificates is not None else None
        identity = IdentityFile(Path(options.state_path), certified)
        run, node_id = Commands(self._reactor).run, identity.node_id
        trust = await open_trust(options, node_id, run, self._in_thread, self._reactor)
        seal = Seal(certificates) if certificates is not None else None
        chains = ChainFiles(Path(options.state_path), self._in_thread)
        proofs = Proofs(node_id, chains, seal, lambda: identity.cluster_id)
        doors = await self._open_doors(options, identity, trust, proofs)
        endpoint: Any = HostnameEndpoint(
            self._reactor, options.control_host.encode(), options.control_port
        )
        if certificates is not None:
            endpoint = certificates.client(endpoint, (Kind.CONTROL,))
        agent = AgentService(
            Identity(node_id, options.node, boot_era(), str(uuid.uuid4())),
            doors,
            endpoint,
            lambda: identity.cluster_id,
            identity.join,
            options.discovery_seconds,
            trust,
        )
        gate = Gate(node_id, doors.storage, doors.moves, doors.loans, agent, proofs)
        origins = OriginsFile(Path(options.state_path), self._in_thread)
        receiver = Receiver(
            node_id,
            lambda: identity.cluster_id,
            lambda peer: Guard(node_id, peer, gate, agent.loop, origins),
        )
        self._port = await self._listen(options, receiver)
        self._agent = agent
        agent.startService()
        self.log.info(
            "flocker-agent is node {node} at {address}", node=node_id, address=options.node
        )

    async def _open_certificates(self, options: AgentOptions) -> Certificates | None:
        require_one(options.certificates, options.insecure)
        if options.certificates is None:
            if options.insecure:
                self.log.warn(
                    "INSECURE: this agent, which is root here, obeys whoever answers at {host}. "
                    "Certificates end that: see flocker-ca and `certificates:`",
                    host=options.control_host,
                )
            else:
                require_loopback(options.control_host)
            return None
        self._certificates = await open_certificates(
            options.certificates, Kind.NODE, self._reactor, self._in_thread
        )
        return self._certificates

    async def _open_doors(
        self, options: AgentOptions, identity: IdentityFile, trust: Trust | None, proofs: IProofs
    ) -> Doors:
        run = Commands(self._reactor, held_fd=self._held_fd).run
        storage = await open_storage(
            options.pool, options.mount_root, run, self._in_thread, self._reactor
        )
        listeners = SsListeners(run, os.getpid())
        fenced = Path(options.socket_path).parent / "fenced"
        self._containers = DockerContainers(
            self._in_thread,
            self._reactor,
            socket_path=options.docker_socket,
            poising=Poising(
                f"{options.state_path}/poised", str(Path(options.socket_path).parent / "released")
            ),
            listeners=SsListeners(run, os.getpid(), names_own=True),
            fenced=fenced,
        )
        moves = MoveLog(self._reactor)
        allow_connections(options.held_connections)
        holder = TcpHolder(self._reactor, options.held_connections, can_listen6())
        routing = Switchboard(
            await choose_routing(run, os.uname().release),
            holder,
            listeners,
            options.node,
            self._reactor,
            options.held_seconds,
        )
        ssh = SshOptions(options.ssh_user, options.ssh_port, options.ssh_identity_file)
        return Doors(
            identity.node_id,
            options.node,
            storage,
            self._containers,
            routing,
            SshPeers(self._reactor, ssh, identity.node_id, lambda: identity.cluster_id, trust),
            self._reactor,
            moves,
            PullLog(),
            EndingsFile(Path(options.state_path), self._in_thread),
            Arrivals(self._containers, routing, moves, self._reactor),
            Loans(self._reactor, steady_seconds, ZfsFence(self._reactor, options.pool, fenced)),
            proofs=proofs,
        )

    async def _listen(self, options: AgentOptions, receiver: Receiver) -> Any:
        path = Path(options.socket_path)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileNotFoundError):
            path.unlink()  # left by an agent that was killed
        endpoint = UNIXServerEndpoint(self._reactor, str(path), mode=0o600)
        return await endpoint.listen(receiver)

    def _in_thread(self, function: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
        return deferToThreadPool(self._reactor, self._pool, function, *args, **kwargs)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
        if self._agent is not None:
            await self._agent.stopService()
        if self._port is not None:
            await self._port.stopListening()
        if self._certificates is not None:
            self._certificates.stopService()
        if self._containers is not None:
            self._containers.close()
        self._pool.stop()
        if self._held_fd is not None:
            os.close(self._held_fd)


def makeService(command_line: Options) -> IService:
    """The service that twistd runs."""
    from twisted.internet import reactor

    make_steady(reactor)
    return AgentApplication(reactor, command_line)


def main() -> None:
    """The command `flocker-agent`."""
    run_in_foreground("flocker-agent", Options())
