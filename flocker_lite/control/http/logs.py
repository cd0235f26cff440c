"""GET /state/containers/<name>/logs: streams the output of a container from its node.

Nothing is buffered for a client, here or at the node: we ask for the next chunk once the last one
has been sent. A client that does not read for too long is cut off.
"""

from __future__ import annotations

from typing import Any

from pyrsistent import pmap
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from zope.interface import implementer

from flocker_lite.control.http.redaction import NEEDS_SECRETS
from flocker_lite.control.http.request_response import HTTPError, Request, StreamingResponse
from flocker_lite.control.interfaces import IControl
from flocker_lite.errors import NotFound
from flocker_lite.model import edits
from flocker_lite.model.records import NodeId
from flocker_lite.protocol.container_output import NoOutput, RemoteOutput

TEXT = "text/plain; charset=utf-8"

LINES = 100
"""How many of the last lines a response has by default."""

BYTES_MAX = 16 * 1024 * 1024
"""The limit of a response without `follow`."""

STALLED_SECONDS_MAX = 60.0
"""A client that does not read for this long is cut off."""

_CUT = (
    f"\n[flocker_lite: the rest is left out, because it exceeds {BYTES_MAX} bytes: ask for fewer "
    "lines]\n"
).encode("ascii")


async def read(control: IControl, request: Request) -> StreamingResponse:
    """The last lines that a container wrote, and with `follow` the next ones as it writes them."""
    if not request.sees_secrets:
        raise HTTPError(403, NEEDS_SECRETS)
    name, query = request.parameters["name"], request.query
    node_id = _where(control, name, query.get("host"))
    follow = query.get("follow", False)
    output = await control.output(node_id, name, query.get("tail", LINES), follow)

    def start(http_request: IRequest) -> Deferred[bytes]:
        bytes_max = None if follow else BYTES_MAX
        return OutputStream(request.clock, http_request, output, bytes_max).start()

    return StreamingResponse(TEXT, start, abandon=output.close)


def _where(control: IControl, name: str, host: str | None) -> NodeId:
    """The node in the query; else the node that runs the container, or else its configured one."""
    reports = control.cluster.containers.get(name, pmap())
    desired = control.configuration.containers.get(name)
    if not reports and desired is None:
        raise NotFound("Container not found.")
    if host is not None:
        return edits.find_node(control.configuration, host)
    wanted = desired.node if desired is not None else None
    ranked = sorted((not each.running, node != wanted, node) for node, each in reports.items())
    return ranked[0][2] if ranked else wanted or ""


@implementer(IPushProducer)
class OutputStream:
    """One response; it lasts until the output ends or the client disconnects."""

    log = Logger()

    def __init__(
        self, clock: IReactorTime, request: IRequest, output: RemoteOutput, bytes_max: int | None
    ) -> None:
        self._clock = clock
        self._request: Any = request
        self._output = output
        self._bytes_left = bytes_max
        self._stalled: IDelayedCall | None = None
        self._resumed: Deferred[None] | None = None
        self._writing: Deferred[bytes] | None = None

    def start(self) -> Deferred[bytes]:
        """Start writing; the result fires at the end."""
        self._request.registerProducer(self, True)
        # Sends the headers, even if the container prints nothing.
        self._request.write(b"")
        writing = self._writing = Deferred.fromCoroutine(self._write())
        writing.addErrback(self._failed)
        return writing

    def pauseProducing(self) -> None:
        """The client does not read fast enough."""
        if self._resumed is None:
            self._resumed = Deferred()
            self._stalled = self._clock.callLater(STALLED_SECONDS_MAX, self._cut_off)

    def resumeProducing(self) -> None:
        """The client has read what we sent."""
        resumed, self._resumed = self._resumed, None
        if resumed is not None:
            self._do_not_wait()
            resumed.callback(None)

    def stopProducing(self) -> None:
        """The client has disconnected."""
        if self._writing is not None:
            self._writing.cancel()

    async def _write(self) -> bytes:
        try:
            while True:
                while self._resumed is not None:
                    await self._resumed
                data = await self._output.read()
                if not data:
                    break
                if self._bytes_left is not None and len(data) > self._bytes_left:
                    self._request.write(data[: self._bytes_left] + _CUT)
                    break
                if self._bytes_left is not None:
                    self._bytes_left -= len(data)
                self._request.write(data)
        finally:
            self._do_not_wait()
            self._output.close()
        self._request.unregisterProducer()
        return b""

    def _failed(self, failure: Failure) -> bytes:
        """Cut the connection: the headers are sent, so that is how the client sees an error."""
        if not failure.check(CancelledError):
            if not failure.check(NoOutput):
                self.log.failure("reading the output of a container broke off", failure)
            self._cut_off()
        return b""

    def _do_not_wait(self) -> None:
        stalled, self._stalled = self._stalled, None
        if stalled is not None and stalled.active():
            stalled.cancel()

    def _cut_off(self) -> None:
        transport = getattr(self._request, "transport", None)
        if transport is not None:
            transport.abortConnection()
