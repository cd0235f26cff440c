"""The way to the agents of other nodes: AMP over one ssh, streams over others."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost, ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.stdio import PipeAddress
from twisted.protocols import amp
from twisted.python.failure import Failure
from zope.interface import implementer

from flocker_lite.errors import NotUnderstood, PeerRefused, PeerUnreachable
from flocker_lite.interfaces import IPeer, IPeers, IReceiving, Lent, PeerCopy, Released
from flocker_lite.model import codec, lease
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.grants import Chain, Signed
from flocker_lite.model.properties import Properties
from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.model.state import Snapshot
from flocker_lite.processes import STDERR_TAIL_BYTES_MAX
from flocker_lite.ssh import argv, commands
from flocker_lite.ssh.boxes import BoundedAMP
from flocker_lite.ssh.outgoing import SshReceiving, ssh_environment
from flocker_lite.ssh.trust import Trust

PROOF_CHARACTERS_MAX = 60_000
ANSWER_TIMEOUT_SECONDS = 60.0
PREPARED_TIMEOUT_SECONDS = 1800.0
"""How long another node may take to pull an image."""
TRIAL_TIMEOUT_SECONDS = 4000.0
"""Longer than any loan: a trial ends with its loan, and the answer says so."""
SERVING_TIMEOUT_SECONDS = 120.0
"""How long another node may take to answer whether a container serves; it gives up earlier."""


@implementer(IPeers)
class SshPeers:
    """Reaches agents by ssh, as root or as whom `options` say; by `trust` those it has keys of."""

    def __init__(
        self,
        reactor: Any,
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

    async def connect(self, node_id: NodeId, address: str) -> IPeer:
        options = self._options
        if self._trust is not None:
            options = await self._trust.options(node_id, options)
        session = _ControlSession()
        command = argv.control_session(options, address)
        self._reactor.spawnProcess(session, command[0], command, ssh_environment())
        peer = SshPeer(self._reactor, options, address, session)
        try:
            answer = await peer.ask(
                commands.Hello,
                version=commands.VERSIONS.newest,
                oldest=commands.VERSIONS.oldest,
                node_id=self._node_id,
                cluster_id=self._cluster_id(),
            )
            if answer["node_id"] != node_id:
                raise PeerRefused(f"{address} is node {answer['node_id']}, not {node_id}")
        except BaseException:
            peer.close()
            raise
        return peer


@implementer(IPeer)
class SshPeer:
    """A control session with one agent."""

    def __init__(
        self, reactor: Any, options: argv.SshOptions, address: str, session: _ControlSession
    ) -> None:
        self._reactor = reactor
        self._options = options
        self._address = address
        self._session = session

    async def copy(self, dataset_id: DatasetId) -> PeerCopy:
        answer = await self.ask(commands.Copy, dataset_id=dataset_id)
        held, guid = answer.get("lease"), answer.get("guid")
        return PeerCopy(
            answer["exists"],
            lease.parse(held) if held is not None else None,
            Snapshot(answer["name"], guid) if guid is not None else None,
            answer.get("resume_token"),
            _snapshots(answer.get("snapshots")),
        )

    async def receive(
        self, dataset_id: DatasetId, epoch: int, base_guid: str | None, resumes: bool = False
    ) -> IReceiving:
        answer = await self.ask(
            commands.Receive,
            dataset_id=dataset_id,
            epoch=epoch,
            base_guid=base_guid,
            resumes=resumes,
        )
        token = answer["token"]
        command = argv.stream_session(self._options, self._address, token)
        receiving = SshReceiving(self._reactor, self.ask, self._address, token, command)
        try:
            await receiving.opened()
        except BaseException:
            receiving.abort()
            raise
        return receiving

    async def prepared(
        self, name: str, image: ExactImage | None = None, has_ended: bool = False
    ) -> None:
        text = codec.dumps(image) if image is not None else None
        told = {"has_ended": True} if has_ended else {}
        await self.ask(commands.Prepared, PREPARED_TIMEOUT_SECONDS, name=name, image=text, **told)

    async def set_aside(self, dataset_id: DatasetId, base_guid: str | None = None) -> None:
        await self.ask(commands.SetAside, dataset_id=dataset_id, base_guid=base_guid)

    async def prune(self, dataset_id: DatasetId, keep_guids: frozenset[str]) -> None:
        await self.ask(commands.Prune, dataset_id=dataset_id, keep_guids=sorted(keep_guids))

    async def set_properties(
        self, dataset_id: DatasetId, properties: Properties
    ) -> tuple[str, ...]:
        boxes = [{"name": name, "value": value} for name, value in sorted(properties.items())]
        answer = await self.ask(commands.SetProperties, dataset_id=dataset_id, properties=boxes)
        return tuple(answer["undone"])

    async def acquire(
        self, dataset_id: DatasetId, epoch: int, guid: str, proof: tuple[Signed, ...] = ()
    ) -> None:
        self._show(dataset_id, proof)
        await self.ask(commands.Acquire, dataset_id=dataset_id, epoch=epoch, guid=guid)

    def _show(self, dataset_id: DatasetId, proof: tuple[Signed, ...]) -> None:
        """Send it ahead, and do not wait; a release that does not know what it is has no use of it.

        What else goes wrong does so with what follows.
        """
        chain = codec.dumps(Chain(proof))
        while proof and len(chain) > PROOF_CHARACTERS_MAX:
            # The newest count: what was before is known, unless the control service was restored.
            proof = proof[1:]
            chain = codec.dumps(Chain(proof))
        if proof:
            showing = self._session.amp.callRemote(
                commands.Proof, dataset_id=dataset_id, chain=chain
            )
            showing.addErrback(lambda _: None)

    async def acquire_group(self, coordinator: DatasetId, items: tuple[Released, ...]) -> None:
        boxes = [
            {"dataset_id": item.dataset_id, "epoch": item.epoch, "guid": item.guid}
            for item in items
        ]
        for item in items:
            self._show(item.dataset_id, item.proof)
        try:
            await self.ask(commands.AcquireGroup, coordinator=coordinator, items=boxes)
        except NotUnderstood:
            for item in sorted(items, key=lambda item: item.dataset_id != coordinator):
                await self.acquire(item.dataset_id, item.epoch, item.guid)

    async def offer_loan(
        self, container: str, dataset_ids: tuple[DatasetId, ...], seconds: float
    ) -> None:
        await self.ask(
            commands.OfferLoan,
            container=container,
            dataset_ids=list(dataset_ids),
            seconds=int(seconds),
        )

    async def lend(self, container: str, lent: tuple[Lent, ...]) -> None:
        boxes = [
            {"dataset_id": item.dataset_id, "epoch": item.epoch, "guid": item.guid} for item in lent
        ]
        await self.ask(commands.Lend, TRIAL_TIMEOUT_SECONDS, container=container, lent=boxes)

    async def recall(self, dataset_ids: tuple[DatasetId, ...]) -> None:
        await self.ask(commands.Recall, dataset_ids=list(dataset_ids))

    async def serving(self, name: str) -> None:
        await self.ask(commands.Serving, SERVING_TIMEOUT_SECONDS, name=name)

    def close(self) -> None:
        self._session.end()

    async def ask(
        self,
        command: type[amp.Command],
        timeout_seconds: float | None = ANSWER_TIMEOUT_SECONDS,
        **arguments: object,
    ) -> dict[str, Any]:
        """The answer; PeerUnreachable when the session ends or nothing comes in time."""
        deferred: Deferred[dict[str, Any]] = self._session.amp.callRemote(command, **arguments)
        late = (
            self._reactor.callLater(timeout_seconds, self._session.end)
            if timeout_seconds is not None
            else None
        )
        try:
            return await deferred
        except amp.UnhandledCommand:
            raise NotUnderstood(
                f"the agent at {self._address} is of an older release, which does not know "
                f"{command.__name__}: upgrade it"
            ) from None
        except (ConnectionDone, ConnectionLost, amp.UnknownRemoteError, amp.ProtocolSwitched):
            said = self._session.stderr_tail.decode("utf-8", "replace").strip()
            raise PeerUnreachable(
                f"the agent at {self._address} does not answer by ssh: {said or 'cut off'}"
            ) from None
        finally:
            if late is not None and late.active():
                late.cancel()


class _ControlSession(ProcessProtocol):
    """AMP over the stdin and stdout of an ssh, whose stderr explains what goes wrong."""

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
            self.stderr_tail = f"what it answers is no message: {error}".encode()
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
    """A process as AMP wants its transport."""

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


def _snapshots(boxes: list[dict[str, str]] | None) -> tuple[Snapshot, ...] | None:
    if boxes is None:
        return None
    return tuple(Snapshot(box["name"], box["guid"]) for box in boxes)
