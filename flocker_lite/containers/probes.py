"""Tries whether a port of a container answers, over this node's network; does not block."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, connectProtocol
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionRefusedError,
    TimeoutError,
)
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.web.client import Agent, ResponseFailed
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from flocker_lite.interfaces.reactor import INetworkReactor

AGENT = b"flocker-lite"
FAILURE_STATUS_MIN = 400

HEAD_BYTES_MAX = 64 * 1024
"""The limit of all that comes before a page: a program may send headers without end."""


async def connect(
    reactor: INetworkReactor, address: str, port: int, timeout_seconds: float
) -> str | None:
    """None if the port accepts a connection, which we close at once; else why not."""
    connecting = connectProtocol(_endpoint(reactor, address, port), Protocol())
    try:
        protocol = await _within(reactor, timeout_seconds, connecting)
    except TimeoutError:
        return f"port {port} did not answer in time"
    except ConnectError as error:
        return _refusal(port, error)
    protocol.transport.loseConnection()
    return None


async def get(
    reactor: INetworkReactor, address: str, port: int, path: str, timeout_seconds: float
) -> str | None:
    """None if a GET gets a status below 400, a redirect included; else why not."""
    host = f"[{address}]" if ":" in address else address
    url = f"http://{host}:{port}{path}"
    endpoints = _Endpoints(reactor, address, port)
    agent = Agent.usingEndpointFactory(reactor, endpoints)
    asked = agent.request(b"GET", url.encode(), Headers({b"User-Agent": [AGENT]}))
    try:
        response = await _within(reactor, timeout_seconds, asked)
    except TimeoutError:
        return f"GET {url} was not answered in time"
    except ConnectError as error:
        return _refusal(port, error)
    except ResponseFailed as error:
        if endpoints.is_too_much:
            return f"GET {url} was answered with more than {HEAD_BYTES_MAX} bytes of headers"
        reasons = ", ".join(reason.getErrorMessage() for reason in error.reasons)
        return f"GET {url} failed: {reasons}"
    response.deliverBody(_HangUp())
    if response.code >= FAILURE_STATUS_MIN:
        return f"GET {url} answered {response.code}"
    return None


class _HangUp(Protocol):
    """Reads nothing of a body, since it may have no end."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


@implementer(IAgentEndpointFactory, IStreamClientEndpoint)
class _Endpoints:
    """Leads an Agent to one address and port without a look-up; hangs up on too many headers."""

    def __init__(self, reactor: INetworkReactor, address: str, port: int) -> None:
        self.is_too_much = False
        self._endpoint = _endpoint(reactor, address, port)
        self._bytes = 0

    def endpointForURI(self, uri: object) -> Any:
        return self

    def connect(self, protocolFactory: Any) -> Any:
        return self._endpoint.connect(protocolFactory).addCallback(self._count)

    def _count(self, protocol: Any) -> Any:
        take = protocol.dataReceived

        def data_received(data: bytes) -> None:
            self._bytes += len(data)
            if self._bytes <= HEAD_BYTES_MAX:
                take(data)
            elif not self.is_too_much:
                self.is_too_much = True
                protocol.transport.abortConnection()

        protocol.dataReceived = data_received
        return protocol


def _endpoint(reactor: INetworkReactor, address: str, port: int) -> Any:
    kind = TCP6ClientEndpoint if ":" in address else TCP4ClientEndpoint
    return kind(reactor, address, port)


async def _within(reactor: INetworkReactor, timeout_seconds: float, asked: Deferred[Any]) -> Any:
    """The result; TimeoutError if it is late, and CancelledError if somebody cancelled it.

    Twisted reports both in the same way, and differently at each stage of a request.
    """
    late = reactor.callLater(timeout_seconds, asked.cancel)
    try:
        return await asked
    except (CancelledError, ConnectingCancelledError, ResponseFailed) as error:
        reasons = getattr(error, "reasons", None)
        if reasons is not None and not any(reason.check(CancelledError) for reason in reasons):
            raise
        raise (CancelledError() if late.active() else TimeoutError()) from error
    finally:
        if late.active():
            late.cancel()


def _refusal(port: int, error: ConnectError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return f"nothing accepts connections at port {port}"
    return f"port {port} cannot be reached: {error}"
