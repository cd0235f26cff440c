"""The agent's end of what peers ask: sessions that `flocker-lite-receive` hands over."""

from __future__ import annotations

import os
import secrets
from collections.abc import Awaitable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
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
from flocker_lite.interfaces import IGate, Lent
from flocker_lite.model.versions import told_versions, why_strange
from flocker_lite.ssh import commands

GREETING_BYTES_MAX = 256

_STANDARD_IO: Any = StandardIO


@dataclass
class _Stream:
    """A stream that a session was promised; `opened` and `received` fire once each."""

    dataset_id: str
    epoch: int
    opened: Deferred[None] = field(default_factory=Deferred)
    received: Deferred[None] = field(default_factory=Deferred)
    receiving: Deferred[None] | None = None

    def give_up(self, reason: FlockerError) -> None:
        if self.receiving is not None:
            self.receiving.cancel()
        for deferred in (self.opened, self.received):
            if not deferred.called:
                deferred.errback(reason)
            deferred.addErrback(lambda _: None)


class Receiver(Factory):
    """What all sessions share: this node's gate and the streams that are expected."""

    def __init__(self, node_id: str, cluster_id: Any, gate: IGate) -> None:
        """`cluster_id` is a callable: the agent may learn it later than it starts to listen."""
        self.node_id = node_id
        self.cluster_id = cluster_id
        self.gate = gate
        self.streams: dict[str, _Stream] = {}

    def buildProtocol(self, addr: object) -> _Entrance:
        return _Entrance(self)


@implementer(IFileDescriptorReceiver)
class _Entrance(Protocol):
    """One `flocker-lite-receive`: its two descriptors, and a line that says what it is for."""

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
        stdin, stdout = self._descriptors
        self._descriptors = []
        match words:
            case ["control"]:
                self._session = Session(self._receiver, self)
                self._lent = [stdin, stdout]
                _STANDARD_IO(self._session, stdin=stdin, stdout=stdout)
            case ["stream", token]:
                os.close(stdout)
                self._receive(token, stdin)
            case _:
                self._descriptors = [stdin, stdout]
                self.leave("it asks for what this agent does not know")

    def _receive(self, token: str, fd: int) -> None:
        stream = self._receiver.streams.get(token)
        if stream is None or stream.receiving is not None:
            os.close(fd)
            self.leave("no such stream is expected")
            return
        stream.receiving = Deferred.fromCoroutine(
            _coroutine(self._receiver.gate.receive(stream.dataset_id, stream.epoch, fd))
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


class Session(amp.AMP):
    """One peer's control session."""

    log = Logger()

    def __init__(self, receiver: Receiver, entrance: _Entrance) -> None:
        super().__init__()
        self._receiver = receiver
        self._entrance = entrance
        self._tokens: list[str] = []
        self._greeted = False

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
        self._greeted = True
        return {"node_id": self._receiver.node_id}

    @commands.Copy.responder
    def copy(self, dataset_id: str) -> Deferred[dict[str, Any]]:
        async def answer() -> dict[str, Any]:
            copy = await self._receiver.gate.copy(dataset_id)
            newest = copy.newest
            return {
                "exists": copy.exists,
                "lease": str(copy.lease) if copy.lease is not None else None,
                "name": newest.name if newest is not None else None,
                "guid": newest.guid if newest is not None else None,
                "resume_token": copy.resume_token,
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
            gate = self._receiver.gate
            await gate.may_receive(dataset_id, epoch, base_guid, bool(resumes))
            token = secrets.token_hex(16)
            self._receiver.streams[token] = _Stream(dataset_id, epoch)
            self._tokens.append(token)
            return {"token": token}

        return self._answer(answer())

    @commands.Opened.responder
    def opened(self, token: str) -> Deferred[dict[str, Any]]:
        return self._answer(self._until(self._stream(token).opened))

    @commands.Finish.responder
    def finish(self, token: str) -> Deferred[dict[str, Any]]:
        return self._answer(self._until(self._stream(token).received))

    @commands.Prepared.responder
    def prepared(self, name: str) -> Deferred[dict[str, Any]]:
        return self._answer(self._empty(self._receiver.gate.prepared(name)))

    @commands.SetAside.responder
    def set_aside(self, dataset_id: str) -> Deferred[dict[str, Any]]:
        return self._answer(self._empty(self._receiver.gate.set_aside(dataset_id)))

    @commands.Prune.responder
    def prune(self, dataset_id: str, keep_guids: list[str]) -> Deferred[dict[str, Any]]:
        pruning = self._receiver.gate.prune(dataset_id, frozenset(keep_guids))
        return self._answer(self._empty(pruning))

    @commands.Acquire.responder
    def acquire(self, dataset_id: str, epoch: int, guid: str) -> Deferred[dict[str, Any]]:
        acquiring = self._receiver.gate.acquire(dataset_id, epoch, guid)
        return self._answer(self._empty(acquiring))

    @commands.OfferLoan.responder
    def offer_loan(
        self, container: str, dataset_ids: list[str], seconds: int
    ) -> Deferred[dict[str, Any]]:
        asking = self._receiver.gate.offer_loan(container, tuple(dataset_ids), seconds)
        return self._answer(self._empty(asking))

    @commands.Lend.responder
    def lend(self, container: str, lent: list[dict[str, Any]]) -> Deferred[dict[str, Any]]:
        lending = self._receiver.gate.lend(container, tuple(Lent(**item) for item in lent))
        return self._answer(self._empty(lending))

    @commands.Recall.responder
    def recall(self, dataset_ids: list[str]) -> Deferred[dict[str, Any]]:
        return self._answer(self._empty(self._receiver.gate.recall(tuple(dataset_ids))))

    @commands.Serving.responder
    def serving(self, name: str) -> Deferred[dict[str, Any]]:
        return self._answer(self._empty(self._receiver.gate.serving(name)))

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        super().connectionLost(reason)
        for token in self._tokens:
            stream = self._receiver.streams.pop(token, None)
            if stream is not None:
                stream.give_up(PeerRefused("the session ended before its stream did"))
        self._entrance.session_over()

    def _stream(self, token: str) -> _Stream:
        if token not in self._tokens:
            raise PeerRefused("no such stream is expected")
        return self._receiver.streams[token]

    async def _until(self, deferred: Deferred[None]) -> dict[str, Any]:
        await deferred
        return {}

    async def _empty(self, doing: Awaitable[None]) -> dict[str, Any]:
        await doing
        return {}

    def _answer(self, doing: Coroutine[Any, Any, dict[str, Any]]) -> Deferred[dict[str, Any]]:
        async def checked() -> dict[str, Any]:
            if not self._greeted:
                doing.close()
                raise PeerRefused("say hello first")
            try:
                return await doing
            except FlockerError as error:
                raise commands.as_declared(error) from None
            except ValueError as error:
                raise PeerRefused(str(error)) from None

        return Deferred.fromCoroutine(checked())


async def _coroutine(awaitable: Awaitable[None]) -> None:
    await awaitable
