"""GET /events: a stream of what changes, as lines of JSON or as server-sent events.

Nothing is kept for a reader: while it does not read, the stream stands still, and goes on with
what has changed until then. A reader that stands still for too long is cut off.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.logger import Logger
from twisted.web.iweb import IRequest
from zope.interface import implementer

from flocker_lite.control.http.bodies import Body
from flocker_lite.control.http.catalogue import COLLECTIONS
from flocker_lite.control.http.exchange import Call, HTTPError, Streaming, require_room
from flocker_lite.control.interfaces import IControl

LINES = "application/x-ndjson"
SERVER_SENT = "text/event-stream"

ALIVE_SECONDS = 15.0
"""After so long without a change, the stream says that it is still there."""

STALLED_SECONDS_MAX = 60.0
"""A reader that does not read for so long is cut off; what it was not sent is not kept."""

BATCH_COUNT_MAX = 100

_RESET = (
    "What has changed since then is not known any more: GET the collections again, and go on "
    "after this generation."
)


async def events(control: IControl, call: Call) -> Streaming:
    """Everything that changes after the generation that the client knows, or from now on."""
    require_room(control.journal)
    known = call.query.get("since")
    if call.last_event_id is not None:
        if not (call.last_event_id.isascii() and call.last_event_id.isdecimal()):
            raise HTTPError(400, "Last-Event-ID should be the generation of an event.")
        known = int(call.last_event_id)
    server_sent = SERVER_SENT in call.accept
    render = as_server_sent if server_sent else as_line
    seconds = call.query.get("timeout_seconds")

    def start(request: IRequest) -> Deferred[bytes]:
        generation = control.journal.generation if known is None else known
        stream = EventStream(control, call.clock, request, render, generation)
        return stream.start(seconds)

    return Streaming(SERVER_SENT if server_sent else LINES, start)


def as_line(event: Body) -> bytes:
    """An event as a line of JSON."""
    return json.dumps(event).encode("ascii") + b"\n"


def as_server_sent(event: Body) -> bytes:
    """An event as browsers' EventSource takes it; its id is the generation."""
    text = f"id: {event['generation']}\nevent: {event['event']}\ndata: {json.dumps(event)}\n\n"
    return text.encode("ascii")


@implementer(IPushProducer)
class EventStream:
    """One response that goes on; `known` is the generation up to which the client knows all."""

    log = Logger()

    def __init__(
        self,
        control: IControl,
        clock: Any,
        request: IRequest,
        render: Callable[[Body], bytes],
        known: int,
    ) -> None:
        self._control = control
        self._clock = clock
        self._request: Any = request
        self._render = render
        self._known = known
        self._paused = False
        self._over: Deferred[bytes] = Deferred(self._given_up)
        self._waiting: Deferred[None] | None = None
        self._timers: dict[str, IDelayedCall] = {}

    def start(self, seconds: float | None) -> Deferred[bytes]:
        """Write until the reader goes away, or for so long; fires when it is over."""
        self._request.registerProducer(self, True)
        if seconds is not None:
            self._set_timer("end", seconds, self._finish)
        self._write_alive()
        self._go_on()
        return self._over

    def pauseProducing(self) -> None:
        """The reader does not read fast enough."""
        self._paused = True
        if "stalled" not in self._timers:
            self._set_timer("stalled", STALLED_SECONDS_MAX, self._cut_off)

    def resumeProducing(self) -> None:
        """It has read what was sent."""
        self._paused = False
        self._cancel_timer("stalled")
        self._go_on()

    def stopProducing(self) -> None:
        """It has gone away."""
        self._end()

    def _go_on(self) -> None:
        """Write all that has changed, then wait for the next change."""
        journal = self._control.journal
        while not self._paused and self._waiting is None and not self._over.called:
            entries = journal.since(self._known, BATCH_COUNT_MAX)
            if entries is None:
                self._write("reset", journal.generation, description=_RESET)
                continue
            for entry in entries:
                if self._paused or self._over.called:
                    return
                collection = COLLECTIONS[entry.collection]
                items = collection.items(self._control, entry.identity, self._clock.seconds())
                self._write(
                    "change",
                    entry.generation,
                    collection=entry.collection,
                    id=entry.identity,
                    items=items,
                )
            if not entries:
                self._wait()

    def _wait(self) -> None:
        def changed(_: None) -> None:
            self._waiting = None
            self._go_on()

        self._waiting = self._control.journal.next_change()
        self._waiting.addCallback(changed).addErrback(self._failed)

    def _failed(self, failure: Any) -> None:
        if not failure.check(CancelledError):
            self.log.failure("a stream of events broke off", failure)
            self._cut_off()

    def _write(self, event: str, generation: int, **more: Any) -> None:
        self._known = generation
        self._set_timer("alive", ALIVE_SECONDS, self._write_alive)
        self._request.write(self._render({"event": event, "generation": generation, **more}))

    def _write_alive(self) -> None:
        if not self._paused:
            self._write("alive", self._known)

    def _set_timer(self, name: str, seconds: float, function: Callable[[], None]) -> None:
        self._cancel_timer(name)

        def fire() -> None:
            del self._timers[name]
            function()

        self._timers[name] = self._clock.callLater(seconds, fire)

    def _cancel_timer(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _cut_off(self) -> None:
        self.log.info("a reader of events does not read: cut off")
        transport = getattr(self._request, "transport", None)
        self._end()
        if transport is not None:
            transport.abortConnection()

    def _finish(self) -> None:
        if self._end():
            self._request.unregisterProducer()
            self._over.callback(b"")

    def _given_up(self, _: Deferred[bytes]) -> None:
        self._end()

    def _end(self) -> bool:
        """Wait for nothing any more; whether it went on until now."""
        for name in list(self._timers):
            self._cancel_timer(name)
        self._paused = True
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        return not self._over.called
