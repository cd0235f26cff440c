"""Joins two TCP connections: passes bytes, back-pressure, half-closes and ends both ways."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer


@implementer(IHalfCloseableProtocol)
class Relay(Protocol):
    """One of the two connections; it reads nothing before `join` joins it to the other one."""

    transport: Any

    def __init__(self) -> None:
        self.other: Relay | None = None
        self.is_lost = False
        self._is_read_to_the_end = False

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.transport.setTcpKeepAlive(True)
        self.transport.pauseProducing()

    def join(self, other: Relay) -> None:
        """Pass bytes both ways from now on."""
        for source, sink in ((self, other), (other, self)):
            source.other = sink
            sink.transport.registerProducer(source.transport, True)
        for end in (self, other):
            end.transport.resumeProducing()

    def dataReceived(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)

    def readConnectionLost(self) -> None:
        self._is_read_to_the_end = True
        other = self.other
        if other is None:
            return
        other.transport.unregisterProducer()
        other.transport.loseWriteConnection()
        if other._is_read_to_the_end:
            # Twisted writes the rest before it closes the connection.
            self.transport.loseConnection()
            other.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        """Everything from the other connection is sent; this side's answer may still come."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.is_lost = True
        other, self.other = self.other, None
        if other is None or other.is_lost:
            return
        other.transport.unregisterProducer()
        if reason.check(ConnectionDone):
            other.transport.loseConnection()
        else:
            other.transport.abortConnection()
