"""The agent's end of what peers ask: sessions that `flocker-lite-receive` hands over."""

from __future__ import annotations

import os
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IFileDescriptorReceiver
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.stdio import StandardIO
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure
from zope.interface import implementer

from flocker_lite.errors import FlockerError, PeerRefused
from flocker_lite.interfaces import IGate
from flocker_lite.model.records import NodeId
from flocker_lite.model.versions import told_versions, why_strange
from flocker_lite.ssh import checking, commands
from flocker_lite.ssh.boxes import BoundedAMP
from flocker_lite.ssh.showing import Shown
from flocker_lite.ssh.streams import Stream

GREETING_BYTES_MAX = 256

_STANDARD_IO: Any = StandardIO


class Receiver(Factory):
    """What all sessions share: the gate for each peer, and the streams that are expected."""

    def __init__(self, node_id: str, cluster_id: Any, gate_for: Callable[[NodeId], IGate]) -> None:
        """`cluster_id` is a callable: the agent may learn it later than it starts to listen."""
        self.node_id, self.cluster_id = node_id, cluster_id
        self.gate_for = gate_for
        self.streams: dict[str, Stream] = {}

    def buildProtocol(self, addr: object) -> _Entrance:
        return _Entrance(self)


@implementer(IFileDescriptorReceiver)
class _Entrance(Protocol):
    """One `flocker-lite-receive`: its two descriptors, and a line that says what it is for.

    The line begins with whose key it came with, when that is one that the agent lets in.
    """

    log = Logger()

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._descriptors: list[int] = []
        self._greeting = b""
        self._session: Session | None = None
        self._lent: list[int] = []

    def fileDescriptorReceived(self, descriptor: int) -> None:
        self._descriptors.append(descriptor)

    def dataReceived(self, data: bytes) -> None:
        self._greeting += data
        line, newline, _ = self._greeting.partition(b"\n")
        if newline and len(self._descriptors) == 2:
            self._greet(line.decode("ascii", "replace").split(" "))
        elif newline or len(self._greeting) > GREETING_BYTES_MAX:
            self.leave("not a flocker-lite-receive")

    def _greet(self, words: list[str]) -> None:
        key_of: NodeId | None = None
        try:
            match words:
                case ["node", node_id, *words]:
                    key_of = checking.node(node_id)
            match words:
                case ["control"]:
                    self._session = Session(self._receiver, self, key_of)
                    self._lent = self._taken()
                    _STANDARD_IO(self._session, stdin=self._lent[0], stdout=self._lent[1])
                case ["stream", token]:
                    stream = self._expected(token, key_of)
                    stdin, stdout = self._taken()
                    os.close(stdout)
                    self._receive(stream, stdin)
                case _:
                    raise PeerRefused("it asks for what this agent does not know")
        except PeerRefused as error:
            self.leave(str(error))

    def _taken(self) -> list[int]:
        taken, self._descriptors = self._descriptors, []
        return taken

    def _expected(self, token: str, key_of: NodeId | None) -> Stream:
        stream = self._receiver.streams.get(token)
        if stream is None or stream.receiving is not None or stream.key_of != key_of:
            raise PeerRefused("no such stream is expected")
        return stream

    def _receive(self, stream: Stream, fd: int) -> None:
        stream.receiving = Deferred.fromCoroutine(
            _coroutine(stream.gate.receive(stream.dataset_id, stream.epoch, fd))
        )
        stream.opened.callback(None)

        def ended(result: object) -> None:
            with suppress(OSError):
                os.close(fd)
            failed = isinstance(result, Failure)
            if not stream.received.called:
                stream.received.callback(result)  # type: ignore[arg-type]
            self.leave(str(result.value) if isinstance(result, Failure) else "ok")
            if failed:
                self.log.warn(
                    "a stream of {dataset_id} was not received: {reason}",
                    dataset_id=stream.dataset_id,
                    reason=result,
                )

        stream.receiving.addBoth(ended)

    def session_over(self) -> None:
        """Close what the control session spoke on, which StandardIO leaves open, and leave."""
        lent, self._lent = self._lent, []
        for descriptor in lent:
            os.close(descriptor)
        self.leave("ok")

    def leave(self, answer: str) -> None:
        """Let the `flocker-lite-receive` end."""
        if self.transport is not None:
            self.transport.write(f"{answer}\n".encode())
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        for descriptor in self._descriptors:
            os.close(descriptor)
        if self._session is not None and self._session.transport is not None:
            self._session.transport.loseConnection()


