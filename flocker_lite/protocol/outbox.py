"""Sends changes to the other side: coalesced, numbered, one message in flight at a time.

A slow receiver costs its sender one record per changed item, however often the item changes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from flocker_lite.model.records import Change
from flocker_lite.protocol.messages import Gap, Message, encode


class Outbox:
    """Keeps one receiver up to date.

    `whole` returns the whole state, for the first message and after a gap. `send` delivers bytes,
    and returns once they have been applied. `failed` gets what `send` raises, other than Gap; after
    that nothing more is sent. `request_id` tells from which request the changes follow that are
    being added; "" for none.
    """

    def __init__(
        self,
        whole: Callable[[], tuple[Change, ...]],
        send: Callable[[bytes], Awaitable[None]],
        failed: Callable[[Failure], None],
        request_id: Callable[[], str] = lambda: "",
    ) -> None:
        self._whole = whole
        self._send = send
        self._failed = failed
        self._request_id = request_id
        self._pending: dict[tuple[str, str], tuple[Change, str]] = {}
        self._needs_whole = True
        self._in_flight: Deferred[None] | None = None
        self._generation = 0
        self._started = False
        self._stopped = False

    def start(self) -> None:
        """Send the whole state now, and from now on what is added. Idempotent."""
        self._started = True
        self._flush()

    def add(self, changes: Iterable[Change]) -> None:
        """Send these changes as soon as no other message is in flight."""
        request = self._request_id()
        for change in changes:
            key = change.kind, change.identity
            _, before = self._pending.get(key, (None, ""))
            self._pending[key] = change, request or before
        self._flush()

    def stop(self) -> None:
        """Send nothing more."""
        self._stopped = True
        if self._in_flight is not None:
            self._in_flight.cancel()

    def _flush(self) -> None:
        if not self._started or self._stopped or self._in_flight is not None:
            return
        if not self._needs_whole and not self._pending:
            return
        message = self._next_message()
        sending = Deferred.fromCoroutine(self._deliver(encode(message)))
        self._in_flight = sending
        sending.addCallbacks(self._sent, self._not_sent)

    def _next_message(self) -> Message:
        base, self._generation = self._generation, self._generation + 1
        if self._needs_whole:
            self._needs_whole = False
            self._pending.clear()
            return Message(None, self._generation, self._whole())
        changes = tuple(change for change, _ in self._pending.values())
        requests = tuple(request for _, request in self._pending.values())
        self._pending.clear()
        return Message(base, self._generation, changes, requests if any(requests) else ())

    async def _deliver(self, data: bytes) -> None:
        await self._send(data)

    def _sent(self, _: None) -> None:
        self._in_flight = None
        self._flush()

    def _not_sent(self, failure: Failure) -> None:
        self._in_flight = None
        if self._stopped:
            return
        if failure.check(Gap):
            self._needs_whole = True
            self._flush()
        else:
            self._stopped = True
            self._failed(failure)
