"""Asks the kernel which held clients have hung up, because we do not read from them.

We must not forward the request of a client that has given up: it does not want the answer any more,
and may have asked another server. Until somebody writes to it, a client that closed its connection
looks like one that closed only its own half and waits for the answer. Only the time tells them
apart. A client closes its half right after its request, to mark the request's end. A client that
gives up does so after a wait, or before it has sent anything.
"""

from __future__ import annotations

import select
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from flocker_lite.interfaces.reactor import IReactor

HALF_CLOSE_SECONDS = 0.1
"""A client that closes so soon after its last byte only marks the end of its request."""

_INFO_BYTES = 104
_LAST_DATA_RECEIVED = slice(52, 56)
"""Where Linux's tcp_info has tcpi_last_data_recv, the milliseconds since the last byte."""


@implementer(IReadDescriptor)
class Hangups:
    """Watches connections; when a client hangs up, calls the `gone` of its connection, once."""

    def __init__(self, reactor: IReactor) -> None:
        self._reactor = reactor
        self._epoll: select.epoll | None = None
        self._watched: dict[int, tuple[socket.socket, Callable[[], None]]] = {}

    def watch(self, connection: socket.socket, gone: Callable[[], None]) -> Callable[[], None]:
        """Watch a connection until you call the returned function, which is idempotent.

        Nobody may read from the connection before that. Closing it is allowed.
        """
        if self._epoll is None:
            self._epoll = select.epoll()
            self._reactor.addReader(self)
        fd = connection.fileno()
        self._epoll.register(fd, select.EPOLLRDHUP)
        self._watched[fd] = connection, gone
        return lambda: self._forget(fd, connection)

    def _forget(self, fd: int, connection: socket.socket) -> None:
        watched = self._watched.get(fd)
        if self._epoll is None or watched is None or watched[0] is not connection:
            return
        del self._watched[fd]
        with suppress(OSError):  # the kernel forgets closed connections by itself
            self._epoll.unregister(fd)
        if not self._watched:
            self._close()

    def fileno(self) -> int:
        """The descriptor that becomes readable when something happened to a connection."""
        return -1 if self._epoll is None else self._epoll.fileno()

    def doRead(self) -> None:
        """Find the connections on which clients hung up."""
        assert self._epoll is not None
        for fd, events in self._epoll.poll(0):
            watched = self._watched.get(fd)
            if watched is None:
                continue
            connection, gone = watched
            if events & (select.EPOLLHUP | select.EPOLLERR) or has_given_up(connection):
                self._forget(fd, connection)
                gone()
            elif self._epoll is not None:
                # It has only closed its half. The kernel reports a later reset even without a mask.
                self._epoll.modify(fd, 0)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor stops."""
        self._watched.clear()
        self._close()

    def logPrefix(self) -> str:
        """The name of this reader in the log."""
        return "hangups"

    def _close(self) -> None:
        if self._epoll is not None:
            # Remove it before we close it: the reactor knows it by its descriptor.
            self._reactor.removeReader(self)
            self._epoll.close()
            self._epoll = None


def has_given_up(connection: socket.socket) -> bool:
    """Whether a client that has just closed its half of the connection has given up waiting."""
    try:
        said = connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
    silent_seconds = int.from_bytes(info[_LAST_DATA_RECEIVED], sys.byteorder) / 1000
    return not said or silent_seconds > HALF_CLOSE_SECONDS
