"""Answers in plain HTTP when a client speaks HTTP without TLS to a TLS port."""

from __future__ import annotations

from typing import Any

from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory


class PlainAnsweringTLS(BufferingTLSTransport):
    """TLS on one connection; answers plainly if the first byte is a letter: no TLS begins so."""

    factory: PlainAnsweringFactory
    _has_begun = False

    def dataReceived(self, data: bytes) -> None:
        is_first, self._has_begun = not self._has_begun, True
        if is_first and data[:1].isalpha():
            # OpenSSL then finds that this is not TLS, and ends the connection after the answer.
            transport: Any = self.transport
            transport.write(self.factory.plain_answer)
        super().dataReceived(data)


class PlainAnsweringFactory(TLSMemoryBIOFactory):
    """Makes such connections for a port; `plain_answer` is a whole HTTP response."""

    protocol = PlainAnsweringTLS

    def __init__(self, plain_answer: bytes, *args: Any) -> None:
        super().__init__(*args)
        self.plain_answer = plain_answer
