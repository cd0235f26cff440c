"""Connections that are really held, on loopback."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from flocker_lite.logs.bound_fields import MOVE, bound, bound_fields
from flocker_lite.model.state import PortState
from flocker_lite.routing.hangups import HALF_CLOSE_SECONDS
from flocker_lite.routing.holder import CONNECT_RETRY_SECONDS, TcpHolder
from flocker_lite.routing.interfaces import IHolder
from flocker_lite.testing.holder_contract import HolderContract
from flocker_lite.testing.memory_holder import MemoryHolder

reactor: Any = installed_reactor
LOOPBACK = "127.0.0.1"
MUCH = b"0123456789" * 400_000


@implementer(IHalfCloseableProtocol)
class Peer(Protocol):
    """Notes what it reads; `ended` fires at the end of it, `lost` with whether all went well."""

    transport: Any

    def __init__(self) -> None:
        self.read = b""
        self.ended: Deferred[bytes] = Deferred()
        self.lost: Deferred[bool] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.read += data

    def readConnectionLost(self) -> None:
        self.ended.callback(self.read)

    def writeConnectionLost(self) -> None:
        """Nothing is noted."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.ended.called:
            self.ended.callback(self.read)
        self.lost.callback(reason.check(ConnectionDone) is not None)


class MemoryHolderTests(HolderContract, TestCase):
    """The one in memory keeps the contract."""

    def make_holder(self, two_versions: bool = True) -> IHolder:
        return MemoryHolder(two_versions=two_versions)


