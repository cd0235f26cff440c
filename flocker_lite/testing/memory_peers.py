"""IPeers in memory: every node's gate, and a network that can be cut."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from twisted.internet.task import deferLater
from zope.interface import implementer

from flocker_lite.errors import NotUnderstood, PeerUnreachable
from flocker_lite.interfaces import IGate, IPeer, IPeers, IReceiving, Lent, PeerCopy, Released
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.grants import Signed
from flocker_lite.model.properties import Properties
from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.testing.memory_trust import MemoryTrust

MOMENT_SECONDS = 0.1


@dataclass
class MemoryNetwork:
    """Who can be reached; `cut` holds pairs of nodes that cannot reach each other.

    `gates` has what gives each node's gate for another. Two nodes of which `trusts` has the keys
    can connect only when each was told those of the other. Nodes in `without_groups` have a release
    that does not know `acquire_group`, those in `without_proofs` one that keeps no proof, those in
    `without_properties` one that leaves properties where they are. `clock`
    provides IReactorTime. A stream takes no time unless there is one, and `bytes_per_second` or its
    own limit says so.
    """

    gates: dict[NodeId, Callable[[NodeId], IGate]] = field(default_factory=dict)
    trusts: dict[NodeId, MemoryTrust] = field(default_factory=dict)
    cut: set[frozenset[NodeId]] = field(default_factory=set)
    without_groups: set[NodeId] = field(default_factory=set)
    without_proofs: set[NodeId] = field(default_factory=set)
    without_properties: set[NodeId] = field(default_factory=set)
    before: Callable[[NodeId, NodeId, str], Awaitable[None]] | None = None
    clock: Any = None
    bytes_per_second: int | None = None

    async def gate(self, source: NodeId, target: NodeId, method: str) -> IGate:
        """The target's gate; PeerUnreachable when it is cut off or its agent is down."""
        if self.before is not None:
            await self.before(source, target, method)
        if frozenset({source, target}) in self.cut or target not in self.gates:
            raise PeerUnreachable(f"node {target} does not answer")
        if method == "connect":
            self._require_keys(source, target)
        return self.gates[target](source)

    def _require_keys(self, source: NodeId, target: NodeId) -> None:
        for one, other in ((source, target), (target, source)):
            known, trust = self.trusts.get(other), self.trusts.get(one)
            if known and trust and trust.peers.get(other) != known.keys:
                raise PeerUnreachable(f"node {one} does not know the key of node {other}")


@implementer(IPeers)
@dataclass
class MemoryPeers:
    """The way from one node to the others."""

    me: NodeId
    network: MemoryNetwork

    async def connect(self, node_id: NodeId, address: str) -> IPeer:
        await self.network.gate(self.me, node_id, "connect")
        return MemoryPeer(self.me, node_id, self.network)


@implementer(IPeer)
@dataclass
class MemoryPeer:
    """One node, as another speaks to it."""

    me: NodeId
    target: NodeId
    network: MemoryNetwork

    async def copy(self, dataset_id: DatasetId) -> PeerCopy:
        return await (await self._gate("copy")).copy(dataset_id)

    async def receive(
        self, dataset_id: DatasetId, epoch: int, base_guid: str | None, resumes: bool = False
    ) -> IReceiving:
        gate = await self._gate("receive")
        await gate.may_receive(dataset_id, epoch, base_guid, resumes)
        return MemoryReceiving(self, dataset_id, epoch)

    async def prepared(
        self, name: str, image: ExactImage | None = None, has_ended: bool = False
    ) -> None:
        await (await self._gate("prepared")).prepared(name, image, has_ended)

    async def set_aside(self, dataset_id: DatasetId, base_guid: str | None = None) -> None:
        await (await self._gate("set_aside")).set_aside(dataset_id, base_guid)

    async def prune(self, dataset_id: DatasetId, keep_guids: frozenset[str]) -> None:
        await (await self._gate("prune")).prune(dataset_id, keep_guids)

    async def set_properties(
        self, dataset_id: DatasetId, properties: Properties
    ) -> tuple[str, ...]:
        if self.target in self.network.without_properties:
            raise NotUnderstood(f"node {self.target} does not know SetProperties")
        gate = await self._gate("set_properties")
        return await gate.set_properties(dataset_id, properties)

    async def acquire(
        self, dataset_id: DatasetId, epoch: int, guid: str, proof: tuple[Signed, ...] = ()
    ) -> None:
        if self.target in self.network.without_proofs:
            proof = ()
        await (await self._gate("acquire")).acquire(dataset_id, epoch, guid, proof)
        await self._gate("acquired")

    async def acquire_group(self, coordinator: DatasetId, items: tuple[Released, ...]) -> None:
        if self.target in self.network.without_groups:
            for item in sorted(items, key=lambda item: item.dataset_id != coordinator):
                await self.acquire(item.dataset_id, item.epoch, item.guid, item.proof)
            return
        if self.target in self.network.without_proofs:
            items = tuple(replace(item, proof=()) for item in items)
        await (await self._gate("acquire_group")).acquire_group(coordinator, items)
        await self._gate("acquired")

    async def offer_loan(
        self, container: str, dataset_ids: tuple[DatasetId, ...], seconds: float
    ) -> None:
        await (await self._gate("offer_loan")).offer_loan(container, dataset_ids, seconds)
        # The answer, too, can be lost on its way back; so can those of the others.
        await self._gate("loan_offered")

    async def lend(self, container: str, lent: tuple[Lent, ...]) -> None:
        await (await self._gate("lend")).lend(container, lent)
        await self._gate("healthy")

    async def recall(self, dataset_ids: tuple[DatasetId, ...]) -> None:
        await (await self._gate("recall")).recall(dataset_ids)
        await self._gate("recalled")

    async def serving(self, name: str) -> None:
        await (await self._gate("serving")).serving(name)

    def close(self) -> None:
        pass

    async def _gate(self, method: str) -> Any:
        return await self.network.gate(self.me, self.target, method)


@implementer(IReceiving)
class MemoryReceiving:
    """A stream that is kept in memory until it is complete."""

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
            gate = await self._peer._gate("finish")
            await gate.receive(self._dataset_id, self._epoch, self._fd)
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
        """Nothing stands still here: what is cut off says so at once."""

    def abort(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
