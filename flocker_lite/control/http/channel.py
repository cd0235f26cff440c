"""A client's connection to the REST API, with limits on what an idle or slow client can hold.

Twisted itself limits the headers of a request: to 500 headers and to 16 KiB.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, combinedLogFormatter
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from flocker_lite.control.connection_limiter import ConnectionLimiter

BODY_BYTES_MAX = 1024 * 1024
IDLE_TIMEOUT_SECONDS = 60.0
"""Limits the time between two requests, the time to send one, and the time to read a response."""

CONNECTIONS_MAX = 4096
"""Connections to the REST API; when one more comes, the one that is idle longest is closed."""


_SECURE = json.dumps(
    {"description": "This port speaks TLS: use https://, and the certificate of a user."}
).encode("ascii")

ASK_BY_TLS = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(_SECURE), _SECURE)
)
"""The response to plain HTTP on a port with TLS."""

_log = Logger()
_ABSOLUTE = re.compile(rb"https?://[^/?]*", re.IGNORECASE)


class LimitedRequest(Request):
    """A request that keeps at most one byte of its body beyond the limit."""

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Accept a whole URL as the path, as clients send it to a proxy (RFC 9112, 3.2.2)."""
        absolute = _ABSOLUTE.match(path)
        if absolute is not None:
            target = path[absolute.end() :]
            path = target if target.startswith(b"/") else b"/" + target
        super().requestReceived(command, path, version)

    def handleContentChunk(self, data: bytes) -> None:
        assert self.content is not None
        room = BODY_BYTES_MAX + 1 - self.content.tell()
        super().handleContentChunk(data[:room])


class LimitedChannel(HTTPChannel):
    """One connection, with a time-out in each state in which its client can make it wait."""

    limiter: ConnectionLimiter[LimitedChannel]

    def __init__(self) -> None:
        super().__init__()
        self._has_begun = False
        self._is_unread = False
        self._unread: Request | None = None

    def connectionMade(self) -> None:
        super().connectionMade()
        self.limiter.came(self)

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        self.limiter.left(self)
        self._unread = None
        super().connectionLost(reason)

    def resetTimeout(self) -> None:
        """Only for the first bytes of a request: a client could send one byte a minute."""
        if not self._has_begun:
            self._has_begun = True
            super().resetTimeout()

    def allContentReceived(self) -> None:
        self.limiter.busy(self)
        super().allContentReceived()

    def hang_up(self) -> None:
        """End the connection now."""
        transport: Any = self.transport
        transport.abortConnection()

    def requestDone(self, request: Request) -> None:
        """Take the next request only once this response is read, so responses do not pile up."""
        self._has_begun = False
        self.limiter.idle(self)
        if self._is_unread:
            self._unread = request
            self.setTimeout(IDLE_TIMEOUT_SECONDS)
        else:
            self._go_on(request)

    def pauseProducing(self) -> None:
        self._is_unread = True
        super().pauseProducing()

    def resumeProducing(self) -> None:
        self._is_unread = False
        super().resumeProducing()
        if self._unread is not None:
            request, self._unread = self._unread, None
            self._go_on(request)

    def _go_on(self, request: Request) -> None:
        is_last = not self.persistent
        super().requestDone(request)
        if is_last:
            # Without a time-out the connection would stay until the client has read everything.
            self.setTimeout(IDLE_TIMEOUT_SECONDS)


class LimitedSite(Site):
    """Makes a channel for each connection, up to a limit."""

    protocol: Any = LimitedChannel

    def __init__(
        self,
        resource: IResource,
        connections_max: int,
        user_of: Callable[[Any], str | None] = lambda _: None,
    ) -> None:
        """`user_of` tells who sent a request, for the log."""
        super().__init__(resource, requestFactory=LimitedRequest, timeout=IDLE_TIMEOUT_SECONDS)
        self._user_of = user_of
        self._limiter = ConnectionLimiter(connections_max, LimitedChannel.hang_up)

    def hang_up(self) -> None:
        """End all connections now."""
        for channel in self._limiter:
            channel.hang_up()

    def buildProtocol(self, addr: Any) -> Any:
        channel = super().buildProtocol(addr)
        channel.limiter = self._limiter
        return channel

    def log(self, request: Any) -> None:
        """Log a request that is over, as web servers do, with its parts as fields."""
        line, user = combinedLogFormatter(self._logDateTime, request), self._user_of(request)
        _log.info(
            "{line}",
            line=line if user is None else line.replace(" - - ", f" - {user} ", 1),
            method=request.method,
            path=request.path,
            status=request.code,
            sent_bytes=request.sentLength,
            user=user,
            address=getattr(request.getClientAddress(), "host", None),
            request_id=getattr(request, "request_id", ""),
        )