class HolderTests(HolderContract, TestCase):
    """A server at the port that is held, and clients that come to the holder's listener."""

    timeout = 20.0

    async def serve(self, port: int = 0) -> int:
        """A server at that or at any port, whose connections are in `served`."""
        self.served: list[Deferred[Peer]] = [Deferred() for _ in range(3)]
        waiting = iter(self.served)
        end = self.end

        class Serving(Peer):
            def connectionMade(self) -> None:
                end(self)
                next(waiting).callback(self)

        endpoint = TCP4ServerEndpoint(reactor, port, interface=LOOPBACK)
        self.listening: Any = await endpoint.listen(Factory.forProtocol(Serving))
        self.addCleanup(self.listening.stopListening)
        return int(self.listening.getHost().port)

    def make_holder(self, two_versions: bool = True) -> IHolder:
        return self.make(has_ipv6=two_versions)

    def make(self, connections_max: int = 10, has_ipv6: bool = True) -> TcpHolder:
        """A holder that ends with the test."""
        holder = TcpHolder(reactor, connections_max, has_ipv6)
        self.addCleanup(holder.close)
        return holder

    async def call(self, listener: int, address: str = LOOPBACK) -> Peer:
        """A client."""
        endpoint = HostnameEndpoint(reactor, address.encode(), listener)
        peer: Peer = await connectProtocol(endpoint, Peer())
        self.end(peer)
        return peer

    def end(self, peer: Peer) -> None:
        """Have the connection closed when the test ends, and wait for it."""

        async def end() -> None:
            peer.transport.abortConnection()
            while not peer.lost.called:
                await deferLater(reactor, 0)

        self.addCleanup(lambda: Deferred.fromCoroutine(end()))

    async def test_held_and_let_go(self) -> None:
        """Much is said while nobody listens, and answered later; each half ends by itself."""
        port = await self.serve()
        holder = self.make()
        client = await self.call(await holder.hold(port))
        client.transport.write(MUCH)
        client.transport.loseWriteConnection()
        holder.forward_and_close(port, LOOPBACK)
        server = await self.served[0]
        assert await server.ended == MUCH
        server.transport.write(MUCH)
        server.transport.loseConnection()
        assert await client.ended == MUCH
        client.transport.loseConnection()
        assert await client.lost

    async def test_whose_move_it_was(self) -> None:
        """What is logged of held connections has the id of the move for which they were held."""
        said: list[tuple[str, str]] = []

        def note(event: LogEvent) -> None:
            said.append((str(formatEvent(event)), bound_fields().get(MOVE, "")))

        observer: Any = note
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        port = await self.serve()
        holder = self.make()
        with bound({MOVE: "m-1"}):
            listener = await holder.hold(port)
        await self.call(listener)
        while not holder.held:
            await deferLater(reactor, 0)
        holder.forward_and_close(port, LOOPBACK)
        await self.served[0]
        assert [move for text, move in said if text.startswith("forwarding 1 held")] == ["m-1"]

    async def held_client(self, said: bytes) -> tuple[TcpHolder, int, Peer]:
        """One that waits, and what the server behind its port is to hear."""
        port = await self.serve()
        holder = self.make()
        client = await self.call(await holder.hold(port))
        client.transport.write(said)
        while holder.held == 0:
            await deferLater(reactor, 0.01)
        return holder, port, client

    async def nobody_comes(self, holder: TcpHolder, port: int) -> None:
        """He counts no more, and the server never hears of him."""
        while holder.held:
            await deferLater(reactor, 0.01)
        holder.forward_and_close(port, LOOPBACK)
        other = await self.call(port)
        other.transport.write(b"first")
        other.transport.loseWriteConnection()
        server = await self.served[0]
        assert await server.ended == b"first"

    async def test_who_gave_up(self) -> None:
        """What he asked for before is not done when nobody waits for it any more."""
        holder, port, client = await self.held_client(b"incr x")
        await deferLater(reactor, 2 * HALF_CLOSE_SECONDS)
        client.transport.loseConnection()
        await self.nobody_comes(holder, port)

    async def test_who_broke_off(self) -> None:
        """Also in the middle of what he said."""
        holder, port, client = await self.held_client(b"incr x")
        client.transport.abortConnection()
        await self.nobody_comes(holder, port)

    async def test_who_said_nothing(self) -> None:
        """Who only looked whether somebody is there is gone at once."""
        holder, port, client = await self.held_client(b"")
        client.transport.loseConnection()
        await self.nobody_comes(holder, port)

    async def test_who_ends_what_he_says_by_closing_his_half(self) -> None:
        """He waits for the answer, and gets it."""
        holder, port, client = await self.held_client(b"incr x")
        client.transport.loseWriteConnection()
        await deferLater(reactor, 2 * HALF_CLOSE_SECONDS)
        assert holder.held == 1
        holder.forward_and_close(port, LOOPBACK)
        server = await self.served[0]
        assert await server.ended == b"incr x"
        server.transport.write(b"1")
        server.transport.loseConnection()
        assert await client.ended == b"1"

    async def test_who_ends_his_half_and_then_breaks_off(self) -> None:
        """That is seen, too."""
        holder, port, client = await self.held_client(b"incr x")
        client.transport.loseWriteConnection()
        await deferLater(reactor, 0.02)
        client.transport.abortConnection()
        await self.nobody_comes(holder, port)

    async def test_who_comes_late(self) -> None:
        """What the kernel still brings after it was let go is passed on at once."""
        port = await self.serve()
        holder = self.make()
        listener = await holder.hold(port)
        holder.forward_and_close(port, LOOPBACK)
        client = await self.call(listener)
        server = await self.served[0]
        server.transport.write(b"hello")
        server.transport.loseConnection()
        assert await client.ended == b"hello"

    async def test_led(self) -> None:
        """Who waits goes on, and so does who comes, for as long as the port is not let go."""
        port = await self.serve()
        holder = self.make()
        listener = await holder.hold(port)
        await self.call(listener)
        holder.forward(port, LOOPBACK)
        await self.served[0]
        await self.call(listener)
        await self.served[1]

    async def test_held_twice(self) -> None:
        """A port that is held again right after has the same listener, and holds again."""
        port = await self.serve()
        holder = self.make()
        listener = await holder.hold(port)
        holder.forward_and_close(port, LOOPBACK)
        assert await holder.hold(port) == listener
        client = await self.call(listener)
        client.transport.write(b"hello")
        assert not self.served[0].called
        holder.forward_and_close(port, LOOPBACK)
        await self.served[0]

    async def test_a_reset_is_passed_on(self) -> None:
        """A server that hangs up rudely is heard."""
        port = await self.serve()
        holder = self.make()
        client = await self.call(await holder.hold(port))
        holder.forward_and_close(port, LOOPBACK)
        (await self.served[0]).transport.abortConnection()
        assert not await client.lost

    async def test_the_server_comes_later(self) -> None:
        """When nobody answers yet it is tried again."""
        port = await self.serve()
        await self.listening.stopListening()
        holder = self.make()
        client = await self.call(await holder.hold(port))
        client.transport.write(b"hello")
        client.transport.loseWriteConnection()
        holder.forward_and_close(port, LOOPBACK)
        await deferLater(reactor, 2 * CONNECT_RETRY_SECONDS)
        await self.serve(port)
        server = await self.served[0]
        assert await server.ended == b"hello"

    async def test_too_many(self) -> None:
        """Beyond the limit connections are refused; those that are held go on."""
        port = await self.serve()
        holder = self.make(connections_max=1)
        listener = await holder.hold(port)
        first = await self.call(listener)
        await self.accepted(holder)
        second = await self.call(listener)
        assert not await second.lost
        assert holder.counts() == {port: PortState(1, 1, 1)}
        holder.forward_and_close(port, LOOPBACK)
        (await self.served[0]).transport.loseConnection()
        assert await first.ended == b""
        assert holder.counts() == {port: PortState(0, 1, 1)}

    async def test_the_limit_is_for_all(self) -> None:
        """Who was let go and is still connected counts as well."""
        port = await self.serve()
        holder = self.make(connections_max=1)
        listener = await holder.hold(port)
        holder.forward_and_close(port, LOOPBACK)
        await self.call(listener)
        await self.served[0]
        second = await self.call(listener)
        assert not await second.lost
        assert holder.counts() == {port: PortState(0, 0, 1)}

    async def test_relayed(self) -> None:
        """Over IPv6 to a server that has an address of version 4 alone; then held, and relayed."""
        port = await self.serve()
        holder = self.make()
        listener = await holder.relay(port, LOOPBACK)
        assert listener is not None
        (await self.call(listener, "::1")).transport.write(b"hello")
        await self.served[0]
        assert holder.counts() == {}
        await holder.hold(port)
        await self.call(listener, "::1")
        await self.accepted(holder)
        assert not self.served[1].called
        await holder.relay(port, LOOPBACK)
        await self.served[1]
        assert holder.counts() == {port: PortState(0, 1, 0)}

    async def test_a_relay_that_is_left(self) -> None:
        """What the kernel still brings is passed on; a held port that is left goes on."""
        port = await self.serve()
        holder = self.make()
        listener = await holder.relay(port, LOOPBACK)
        assert listener is not None
        holder.stop_relaying(port)
        await self.call(listener, "::1")
        await self.served[0]
        assert await holder.hold(port) == listener
        holder.stop_relaying(port)
        await self.call(listener)
        await self.accepted(holder)

    async def test_counts_change(self) -> None:
        """It is said whenever somebody waits, is let go, or is refused."""
        holder = self.make()
        port = await self.serve()
        said: list[PortState] = []
        holder.changed = lambda: said.append(holder.counts()[port])
        listener = await holder.hold(port)
        await self.call(listener)
        await self.accepted(holder)
        holder.forward_and_close(port, LOOPBACK)
        await self.served[0]
        await holder.hold(port)
        await self.call(listener)
        await self.accepted(holder)
        holder.refuse(port)
        assert said == [PortState(1, 1), PortState(0, 1), PortState(1, 2), PortState(0, 2, 1)]

    async def test_refuse(self) -> None:
        """Who was held for too long is told so."""
        holder = self.make()
        port = await self.serve()
        client = await self.call(await holder.hold(port))
        client.transport.write(b"hello")
        await self.accepted(holder)
        holder.refuse(port)
        assert not await client.lost

    async def accepted(self, holder: TcpHolder) -> None:
        """Wait until the one connection is known to the holder."""
        while not holder.held:
            await deferLater(reactor, 0)
