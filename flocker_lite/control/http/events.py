"""GET /events: a stream of changes, as lines of JSON or as server-sent events.

Nothing is queued for a client. While it does not read, the stream pauses; then it continues with
everything that has changed meanwhile. The connection of a client that pauses too long is closed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.logger import Logger
from twisted.web.iweb import IRequest
from zope.interface import implementer

from flocker_lite.control.http.bodies import Body
from flocker_lite.control.http.redaction import shown
from flocker_lite.control.http.request_response import (
    HTTPError,
    Request,
    StreamingResponse,
    require_room,
)
from flocker_lite.control.http.resources import COLLECTIONS
from flocker_lite.control.interfaces import IControl

LINES = "application/x-ndjson"
SERVER_SENT = "text/event-stream"

ALIVE_SECONDS = 15.0
"""After this time without a change, the stream sends an event to show that it is alive."""

STALLED_SECONDS_MAX = 60.0
"""The connection of a client that does not read for this long is closed."""

BATCH_COUNT_MAX = 100

_RESET = (
    "The changes since that generation are forgotten: GET the collections again, and continue "
    "after this generation."
)


async def events(control: IControl, request: Request) -> StreamingResponse:
    """Stream the changes after the generation that the client knows, or from now on."""
    require_room(control.change_feed)
    known = request.query.get("since")
    if request.last_event_id is not None:
        if not (request.last_event_id.isascii() and request.last_event_id.isdecimal()):
            raise HTTPError(400, "Last-Event-ID has to be the generation of an event.")
        known = int(request.last_event_id)
    server_sent = SERVER_SENT in request.accept
    render = as_server_sent if server_sent else as_line
    seconds = request.query.get("timeout_seconds")

    def start(http_request: IRequest) -> Deferred[bytes]:
        generation = control.change_feed.generation if known is None else known
        stream = EventStream(
            control, request.clock, http_request, render, generation, request.sees_secrets
        )
        return stream.start(seconds)

    return StreamingResponse(SERVER_SENT if server_sent else LINES, start)


def as_line(event: Body) -> bytes:
    """An event as a line of JSON."""
    return json.dumps(event).encode("ascii") + b"\n"


def as_server_sent(event: Body) -> bytes:
    """An event for a browser's EventSource; its id is the generation."""
    text = f"id: {event['generation']}\nevent: {event['event']}\ndata: {json.dumps(event)}\n\n"
    return text.encode("ascii")


@implementer(IPushProducer)
class EventStream:
    """One streamed response; the client knows all changes up to the generation `known`."""

    log = Logger()

    def __init__(
        self,
        control: IControl,
        clock: IReactorTime,
        request: IRequest,
        render: Callable[[Body], bytes],
        known: int,
        sees_secrets: bool,
    ) -> None:
        self._control = control
        self._clock = clock
        self._request: Any = request
        self._render = render
        self._known = known
        self._sees_secrets = sees_secrets
        self._paused = False
        self._over: Deferred[bytes] = Deferred(self._given_up)
        self._waiting: Deferred[None] | None = None
        self._timers: dict[str, IDelayedCall] = {}

    def start(self, seconds: float | None) -> Deferred[bytes]:
        """Write until the client hangs up, or for some seconds; fires when the stream is over."""
        self._request.registerProducer(self, True)
        if seconds is not None:
            self._set_timer("end", seconds, self._finish)
        self._write_alive()
        self._go_on()
        return self._over

    def pauseProducing(self) -> None:
        """The client does not read fast enough."""
        self._paused = True
        if "stalled" not in self._timers:
            self._set_timer("stalled", STALLED_SECONDS_MAX, self._cut_off)

    def resumeProducing(self) -> None:
        """The client has read what was sent."""
        self._paused = False
        self._cancel_timer("stalled")
        self._go_on()

    def stopProducing(self) -> None:
        """The client has hung up."""
        self._end()

    def _go_on(self) -> None:
        """Write all new changes, then wait for the next one."""
        change_feed = self._control.change_feed
        while not self._paused and self._waiting is None and not self._over.called:
            entries = change_feed.since(self._known, BATCH_COUNT_MAX)
            if entries is None:
                self._write("reset", change_feed.generation, description=_RESET)
                continue
            for entry in entries:
                if self._paused or self._over.called:
                    return
                collection = shown(COLLECTIONS[entry.collection], self._sees_secrets)
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

        self._waiting = self._control.change_feed.next_change()
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
        self.log.info("closing a stream of events: its client does not read")
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
        """Cancel everything; returns whether the stream was still open."""
        for name in list(self._timers):
            self._cancel_timer(name)
        self._paused = True
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        return not self._over.called
