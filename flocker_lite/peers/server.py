"""Serves peers' sessions, which `flocker-lite-receive` passes on to the agent."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IFileDescriptorReceiver
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.stdio import StandardIO
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure
from zope.interface import implementer

from flocker_lite.awaiting import deferred_of
from flocker_lite.errors import FlockerError, PeerRefused
from flocker_lite.interfaces import IPeerService
from flocker_lite.interfaces.peer_requests import (
    VERSIONS,
    Finish,
    Hello,
    Opened,
    Proof,
    Receive,
)
from flocker_lite.interfaces.request import PeerRequest, SessionRequest
from flocker_lite.interfaces.wire import NODE
from flocker_lite.model.records import NodeId
from flocker_lite.model.versions import told_versions, why_strange
from flocker_lite.peers import codec
from flocker_lite.peers.bounded_amp import BoundedAMP
from flocker_lite.peers.expected_stream import ExpectedStream
from flocker_lite.peers.shown_proofs import ShownProofs

GREETING_BYTES_MAX = 256

_STANDARD_IO: Any = StandardIO


class Receiver(Factory):
    """What all sessions share: the service for each peer, and the streams that we expect."""

    def __init__(
        self, node_id: str, cluster_id: Any, service_for: Callable[[NodeId], IPeerService]
    ) -> None:
        """`cluster_id` is a callable: the agent may learn the id after it starts to listen."""
        self.node_id, self.cluster_id = node_id, cluster_id
        self.service_for = service_for
        self.streams: dict[str, ExpectedStream] = {}

    def buildProtocol(self, addr: object) -> _ReceiverConnection:
        return _ReceiverConnection(self)


@implementer(IFileDescriptorReceiver)
class _ReceiverConnection(Protocol):
    """The connection of one `flocker-lite-receive`: two descriptors, and a line that says why.

    The line begins with the node whose key the peer used, if it is a key that the agent wrote.
    """

    log = Logger()

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._descriptors: list[int] = []
        self._greeting = b""
        self._session: Session | None = None
        self._standard_io: list[int] = []

    def fileDescriptorReceived(self, descriptor: int) -> None:
        self._descriptors.append(descriptor)

    def dataReceived(self, data: bytes) -> None:
        self._greeting += data
        line, newline, _ = self._greeting.partition(b"\n")
        if newline and len(self._descriptors) == 2:
            self._greet(line.decode("ascii", "replace").split(" "))
        elif newline or len(self._greeting) > GREETING_BYTES_MAX:
            self.leave("this is not a flocker-lite-receive")

    def _greet(self, words: list[str]) -> None:
        key_of: NodeId | None = None
        try:
            match words:
                case ["node", node_id, *words]:
                    key_of = NODE.decode(node_id)
            match words:
                case ["control"]:
                    self._session = Session(self._receiver, self, key_of)
                    self._standard_io = self._taken()
                    _STANDARD_IO(
                        self._session, stdin=self._standard_io[0], stdout=self._standard_io[1]
                    )
                case ["stream", token]:
                    stream = self._expected(token, key_of)
                    stdin, stdout = self._taken()
                    os.close(stdout)
                    self._receive(stream, stdin)
                case _:
                    raise PeerRefused("this agent does not know that kind of session")
        except PeerRefused as error:
            self.leave(str(error))

    def _taken(self) -> list[int]:
        taken, self._descriptors = self._descriptors, []
        return taken

    def _expected(self, token: str, key_of: NodeId | None) -> ExpectedStream:
        stream = self._receiver.streams.get(token)
        if stream is None or stream.receiving is not None or stream.key_of != key_of:
            raise PeerRefused("no such stream is expected")
        return stream

    def _receive(self, stream: ExpectedStream, fd: int) -> None:
        stream.receiving = deferred_of(stream.service.receive(stream.dataset_id, stream.epoch, fd))
        stream.opened.callback(None)

        def ended(result: object) -> None:
            with suppress(OSError):
                os.close(fd)
            if not stream.received.called:
                stream.received.callback(result)  # type: ignore[arg-type]
            self.leave(str(result.value) if isinstance(result, Failure) else "ok")

        stream.receiving.addBoth(ended)

    def session_over(self) -> None:
        """Close the control session's descriptors, which StandardIO leaves open, and leave."""
        given, self._standard_io = self._standard_io, []
        for descriptor in given:
            os.close(descriptor)
        self.leave("ok")

    def leave(self, answer: str) -> None:
        """Tell `flocker-lite-receive` the result, and let it end."""
        if self.transport is not None:
            self.transport.write(f"{answer}\n".encode())
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        for descriptor in self._descriptors:
            os.close(descriptor)
        if self._session is not None and self._session.transport is not None:
            self._session.transport.loseConnection()


