"""A client's connection to the REST API, which holds nothing for long that costs its owner nothing.

What Twisted limits by itself: the headers of a request are 500 at most, and 16 KiB in all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, combinedLogFormatter
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from flocker_lite.control.crowd import Crowd

BODY_BYTES_MAX = 1024 * 1024
IDLE_TIMEOUT_SECONDS = 60.0
"""Between two requests, from the first byte of one to its last, and until an answer is read."""

CONNECTIONS_MAX = 4096
"""Connections to the REST API; one more makes the one go that has been idle longest."""


_SECURE = json.dumps(
    {"description": "This port speaks TLS: ask it by https://, with the certificate of a user."}
).encode("ascii")

ASK_BY_TLS = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(_SECURE), _SECURE)
)
"""What is answered to HTTP without TLS at a port with TLS."""

_ABSOLUTE = re.compile(rb"https?://[^/?]*", re.IGNORECASE)


class LimitedRequest(Request):
    """A request that keeps no more of its body than is needed to see that it is too long."""

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """A client that takes this for a proxy names the whole address (RFC 9112, 3.2.2)."""
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
    """One connection, and what its client may make wait."""

    crowd: Crowd[LimitedChannel]

    def __init__(self) -> None:
        super().__init__()
        self._has_begun = False
        self._is_unread = False
        self._unread: Request | None = None

    def connectionMade(self) -> None:
        super().connectionMade()
        self.crowd.came(self)

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        self.crowd.left(self)
        self._unread = None
        super().connectionLost(reason)

    def resetTimeout(self) -> None:
        """Only the first bytes of a request do so: a client could send one a minute for ever."""
        if not self._has_begun:
            self._has_begun = True
            super().resetTimeout()

    def allContentReceived(self) -> None:
        self.crowd.busy(self)
        super().allContentReceived()

    def hang_up(self) -> None:
        """End the connection now."""
        transport: Any = self.transport
        transport.abortConnection()

    def requestDone(self, request: Request) -> None:
        """The next one is looked at once the answer to this one is read, so answers do not heap."""
        self._has_begun = False
        self.crowd.idle(self)
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
            # By itself the connection stays until the client has read what is on its way.
            self.setTimeout(IDLE_TIMEOUT_SECONDS)


class LimitedSite(Site):
    """Makes a connection for each client, and no more than there may be."""

    protocol: Any = LimitedChannel

    def __init__(
        self,
        resource: IResource,
        connections_max: int,
        user_of: Callable[[Any], str | None] = lambda _: None,
    ) -> None:
        """`user_of` tells who sent a request, for the log."""

        def line(timestamp: str, request: Any) -> str:
            text = combinedLogFormatter(timestamp, request)
            user = user_of(request)
            return text if user is None else text.replace(" - - ", f" - {user} ", 1)

        super().__init__(
            resource,
            requestFactory=LimitedRequest,
            timeout=IDLE_TIMEOUT_SECONDS,
            logFormatter=line,
        )
        self._crowd = Crowd(connections_max, LimitedChannel.hang_up)

    def buildProtocol(self, addr: Any) -> Any:
        channel = super().buildProtocol(addr)
        channel.crowd = self._crowd
        return channel
