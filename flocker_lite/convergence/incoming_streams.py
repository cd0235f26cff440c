"""The streams that a node is receiving: at most one for each dataset, and a new one wins.

A sender that lost power leaves a stream here that never ends. When it comes back it sends another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

from twisted.internet.defer import CancelledError, Deferred

from flocker_lite.errors import PeerRefused
from flocker_lite.model.records import DatasetId


@dataclass
class _Stream:
    """A stream from the primary of `epoch`; `gone` fires when it has ended."""

    epoch: int
    is_replaced: bool = False
    receiving: Deferred[None] | None = None
    gone: Deferred[None] = field(default_factory=Deferred)


class IncomingStreams:
    """Receives streams, each until its end or until another stream replaces it.

    `now` is in seconds; if that clock is set back, a stream counts as recent for longer.
    """

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._streams: dict[DatasetId, _Stream] = {}
        self._ended_at: dict[DatasetId, float] = {}
        self._kept_out: set[DatasetId] = set()

    def __contains__(self, dataset_id: DatasetId) -> bool:
        """Whether a stream of this dataset is being received."""
        return dataset_id in self._streams

    def recent(self, seconds: float) -> tuple[DatasetId, ...]:
        """The datasets of which a stream is being received, or was until so many seconds ago."""
        since = self._now() - seconds
        self._ended_at = {each: at for each, at in self._ended_at.items() if at > since}
        return (*self._streams, *self._ended_at)

    async def run(
        self, dataset_id: DatasetId, epoch: int, receive: Callable[[], Awaitable[None]]
    ) -> None:
        """Receive a stream; PeerRefused while there is another, or when another replaces it."""
        if dataset_id in self._streams:
            raise PeerRefused(f"{dataset_id}: another stream is being received")
        if dataset_id in self._kept_out:
            raise PeerRefused(f"{dataset_id}: this node is becoming its primary")
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
            self._ended_at[dataset_id] = self._now()
            stream.gone.callback(None)

    async def end(self, dataset_id: DatasetId, epoch: int) -> None:
        """End a stream that is being received, and wait until nothing reads it any more.

        Raises PeerRefused when the stream comes from a later epoch than `epoch`.
        """
        stream = self._streams.get(dataset_id)
        if stream is None:
            return
        if epoch < stream.epoch:
            raise PeerRefused(f"{dataset_id}: a stream of epoch {stream.epoch} is being received")
        # Cancel only once: after that it waits for its process, and another cancel would cut that
        # wait short.
        if stream.receiving is not None and not stream.is_replaced:
            stream.is_replaced = True
            stream.receiving.cancel()
        await stream.gone

    @contextmanager
    def keep_out(self, dataset_id: DatasetId) -> Iterator[None]:
        """Refuse every new stream of a dataset meanwhile; one that is received has to `end`."""
        self._kept_out.add(dataset_id)
        try:
            yield
        finally:
            self._kept_out.discard(dataset_id)
