"""Answers clients that speak HTTP without TLS to a TLS port, in plain HTTP."""

from __future__ import annotations

from typing import Any

from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory


class PlainTolerant(BufferingTLSTransport):
    """TLS on one connection, with a plain answer if the first byte is a letter, as in no TLS."""

    factory: PlainTolerantFactory
    _has_begun = False

    def dataReceived(self, data: bytes) -> None:
        is_first, self._has_begun = not self._has_begun, True
        if is_first and data[:1].isalpha():
            # OpenSSL then finds that this is not TLS, and ends the connection after the answer.
            transport: Any = self.transport
            transport.write(self.factory.plain_answer)
        super().dataReceived(data)


class PlainTolerantFactory(TLSMemoryBIOFactory):
    """Does so on each connection to a port; `plain_answer` is a whole HTTP response."""

    protocol = PlainTolerant

    def __init__(self, plain_answer: bytes, *args: Any) -> None:
        super().__init__(*args)
        self.plain_answer = plain_answer
