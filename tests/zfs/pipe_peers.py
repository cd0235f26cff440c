"""IPeers without a network: the gate of the other node, and streams that go through real pipes."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import cast

from twisted.internet import reactor as installed_reactor
from twisted.internet.task import LoopingCall
from zope.interface import implementer

from flocker_lite.interfaces import IGate, IPeer, IPeers, IReceiving, Lent, PeerCopy, Released
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.grants import Signed
from flocker_lite.model.properties import Properties
from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.ssh.pump import Pump, make_pipe
from tests.zfs.zfs_nodes import start

LOOK_SECONDS = 0.002


@implementer(IPeers)
@dataclass
class PipePeers:
    """Reaches every node of `gates`; a stream breaks off once it has carried `cut_after_bytes`."""

    gates: Mapping[NodeId, IGate]
    cut_after_bytes: int | None = None

    async def connect(self, node_id: NodeId, address: str) -> IPeer:
        return cast(IPeer, PipePeer(self, self.gates[node_id]))


@implementer(IPeer)
@dataclass
class PipePeer:
    """One node, as another speaks to it."""

    peers: PipePeers
    gate: IGate

    async def copy(self, dataset_id: DatasetId) -> PeerCopy:
        return await self.gate.copy(dataset_id)

    async def receive(
        self, dataset_id: DatasetId, epoch: int, base_guid: str | None, resumes: bool = False
    ) -> IReceiving:
        await self.gate.may_receive(dataset_id, epoch, base_guid, resumes)

        def receive(fd: int) -> Awaitable[None]:
            return self.gate.receive(dataset_id, epoch, fd)

        return cast(IReceiving, PipeReceiving(receive, self.peers.cut_after_bytes))

    async def prepared(
        self, name: str, image: ExactImage | None = None, has_ended: bool = False
    ) -> None:
        await self.gate.prepared(name, image, has_ended)

    async def serving(self, name: str) -> None:
        await self.gate.serving(name)

    async def set_aside(self, dataset_id: DatasetId, base_guid: str | None = None) -> None:
        await self.gate.set_aside(dataset_id, base_guid)

    async def prune(self, dataset_id: DatasetId, keep_guids: frozenset[str]) -> None:
        await self.gate.prune(dataset_id, keep_guids)

    async def set_properties(
        self, dataset_id: DatasetId, properties: Properties
    ) -> tuple[str, ...]:
        return await self.gate.set_properties(dataset_id, properties)

    async def acquire(
        self, dataset_id: DatasetId, epoch: int, guid: str, proof: tuple[Signed, ...] = ()
    ) -> None:
        await self.gate.acquire(dataset_id, epoch, guid, proof)

    async def acquire_group(self, coordinator: DatasetId, items: tuple[Released, ...]) -> None:
        await self.gate.acquire_group(coordinator, items)

    async def offer_loan(
        self, container: str, dataset_ids: tuple[DatasetId, ...], seconds: float
    ) -> None:
        await self.gate.offer_loan(container, dataset_ids, seconds)

    async def lend(self, container: str, lent: tuple[Lent, ...]) -> None:
        await self.gate.lend(container, lent)

    async def recall(self, dataset_ids: tuple[DatasetId, ...]) -> None:
        await self.gate.recall(dataset_ids)

    def close(self) -> None:
        pass


@implementer(IReceiving)
class PipeReceiving:
    """A pipe, the pump that counts, and a pipe whose other end receives already."""

    def __init__(
        self, receive: Callable[[int], Awaitable[None]], cut_after_bytes: int | None
    ) -> None:
        read_fd, pump_target = make_pipe()
        pump_source, self._write_fd = make_pipe()
        self._cut_after_bytes = cut_after_bytes
        self._open = True
        self._received = start(_until_closed(receive(read_fd), read_fd))
        self._pump = Pump(installed_reactor, pump_source, pump_target, self._pumped)
        self._looking = LoopingCall(self._look)
        if cut_after_bytes is not None:
            self._looking.start(LOOK_SECONDS)

    def fileno(self) -> int:
        return self._write_fd

    def sent_bytes(self) -> int:
        return self._pump.moved_bytes

    def limit(self, bytes_per_second: int | None) -> None:
        self._pump.limit(bytes_per_second)

    def stall_after(self, seconds: float) -> None:
        """A test has a time-out of its own."""

    async def finish(self) -> None:
        self._close_write_end()
        await self._received

    def abort(self) -> None:
        self._close_write_end()
        self._pumped(None)
        self._pump.stop()
        if not self._received.called:
            self._received.cancel()
        self._received.addErrback(lambda _: None)

    def _look(self) -> None:
        if self._cut_after_bytes is not None and self._pump.moved_bytes > self._cut_after_bytes:
            self._pumped(None)
            self._pump.stop()

    def _pumped(self, error: OSError | None) -> None:
        if self._looking.running:
            self._looking.stop()

    def _close_write_end(self) -> None:
        if self._open:
            self._open = False
            os.close(self._write_fd)


async def _until_closed(receiving: Awaitable[None], fd: int) -> None:
    try:
        await receiving
    finally:
        os.close(fd)