class Session(BoundedAMP):
    """One peer's control session; `key_of` is the node whose key it used, None for other keys."""

    log = Logger()

    def __init__(
        self, receiver: Receiver, connection: _ReceiverConnection, key_of: NodeId | None
    ) -> None:
        super().__init__()
        self._receiver = receiver
        self._connection = connection
        self._key_of = key_of
        self._tokens: list[str] = []
        self._greeted_service: IPeerService | None = None
        self._shown = ShownProofs()

    async def _serve(self, request: PeerRequest[Any]) -> Any:
        match request:
            case Hello():
                return self._greeted_by(request)
            case Proof(dataset_id, chain):
                self._shown.add(dataset_id, chain)
            case Opened(token):
                await self._stream(token).opened
            case Finish(token):
                await self._stream(token).received
            case Receive():
                return await self._expect(request)
            case _:
                return await self._service.answer(request)
        return None

    def _greeted_by(self, hello: Hello) -> str:
        mine = self._receiver.cluster_id()
        theirs = told_versions(hello.version, hello.oldest)
        strange = why_strange(
            "the agent there", VERSIONS, f"the agent of node {hello.node_id}", theirs
        )
        if strange is not None:
            raise PeerRefused(strange)
        if hello.cluster_id != mine:
            raise PeerRefused(f"this node belongs to cluster {mine}, not to {hello.cluster_id}")
        if self._key_of not in (None, hello.node_id):
            raise PeerRefused(
                f"it says that it is node {hello.node_id}, with the key of {self._key_of}"
            )
        self._greeted_service = self._receiver.service_for(NODE.decode(hello.node_id))
        return self._receiver.node_id

    async def _expect(self, request: Receive) -> str:
        """The token for the stream, if the peer may send it."""
        service = self._service
        await service.answer(request)
        token = secrets.token_hex(16)
        self._receiver.streams[token] = ExpectedStream(
            service, self._key_of, request.dataset_id, request.epoch
        )
        self._tokens.append(token)
        return token

    def ampBoxReceived(self, box: amp.AmpBox) -> None:
        """Accept only commands that expect an answer: we ask this peer nothing, and need no TLS."""
        answers = amp.ANSWER in box or amp.ERROR in box
        is_asked = amp.COMMAND in box and amp.ASK in box
        if answers or not is_asked or box[amp.COMMAND] == amp.StartTLS.commandName:
            transport: Any = self.transport
            transport.loseConnection()
        else:
            super().ampBoxReceived(box)

    def locateResponder(self, name: bytes) -> Callable[[amp.AmpBox], Any] | None:
        """The function that answers a command; invalid arguments are no error of this agent."""
        kind = codec.KINDS.get(name)
        if kind is None:
            return None
        responder = self._wrapWithSerialization(
            partial(self._respond, kind), codec.command_of(kind)
        )

        def understood(box: amp.AmpBox) -> Any:
            try:
                # Only errors in the arguments are raised here; later ones come as a Deferred.
                return responder(box)
            except Exception as error:
                raise amp.RemoteAmpError(b"REFUSED", f"not understood: {error}") from None

        return understood

    def _respond(self, kind: type[PeerRequest[Any]], **arguments: Any) -> Deferred[dict[str, Any]]:
        # Take the proofs now: whatever becomes of this request, they belong to no other one.
        shown = self._shown.taken() if kind.is_proven else {}

        async def answer() -> dict[str, Any]:
            try:
                if not issubclass(kind, SessionRequest) and self._greeted_service is None:
                    raise PeerRefused("say hello first")
                request = codec.decoded(kind, arguments).with_proofs(shown)
                return kind.answer.encode(await self._serve(request))
            except FlockerError as error:
                raise codec.as_declared(error) from None
            except ValueError as error:
                raise PeerRefused(str(error)) from None

        return Deferred.fromCoroutine(answer())

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        super().connectionLost(reason)
        for token in self._tokens:
            stream = self._receiver.streams.pop(token, None)
            if stream is not None:
                stream.give_up(PeerRefused("the session ended before its stream did"))
        self._connection.session_over()

    @property
    def _service(self) -> IPeerService:
        assert self._greeted_service is not None
        return self._greeted_service

    def _stream(self, token: str) -> ExpectedStream:
        if token not in self._tokens:
            raise PeerRefused("no such stream is expected")
        return self._receiver.streams[token]
