"""Which of the clients that wait have hung up; they are not read from, so the kernel is asked.

What a client said before it gave up must not be done later: it has no use for the answer, and has
perhaps asked somebody else meanwhile. One that has closed its connection and one that has closed
its own half alone, and waits for the answer, look alike until somebody writes to them. They differ
in when they do it: who closes a half does so right after his request, since it marks the end of
it; who gives up does so after a wait, or has said nothing.
"""

from __future__ import annotations

import select
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

HALF_CLOSE_SECONDS = 0.1
"""An end that comes so soon after what was said last belongs to that."""

_INFO_BYTES = 104
_LAST_DATA_RECEIVED = slice(52, 56)
"""Where Linux's tcp_info has the milliseconds since the last byte arrived."""


@implementer(IReadDescriptor)
class Hangups:
    """`reactor` provides IReactorFDSet; each one's `gone` is called once, if it hangs up."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._epoll: select.epoll | None = None
        self._watched: dict[int, tuple[socket.socket, Callable[[], None]]] = {}

    def watch(self, connection: socket.socket, gone: Callable[[], None]) -> Callable[[], None]:
        """Nobody reads from it until what is returned is called, or it is closed and then called.

        That is idempotent.
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
        with suppress(OSError):  # the kernel has forgotten what is closed
            self._epoll.unregister(fd)
        if not self._watched:
            self._close()

    def fileno(self) -> int:
        """The reactor reads from it when something has become of one of them."""
        return -1 if self._epoll is None else self._epoll.fileno()

    def doRead(self) -> None:
        """Look what it is."""
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
                # Its end was told once; what is still of interest is told anyway: a reset.
                self._epoll.modify(fd, 0)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor ends."""
        self._watched.clear()
        self._close()

    def logPrefix(self) -> str:
        """The name in the log of whoever reads."""
        return "hangups"

    def _close(self) -> None:
        if self._epoll is not None:
            # While it still has a number, by which the reactor knows it.
            self._reactor.removeReader(self)
            self._epoll.close()
            self._epoll = None


def has_given_up(connection: socket.socket) -> bool:
    """Whether a client that has just ended its half of the connection has no use for an answer."""
    try:
        said = connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
    silent_seconds = int.from_bytes(info[_LAST_DATA_RECEIVED], sys.byteorder) / 1000
    return not said or silent_seconds > HALF_CLOSE_SECONDS
