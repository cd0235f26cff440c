"""The streams that a node is receiving: at most one for each dataset, and the last one wins.

A sender that lost power leaves a stream here that never ends. When it comes back it begins anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from twisted.internet.defer import CancelledError, Deferred

from flocker_lite.errors import PeerRefused
from flocker_lite.model.records import DatasetId


@dataclass
class _Stream:
    """One that is being received from the primary of `epoch`; `gone` fires when it has ended."""

    epoch: int
    is_replaced: bool = False
    receiving: Deferred[None] | None = None
    gone: Deferred[None] = field(default_factory=Deferred)


class Incoming:
    """Receives streams, each until its end or until another one is to take its place."""

    def __init__(self) -> None:
        self._streams: dict[DatasetId, _Stream] = {}

    def __contains__(self, dataset_id: DatasetId) -> bool:
        """Whether a stream of it is being received."""
        return dataset_id in self._streams

    async def run(
        self, dataset_id: DatasetId, epoch: int, receive: Callable[[], Awaitable[None]]
    ) -> None:
        """Receive a stream; PeerRefused when another one is going on or takes its place."""
        if dataset_id in self._streams:
            raise PeerRefused(f"{dataset_id}: another stream is being received")
        stream = self._streams[dataset_id] = _Stream(epoch)

        async def received() -> None:
            await receive()

        try:
            stream.receiving = Deferred.fromCoroutine(received())
            await stream.receiving
        except CancelledError:
            if stream.is_replaced:
                raise PeerRefused(f"{dataset_id}: another stream takes its place") from None
            raise
        finally:
            del self._streams[dataset_id]
            stream.gone.callback(None)

    async def end(self, dataset_id: DatasetId, epoch: int) -> None:
        """Have one that is going on end, and wait until nothing reads it any more.

        Raises PeerRefused when it comes from a later epoch than `epoch`.
        """
        stream = self._streams.get(dataset_id)
        if stream is None:
            return
        if epoch < stream.epoch:
            raise PeerRefused(f"{dataset_id}: a stream of epoch {stream.epoch} is being received")
        # Cancelled once: it is waiting for its process now, which another time would cut short.
        if stream.receiving is not None and not stream.is_replaced:
            stream.is_replaced = True
            stream.receiving.cancel()
        await stream.gone
