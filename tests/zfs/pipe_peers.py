"""IPeers without a network: the other node's service, and streams through real pipes."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from twisted.internet import reactor as installed_reactor
from twisted.internet.task import LoopingCall
from zope.interface import implementer

from flocker_lite.interfaces import IPeer, IPeers, IPeerService, IReceiving
from flocker_lite.interfaces.peer_requests import Receive
from flocker_lite.interfaces.request import PeerRequest
from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.peers.pump import Pump, make_pipe
from tests.zfs.zfs_nodes import start

LOOK_SECONDS = 0.002

A = TypeVar("A")


@implementer(IPeers)
@dataclass
class PipePeers:
    """Reaches every node of `services`; a stream breaks off after `cut_after_bytes`."""

    services: Mapping[NodeId, IPeerService]
    cut_after_bytes: int | None = None

    async def connect(self, node_id: NodeId, address: str, carries_streams: bool = False) -> IPeer:
        return cast(IPeer, PipePeer(self, self.services[node_id]))


@implementer(IPeer)
@dataclass
class PipePeer:
    """One node, as another speaks to it."""

    peers: PipePeers
    service: IPeerService

    async def ask(self, request: PeerRequest[A]) -> A:
        return await self.service.answer(request)

    async def receive(
        self, dataset_id: DatasetId, epoch: int, base_guid: str | None, resumes: bool = False
    ) -> IReceiving:
        await self.ask(Receive(dataset_id, epoch, base_guid, resumes))

        def receive(fd: int) -> Awaitable[None]:
            return self.service.receive(dataset_id, epoch, fd)

        return cast(IReceiving, PipeReceiving(receive, self.peers.cut_after_bytes))

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
        self._pump = Pump(cast(Any, installed_reactor), pump_source, pump_target, self._pumped)
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
