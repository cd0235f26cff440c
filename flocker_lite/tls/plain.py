"""Whoever speaks HTTP without TLS to a port with TLS is told so, in a way that it understands."""

from __future__ import annotations

from typing import Any

from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory


class PlainTolerant(BufferingTLSTransport):
    """TLS on one connection; what begins with a letter, as no TLS does, is answered as it came."""

    factory: PlainTolerantFactory
    _has_begun = False

    def dataReceived(self, data: bytes) -> None:
        is_first, self._has_begun = not self._has_begun, True
        if is_first and data[:1].isalpha():
            # OpenSSL sees next that this is no TLS, and ends the connection after the answer.
            transport: Any = self.transport
            transport.write(self.factory.plain_answer)
        super().dataReceived(data)


class PlainTolerantFactory(TLSMemoryBIOFactory):
    """The same for each connection to a port; `plain_answer` is a whole HTTP response."""

    protocol = PlainTolerant

    def __init__(self, plain_answer: bytes, *args: Any) -> None:
        super().__init__(*args)
        self.plain_answer = plain_answer