class Session(BoundedAMP):
    """One peer's control session; `key_of` is the node whose key it came with, if it is one's."""

    log = Logger()

    def __init__(self, receiver: Receiver, entrance: _Entrance, key_of: NodeId | None) -> None:
        super().__init__()
        self._receiver = receiver
        self._entrance = entrance
        self._key_of = key_of
        self._tokens: list[str] = []
        self._greeted_gate: IGate | None = None
        self._shown = Shown()

    @commands.Hello.responder
    def hello(
        self, version: int, node_id: str, cluster_id: str, oldest: int | None = None
    ) -> dict[str, str]:
        mine = self._receiver.cluster_id()
        theirs = told_versions(version, oldest)
        strange = why_strange(
            "the agent there", commands.VERSIONS, f"the agent of node {node_id}", theirs
        )
        if strange is not None:
            raise PeerRefused(strange)
        if cluster_id != mine:
            raise PeerRefused(f"this node belongs to cluster {mine}, not to {cluster_id}")
        if self._key_of not in (None, node_id):
            raise PeerRefused(f"it says that it is node {node_id}, with the key of {self._key_of}")
        self._greeted_gate = self._receiver.gate_for(checking.node(node_id))
        return {"node_id": self._receiver.node_id}

    @commands.Copy.responder
    def copy(self, dataset_id: str) -> Deferred[dict[str, Any]]:
        async def answer() -> dict[str, Any]:
            copy = await self._gate.copy(checking.dataset(dataset_id))
            newest = copy.newest
            return {
                "exists": copy.exists,
                "lease": str(copy.lease) if copy.lease is not None else None,
                "name": newest.name if newest is not None else None,
                "guid": newest.guid if newest is not None else None,
                "resume_token": copy.resume_token,
                "snapshots": commands.boxes(copy.snapshots),
            }

        return self._answer(answer())

    @commands.Receive.responder
    def receive(
        self,
        dataset_id: str,
        epoch: int,
        base_guid: str | None = None,
        resumes: bool | None = None,
    ) -> Deferred[dict[str, Any]]:
        async def answer() -> dict[str, Any]:
            gate, identity = self._gate, checking.dataset(dataset_id)
            base = checking.base(base_guid)
            await gate.may_receive(identity, checking.epoch(epoch), base, bool(resumes))
            token = secrets.token_hex(16)
            self._receiver.streams[token] = Stream(gate, self._key_of, identity, epoch)
            self._tokens.append(token)
            return {"token": token}

        return self._answer(answer())

    @commands.Opened.responder
    def opened(self, token: str) -> Deferred[dict[str, Any]]:
        async def answer() -> None:
            await self._stream(token).opened

        return self._done(answer())

    @commands.Finish.responder
    def finish(self, token: str) -> Deferred[dict[str, Any]]:
        async def answer() -> None:
            await self._stream(token).received

        return self._done(answer())

    @commands.Prepared.responder
    def prepared(self, name: str, image: str | None, has_ended: bool | None) -> Deferred[Any]:
        async def answer() -> None:
            of = checking.container(name), checking.exact_image(image)
            await self._gate.prepared(*of, bool(has_ended))

        return self._done(answer())

    @commands.SetAside.responder
    def set_aside(self, dataset_id: str, base_guid: str | None = None) -> Deferred[dict[str, Any]]:
        async def answer() -> None:
            await self._gate.set_aside(checking.dataset(dataset_id), checking.base(base_guid))

        return self._done(answer())

    @commands.Prune.responder
    def prune(self, dataset_id: str, keep_guids: list[str]) -> Deferred[dict[str, Any]]:
        async def answer() -> None:
            await self._gate.prune(checking.dataset(dataset_id), checking.guids(keep_guids))

        return self._done(answer())

    @commands.SetProperties.responder
    def set_properties(
        self, dataset_id: str, properties: list[dict[str, Any]]
    ) -> Deferred[dict[str, Any]]:
        async def answer() -> dict[str, Any]:
            told = checking.dataset(dataset_id), checking.properties(properties)
            return {"undone": commands.said(await self._gate.set_properties(*told))}

        return self._answer(answer())

    @commands.Proof.responder
    def proof(self, dataset_id: str, chain: str) -> dict[str, Any]:
        self._shown.add(dataset_id, chain)
        return {}

    @commands.Acquire.responder
    def acquire(self, dataset_id: str, epoch: int, guid: str) -> Deferred[dict[str, Any]]:
        proof = self._shown.taken().get(dataset_id, ())

        async def answer() -> None:
            await self._gate.acquire(
                checking.dataset(dataset_id), checking.epoch(epoch), checking.guid(guid), proof
            )

        return self._done(answer())

    @commands.AcquireGroup.responder
    def acquire_group(
        self, coordinator: str, items: list[dict[str, Any]]
    ) -> Deferred[dict[str, Any]]:
        proofs = self._shown.taken()

        async def answer() -> None:
            given = checking.dataset(coordinator), checking.released(items, proofs)
            await self._gate.acquire_group(*given)

        return self._done(answer())

    @commands.OfferLoan.responder
    def offer_loan(
        self, container: str, dataset_ids: list[str], seconds: int
    ) -> Deferred[dict[str, Any]]:
        async def answer() -> None:
            await self._gate.offer_loan(
                checking.container(container),
                checking.datasets(dataset_ids),
                checking.loan_seconds(seconds),
            )

        return self._done(answer())

    @commands.Lend.responder
    def lend(self, container: str, lent: list[dict[str, Any]]) -> Deferred[dict[str, Any]]:
        async def answer() -> None:
            await self._gate.lend(checking.container(container), checking.lent(lent))

        return self._done(answer())

    @commands.Recall.responder
    def recall(self, dataset_ids: list[str]) -> Deferred[dict[str, Any]]:
        async def answer() -> None:
            await self._gate.recall(checking.datasets(dataset_ids))

        return self._done(answer())

    @commands.Serving.responder
    def serving(self, name: str) -> Deferred[dict[str, Any]]:
        async def answer() -> None:
            await self._gate.serving(checking.container(name))

        return self._done(answer())

    def ampBoxReceived(self, box: amp.AmpBox) -> None:
        """Commands to be answered, and nothing else: a peer is asked nothing, and TLS is no use."""
        answers = amp.ANSWER in box or amp.ERROR in box
        is_asked = amp.COMMAND in box and amp.ASK in box
        if answers or not is_asked or box[amp.COMMAND] == amp.StartTLS.commandName:
            transport: Any = self.transport
            transport.loseConnection()
        else:
            super().ampBoxReceived(box)

    def locateResponder(self, name: bytes) -> Callable[[amp.AmpBox], Any] | None:
        """What answers a command; one whose arguments are none is no error of this agent."""
        responder: Callable[[amp.AmpBox], Any] | None = super().locateResponder(name)
        if responder is None:
            return None

        def understood(box: amp.AmpBox) -> Any:
            try:
                # What goes wrong later than with the arguments comes as a Deferred.
                return responder(box)
            except Exception as error:
                raise amp.RemoteAmpError(b"REFUSED", f"not understood: {error}") from None

        return understood

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        super().connectionLost(reason)
        for token in self._tokens:
            stream = self._receiver.streams.pop(token, None)
            if stream is not None:
                stream.give_up(PeerRefused("the session ended before its stream did"))
        self._entrance.session_over()

    @property
    def _gate(self) -> IGate:
        if self._greeted_gate is None:
            raise PeerRefused("say hello first")
        return self._greeted_gate

    def _stream(self, token: str) -> Stream:
        if checking.token(token) not in self._tokens:
            raise PeerRefused("no such stream is expected")
        return self._receiver.streams[token]

    def _done(self, doing: Coroutine[Any, Any, None]) -> Deferred[dict[str, Any]]:
        async def answer() -> dict[str, Any]:
            await doing
            return {}

        return self._answer(answer())

    def _answer(self, doing: Coroutine[Any, Any, dict[str, Any]]) -> Deferred[dict[str, Any]]:
        async def checked() -> dict[str, Any]:
            try:
                return await doing
            except FlockerError as error:
                raise commands.as_declared(error) from None
            except ValueError as error:
                raise PeerRefused(str(error)) from None

        return Deferred.fromCoroutine(checked())


async def _coroutine(awaitable: Awaitable[None]) -> None:
    await awaitable
