"""IPeers in memory: every node's service, and a network that can be cut."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from zope.interface import implementer

from flocker_lite.errors import NotUnderstood, PeerUnreachable
from flocker_lite.interfaces import IPeer, IPeers, IPeerService, IReceiving
from flocker_lite.interfaces.peer_requests import (
    Acquire,
    AcquireGroup,
    Lend,
    OfferLoan,
    Recall,
    Receive,
    SetProperties,
)
from flocker_lite.interfaces.request import PeerRequest
from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.testing.memory_trust import MemoryTrust

MOMENT_SECONDS = 0.1
ANSWERS: dict[type[PeerRequest[Any]], str] = {
    Acquire: "acquired",
    AcquireGroup: "acquired",
    OfferLoan: "trial_offered",
    Lend: "healthy",
    Recall: "recalled",
}
"""The answers that can get lost, by the step that `MemoryNetwork.before` is called with."""

A = TypeVar("A")


@dataclass
class MemoryNetwork:
    """The connections between nodes; `cut` holds pairs of nodes that cannot reach each other.

    `services` has for each node a function that makes its service for another node. Nodes in
    `trusts` can connect only when each knows the other's keys. Nodes in `without_groups` have a
    release without `AcquireGroup`; in `without_proofs`, one that keeps no proofs; in
    `without_properties`, one that sends no properties. A stream takes time only if there is a
    `clock`, and `bytes_per_second` or the stream's own limit is set.
    """

    services: dict[NodeId, Callable[[NodeId], IPeerService]] = field(default_factory=dict)
    trusts: dict[NodeId, MemoryTrust] = field(default_factory=dict)
    cut: set[frozenset[NodeId]] = field(default_factory=set)
    without_groups: set[NodeId] = field(default_factory=set)
    without_proofs: set[NodeId] = field(default_factory=set)
    without_properties: set[NodeId] = field(default_factory=set)
    before: Callable[[NodeId, NodeId, str], Awaitable[None]] | None = None
    clock: IReactorTime | None = None
    bytes_per_second: int | None = None

    async def service(self, source: NodeId, target: NodeId, step: str) -> IPeerService:
        """The target's service; PeerUnreachable when the target is cut off or its agent is down."""
        if self.before is not None:
            await self.before(source, target, step)
        if frozenset({source, target}) in self.cut or target not in self.services:
            raise PeerUnreachable(f"node {target} does not answer")
        if step == "connect":
            self._require_keys(source, target)
        return self.services[target](source)

    def _require_keys(self, source: NodeId, target: NodeId) -> None:
        for one, other in ((source, target), (target, source)):
            known, trust = self.trusts.get(other), self.trusts.get(one)
            if known and trust and trust.peers.get(other) != known.keys:
                raise PeerUnreachable(f"node {one} does not know the key of node {other}")


@implementer(IPeers)
@dataclass
class MemoryPeers:
    """The other nodes, as one node reaches them."""

    me: NodeId
    network: MemoryNetwork

    async def connect(self, node_id: NodeId, address: str, carries_streams: bool = False) -> IPeer:
        await self.network.service(self.me, node_id, "connect")
        return MemoryPeer(self.me, node_id, self.network)


@implementer(IPeer)
@dataclass
class MemoryPeer:
    """One node, as another node reaches it."""

    me: NodeId
    target: NodeId
    network: MemoryNetwork

    async def ask(self, request: PeerRequest[A]) -> A:
        if type(request) in self._unknown_there():
            others = request.for_older_agents()
            if not others:
                raise NotUnderstood(f"node {self.target} does not know {type(request).__name__}")
            for other in others:
                await self.ask(other.with_proofs(request.proofs()))
            return cast(A, None)
        if self.target in self.network.without_proofs:
            request = request.with_proofs({})
        service = await self._service(_name_of(request))
        answered = await service.answer(request)
        if type(request) in ANSWERS:
            await self._service(ANSWERS[type(request)])
        return answered

    async def receive(
        self, dataset_id: DatasetId, epoch: int, base_guid: str | None, resumes: bool = False
    ) -> IReceiving:
        await self.ask(Receive(dataset_id, epoch, base_guid, resumes))
        return MemoryReceiving(self, dataset_id, epoch)

    def close(self) -> None:
        pass

    def _unknown_there(self) -> set[type[PeerRequest[Any]]]:
        network = self.network
        later = {AcquireGroup: network.without_groups, SetProperties: network.without_properties}
        return {kind for kind, nodes in later.items() if self.target in nodes}

    async def _service(self, step: str) -> IPeerService:
        return await self.network.service(self.me, self.target, step)


def _name_of(request: PeerRequest[Any]) -> str:
    """The request's name for `MemoryNetwork.before`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(request).__name__).lower()


@implementer(IReceiving)
class MemoryReceiving:
    """A stream, which stays in memory until it is complete."""

    def __init__(self, peer: MemoryPeer, dataset_id: DatasetId, epoch: int) -> None:
        self._peer = peer
        self._dataset_id = dataset_id
        self._epoch = epoch
        self._fd = os.memfd_create("stream")
        self._sent_bytes = 0
        self._limit: int | None = None

    def fileno(self) -> int:
        return self._fd

    def sent_bytes(self) -> int:
        return self._sent_bytes

    async def finish(self) -> None:
        size = os.lseek(self._fd, 0, os.SEEK_CUR)
        os.lseek(self._fd, 0, os.SEEK_SET)
        try:
            await self._pass(size)
            service = await self._peer._service("finish")
            await service.receive(self._dataset_id, self._epoch, self._fd)
        finally:
            self.abort()

    async def _pass(self, size: int) -> None:
        network = self._peer.network
        while self._sent_bytes < size:
            rates = [rate for rate in (network.bytes_per_second, self._limit) if rate is not None]
            if not rates or network.clock is None:
                break
            await deferLater(network.clock, MOMENT_SECONDS)
            self._sent_bytes += max(int(min(rates) * MOMENT_SECONDS), 1)
        self._sent_bytes = size

    def limit(self, bytes_per_second: int | None) -> None:
        self._limit = bytes_per_second

    def stall_after(self, seconds: float) -> None:
        """Do nothing: no stream stalls here, because a cut network fails at once."""

    def abort(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
