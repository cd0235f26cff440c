"""Reaches the agents of other nodes: requests go over one ssh session, each stream over another.

Where many small streams follow each other, the sessions share the connection of the first one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex
from typing import Any, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost, ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.stdio import PipeAddress
from twisted.protocols import amp
from twisted.python.failure import Failure
from zope.interface import implementer

from flocker_lite.errors import NotUnderstood, PeerRefused, PeerUnreachable
from flocker_lite.interfaces import IPeer, IPeers, IReceiving
from flocker_lite.interfaces.peer_requests import VERSIONS, Hello, Proof, Receive
from flocker_lite.interfaces.reactor import IReactor
from flocker_lite.interfaces.request import PeerRequest
from flocker_lite.model.grants import Signed
from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.peers import argv, codec
from flocker_lite.peers.bounded_amp import BoundedAMP
from flocker_lite.peers.outgoing import SshReceiving, ssh_environment
from flocker_lite.peers.trust import Trust
from flocker_lite.processes import STDERR_TAIL_BYTES_MAX

PROOF_CHARACTERS_MAX = 60_000
SOCKET_BYTES = 8
A = TypeVar("A")


@implementer(IPeers)
class SshPeers:
    """Reaches agents by ssh, as `options` say; `trust` has the keys that nodes told us."""

    def __init__(
        self,
        reactor: IReactor,
        options: argv.SshOptions,
        node_id: NodeId,
        cluster_id: Callable[[], str],
        trust: Trust | None = None,
    ) -> None:
        self._reactor = reactor
        self._options = options
        self._trust = trust
        self._node_id = node_id
        self._cluster_id = cluster_id

    async def connect(self, node_id: NodeId, address: str, carries_streams: bool = False) -> IPeer:
        options, socket = self._options, self._socket() if carries_streams else None
        if self._trust is not None:
            options = await self._trust.options(node_id, options)
        session = _ControlSession()
        command = argv.control_session(options, address, socket)
        self._reactor.spawnProcess(session, command[0], command, ssh_environment())
        peer = SshPeer(self._reactor, options, address, session, socket)
        try:
            newest, oldest = VERSIONS.newest, VERSIONS.oldest
            answered_by = await peer.ask(Hello(newest, self._node_id, self._cluster_id(), oldest))
            if answered_by != node_id:
                raise PeerRefused(f"{address} is node {answered_by}, not {node_id}")
        except BaseException:
            peer.close()
            raise
        return peer

    def _socket(self) -> str | None:
        """A path that is used once."""
        folder = self._options.sockets
        return f"{folder}/{token_hex(SOCKET_BYTES)}" if folder is not None else None


@implementer(IPeer)
class SshPeer:
    """A control session with one agent; streams go through `socket`, if it has one."""

    def __init__(
        self,
        reactor: IReactor,
        options: argv.SshOptions,
        address: str,
        session: _ControlSession,
        socket: str | None = None,
    ) -> None:
        self._reactor = reactor
        self._options = options
        self._address = address
        self._session = session
        self._socket = socket

    async def receive(
        self, dataset_id: DatasetId, epoch: int, base_guid: str | None, resumes: bool = False
    ) -> IReceiving:
        token = await self.ask(Receive(dataset_id, epoch, base_guid, resumes))
        command = argv.stream_session(self._options, self._address, token, self._socket)
        receiving = SshReceiving(self._reactor, self.ask, self._address, token, command)
        try:
            await receiving.opened()
        except BaseException:
            receiving.abort()
            raise
        return receiving

    def close(self) -> None:
        self._session.end()

    async def ask(self, request: PeerRequest[A]) -> A:
        """The answer; PeerUnreachable when the session ends or no answer comes in time."""
        for dataset_id, proof in request.proofs().items():
            self._show(dataset_id, proof)
        command = codec.command_of(type(request))
        asking = self._session.amp.callRemote(command, **codec.encoded(request))
        try:
            box = await self._in_time(asking, request.answer_seconds)
        except amp.UnhandledCommand:
            others = request.for_older_agents()
            if not others:
                raise NotUnderstood(
                    f"the agent at {self._address} has an older release, which does not know "
                    f"{type(request).__name__}: upgrade it"
                ) from None
        except (ConnectionDone, ConnectionLost, amp.UnknownRemoteError, amp.ProtocolSwitched):
            said = self._session.stderr_tail.decode("utf-8", "replace").strip()
            raise PeerUnreachable(
                f"the agent at {self._address} does not answer by ssh: {said or 'cut off'}"
            ) from None
        else:
            return cast(A, request.answer.decode(box))
        for other in others:
            await self.ask(other)
        return cast(A, None)

    async def _in_time(
        self, asking: Deferred[dict[str, Any]], timeout_seconds: float | None
    ) -> dict[str, Any]:
        late = (
            self._reactor.callLater(timeout_seconds, self._session.end)
            if timeout_seconds is not None
            else None
        )
        try:
            return await asking
        finally:
            if late is not None and late.active():
                late.cancel()

    def _show(self, dataset_id: DatasetId, proof: tuple[Signed, ...]) -> None:
        """Send a proof ahead of its request, without waiting for an answer.

        An older release that does not know proofs does not need them either. Any other failure
        shows in the request that follows.
        """
        arguments = codec.encoded(Proof(dataset_id, proof))
        while proof and len(arguments["chain"]) > PROOF_CHARACTERS_MAX:
            # Drop the oldest: the peer knows them, unless the control service was restored.
            proof = proof[1:]
            arguments = codec.encoded(Proof(dataset_id, proof))
        if proof:
            showing = self._session.amp.callRemote(codec.command_of(Proof), **arguments)
            showing.addErrback(lambda _: None)


class _ControlSession(ProcessProtocol):
    """AMP over the stdin and stdout of an ssh process, whose stderr explains what goes wrong."""

    def __init__(self) -> None:
        self.amp = BoundedAMP()
        self.stderr_tail = b""
        self._ended = False

    def connectionMade(self) -> None:
        self.amp.makeConnection(_SessionTransport(self))

    def outReceived(self, data: bytes) -> None:
        try:
            self.amp.dataReceived(data)
        except Exception as error:
            self.stderr_tail = f"its answer is not a message of ours: {error}".encode()
            self.end()

    def errReceived(self, data: bytes) -> None:
        self.stderr_tail = (self.stderr_tail + data)[-STDERR_TAIL_BYTES_MAX:]

    def processEnded(self, reason: Failure) -> None:
        if not self._ended:
            self._ended = True
            self.amp.connectionLost(Failure(ConnectionLost()))

    def end(self) -> None:
        """Hang up."""
        transport: Any = self.transport
        if not self._ended and transport is not None:
            with suppress(ProcessExitedAlready):
                transport.signalProcess("TERM")


class _SessionTransport:
    """The ssh process as a transport for AMP."""

    def __init__(self, session: _ControlSession) -> None:
        self._session = session
        self._process: Any = session.transport

    def write(self, data: bytes) -> None:
        self._process.write(data)

    def loseConnection(self) -> None:
        self._session.end()

    def getHost(self) -> PipeAddress:
        return PipeAddress()

    def getPeer(self) -> PipeAddress:
        return PipeAddress()
