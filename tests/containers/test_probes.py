"""Whether a port answers: what is said of each way in which it may not."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    ConnectionAborted,
    ConnectionDone,
    ConnectionRefusedError,
    NoRouteError,
)
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.containers.probes import HEAD_BYTES_MAX, connect, get

ADDRESS = "172.17.0.2"
TIMEOUT_SECONDS = 5.0


class Transport(StringTransport):
    """One that may be told to go on reading after it was closed, as a real one may."""

    def resumeProducing(self) -> None:
        if not self.disconnecting:
            super().resumeProducing()


class ProbesTestCase(SynchronousTestCase):
    """A network that a test plays."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()

    def begin(self, probe: Awaitable[str | None]) -> Deferred[str | None]:
        """Have it ask for its connection."""
        return Deferred.fromCoroutine(cast(Any, probe))

    def factory(self) -> Any:
        """What waits for the connection that was asked for."""
        return self.reactor.tcpClients[-1][2]

    def accept(self) -> tuple[Any, StringTransport]:
        """Let it be connected."""
        protocol = self.factory().buildProtocol(None)
        transport = Transport()
        protocol.makeConnection(transport)
        return protocol, transport

    def fail_with(self, error: Exception) -> None:
        """Do not let it be connected."""
        self.factory().clientConnectionFailed(None, Failure(error))


class ConnectTests(ProbesTestCase):
    """A port that is to accept a connection."""

    def connect(self, address: str = ADDRESS) -> Deferred[str | None]:
        return self.begin(connect(cast(Any, self.reactor), address, 6379, TIMEOUT_SECONDS))

    def test_accepted(self) -> None:
        """It answers, and is left in peace."""
        asked = self.connect()
        assert self.reactor.tcpClients[-1][:2] == (ADDRESS, 6379)
        _, transport = self.accept()
        assert self.successResultOf(asked) is None
        assert transport.disconnecting

    def test_refused(self) -> None:
        """Nothing listens there."""
        asked = self.connect()
        self.fail_with(ConnectionRefusedError())
        assert self.successResultOf(asked) == "nothing accepts connections at port 6379"

    def test_no_way(self) -> None:
        """Something else keeps it from being reached."""
        asked = self.connect()
        self.fail_with(NoRouteError())
        said = self.successResultOf(asked)
        assert said is not None
        assert said.startswith("port 6379 cannot be reached: ")

    def test_silence(self) -> None:
        """It has some time, and no more."""
        asked = self.connect()
        self.reactor.advance(TIMEOUT_SECONDS)
        assert self.successResultOf(asked) == "port 6379 did not answer in time"

    def test_cancelled(self) -> None:
        """Whoever does not want to know any more is told nothing."""
        asked = self.connect()
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        assert self.reactor.getDelayedCalls() == []

    def test_ipv6(self) -> None:
        """A container that has but such an address."""
        self.connect("fd00::2")
        assert self.reactor.tcpClients[-1][:2] == ("fd00::2", 6379)


class GetTests(ProbesTestCase):
    """A page that is to be there."""

    def get(self, address: str = ADDRESS) -> Deferred[str | None]:
        return self.begin(
            get(cast(Any, self.reactor), address, 80, "/health?deep=1", TIMEOUT_SECONDS)
        )

    def answered(self, answer: bytes) -> tuple[Deferred[str | None], StringTransport]:
        asked = self.get()
        protocol, transport = self.accept()
        protocol.dataReceived(answer)
        return asked, transport

    def test_good(self) -> None:
        """What it says does not matter, nor where it leads on to; it is not read to the end."""
        for status in (b"200 OK", b"204 No Content", b"302 Found"):
            answer = b"HTTP/1.1 " + status + b"\r\nLocation: /login\r\n\r\nand so on"
            asked, transport = self.answered(answer)
            assert self.successResultOf(asked) is None
            assert transport.disconnecting
            assert transport.value().startswith(b"GET /health?deep=1 HTTP/1.1\r\n")

    def test_bad(self) -> None:
        """A status of 400 or above is none of a healthy container."""
        for status in (400, 404, 503):
            asked, transport = self.answered(f"HTTP/1.1 {status} No\r\n\r\n".encode())
            said = self.successResultOf(asked)
            assert said == f"GET http://{ADDRESS}:80/health?deep=1 answered {status}"
            assert transport.disconnecting

    def test_silence(self) -> None:
        """It has some time, and no more."""
        asked = self.get()
        _, transport = self.accept()
        self.reactor.advance(TIMEOUT_SECONDS)
        said = self.successResultOf(asked)
        assert said == f"GET http://{ADDRESS}:80/health?deep=1 was not answered in time"
        assert transport.disconnecting

    def test_cancelled(self) -> None:
        """Whoever does not want to know any more is told nothing, at no stage."""
        connecting = self.get()
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        waiting = self.get()
        self.accept()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        assert self.reactor.getDelayedCalls() == []

    def test_hung_up(self) -> None:
        """It accepts connections, and ends them."""
        asked = self.get()
        protocol, _ = self.accept()
        protocol.connectionLost(Failure(ConnectionDone()))
        said = self.successResultOf(asked)
        assert said is not None
        assert said.startswith(f"GET http://{ADDRESS}:80/health?deep=1 failed: ")

    def test_without_an_end(self) -> None:
        """Headers, a header's value, or answers that say "continue": there is a limit to it all."""
        for head, again in (
            (b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n" * 100),
            (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 1000),
            (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10),
        ):
            asked = self.get()
            protocol, transport = self.accept()
            protocol.dataReceived(head)
            sent = 0
            while not transport.disconnecting and not transport.disconnected:
                protocol.dataReceived(again)
                sent += len(again)
                assert sent < 2 * HEAD_BYTES_MAX
            protocol.connectionLost(Failure(ConnectionAborted()))
            said = self.successResultOf(asked)
            assert said is not None
            assert said.startswith(f"GET http://{ADDRESS}:80/health?deep=1 ")

    def test_drop_by_drop(self) -> None:
        """An answer that never comes to its end is none, however often some of it comes."""
        asked = self.get()
        protocol, _ = self.accept()
        for byte in b"HTTP/1.1 200":
            protocol.dataReceived(bytes([byte]))
            self.reactor.advance(TIMEOUT_SECONDS / 10)
        said = self.successResultOf(asked)
        assert said == f"GET http://{ADDRESS}:80/health?deep=1 was not answered in time"

    def test_no_http(self) -> None:
        """What it speaks is something else."""
        asked, _ = self.answered(b"-ERR unknown command\r\n\r\n")
        said = self.successResultOf(asked)
        assert said is not None
        assert "failed: " in said

    def test_refused(self) -> None:
        """Nothing listens there."""
        asked = self.get()
        self.fail_with(ConnectionRefusedError())
        assert self.successResultOf(asked) == "nothing accepts connections at port 80"

    def test_ipv6(self) -> None:
        """The address is written as in a URL."""
        asked = self.get("fd00::2")
        protocol, transport = self.accept()
        protocol.dataReceived(b"HTTP/1.1 500 No\r\n\r\n")
        said = self.successResultOf(asked)
        assert said == "GET http://[fd00::2]:80/health?deep=1 answered 500"
        assert b"Host: [fd00::2]" in transport.value()
