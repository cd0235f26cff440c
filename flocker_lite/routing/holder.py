"""IHolder by listeners of this process: it holds connections while a container moves.

Two kinds of connections go through this process until they end: those that arrive during a move,
and those for a node that we cannot reach by the connection's version of IP.
"""

from __future__ import annotations

import resource
import socket
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces.reactor import IReactor
from flocker_lite.logs.bound_fields import bound, bound_fields
from flocker_lite.model.state import PortState
from flocker_lite.routing.hangups import Hangups
from flocker_lite.routing.interfaces import IHolder
from flocker_lite.routing.relay import Relay
from flocker_lite.routing.rules import IPV6, other_version

CONNECTIONS_MAX = 10_000
CONNECTING_MAX = 64
"""To how many held connections we connect the server at once: its accept queue is short."""
CONNECT_TIMEOUT_SECONDS = 10.0
CONNECT_RETRY_SECONDS = 0.05
LINGER_SECONDS = 5.0
"""How long a listener outlives its rule: the kernel may still redirect connections to it."""
BACKLOG = 4096
OTHER_FILES_MAX = 1024


def allow_connections(connections_max: int) -> None:
    """Raise this process's limit of open files to two per connection, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    desired = 2 * connections_max + OTHER_FILES_MAX
    if soft < desired:
        limit = desired if hard == resource.RLIM_INFINITY else min(desired, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, limit), hard))


def can_listen6() -> bool:
    """Whether this node has IPv6 at all."""
    try:
        with socket.socket(socket.AF_INET6) as listening:
            listening.bind(("::", 0))
    except OSError:
        return False
    return True


@implementer(IHolder)
class TcpHolder:
    """Listens at a free port for each external port that is held or relayed."""

    _log = Logger()

    def __init__(
        self, reactor: IReactor, connections_max: int = CONNECTIONS_MAX, has_ipv6: bool = True
    ) -> None:
        """`connections_max` limits all connections, held or forwarded."""
        self.changed: Callable[[], None] = lambda: None
        self._reactor = reactor
        self._connections_max = connections_max
        self._has_ipv6 = has_ipv6
        self._held_total: Counter[int] = Counter()
        self._refused_total: Counter[int] = Counter()
        self._listeners: dict[int, _PortListener] = {}
        self._connecting = DeferredSemaphore(CONNECTING_MAX)
        self._connections: set[_Client] = set()
        self._hangups = Hangups(reactor)

    @property
    def held(self) -> int:
        """How many connections wait now."""
        return sum(len(listener.waiting) for listener in self._listeners.values())

    def counts(self) -> Mapping[int, PortState]:
        return {
            port: PortState(
                len(self._listeners[port].waiting) if port in self._listeners else 0,
                self._held_total[port],
                self._refused_total[port],
            )
            for port in {*self._held_total, *self._refused_total}
        }

    async def hold(self, port: int) -> int:
        listener = self._listener(port)
        listener.hold()
        return listener.local_port

    async def relay(self, port: int, address: str) -> int | None:
        if other_version(address) == IPV6.version and not self._has_ipv6:
            self.forward_and_close(port, address)
            return None
        listener = self._listener(port)
        listener.relay()
        self._forward_to(listener, address)
        return listener.local_port

    def stop_relaying(self, port: int) -> None:
        listener = self._listeners.get(port)
        if listener is not None and listener.is_relaying:
            listener.is_relaying = False
            if listener.address is not None:
                self._close_later(listener)

    def forward(self, port: int, address: str) -> None:
        listener = self._listeners.get(port)
        if listener is not None and listener.address != address:
            self._forward_to(listener, address)

    def forward_and_close(self, port: int, address: str) -> None:
        self.forward(port, address)
        listener = self._listeners.get(port)
        if listener is not None and not listener.is_relaying:
            self._close_later(listener)

    def refuse(self, port: int) -> None:
        listener = self._listeners.get(port)
        if listener is None:
            return
        waiting, listener.waiting = listener.waiting, set()
        with bound(listener.fields):
            self._log.warn(
                "{count} connections to port {port} were held too long and are refused",
                count=len(waiting) + listener.refused,
                port=port,
            )
        self._refused_total[port] += len(waiting)
        for client in waiting:
            client.transport.abortConnection()
        self._close(listener)
        self.changed()

    def close(self) -> None:
        for listener in tuple(self._listeners.values()):
            self._close(listener)
        for client in tuple(self._connections):
            client.transport.abortConnection()

    def _listener(self, port: int) -> _PortListener:
        listener = self._listeners.get(port)
        if listener is None:
            listener = _PortListener(port, self._accepted)
            listener.listen(self._reactor, "::" if self._has_ipv6 else "")
            self._listeners[port] = listener
        return listener

    def _forward_to(self, listener: _PortListener, address: str) -> None:
        """Forward the waiting connections to this address, and all later ones."""
        listener.address = address
        waiting, listener.waiting = listener.waiting, set()
        if waiting or listener.refused:
            now = self._reactor.seconds()
            with bound(listener.fields):
                self._log.info(
                    "forwarding {held} held connections of port {port} to {address}; the first "
                    "waited {seconds:.3f} s, {refused} were refused",
                    held=len(waiting),
                    port=listener.port,
                    address=address,
                    seconds=max((now - client.since for client in waiting), default=0.0),
                    refused=listener.refused,
                )
            self.changed()
        listener.refused = 0
        for client in sorted(waiting, key=lambda client: client.since):
            self._forward(client, listener)

    def _accepted(self, listener: _PortListener, client: _Client) -> None:
        """Take a new connection: forward it, hold it, or refuse it."""
        self._connections.add(client)
        client.gone.addCallback(lambda _: self._hung_up(listener, client))
        if len(self._connections) > self._connections_max:
            listener.refused += 1
            self._refused_total[listener.port] += 1
            client.transport.abortConnection()
        elif listener.address is not None:
            self._forward(client, listener)
            return
        else:
            client.since = self._reactor.seconds()
            listener.waiting.add(client)
            client.forget = self._hangups.watch(
                client.transport.getHandle(), client.transport.abortConnection
            )
            self._held_total[listener.port] += 1
        self.changed()

    def _hung_up(self, listener: _PortListener, client: _Client) -> None:
        self._connections.discard(client)
        if client in listener.waiting:
            listener.waiting.remove(client)
            self.changed()

    def _forward(self, client: _Client, listener: _PortListener) -> None:
        assert listener.address is not None
        address = listener.address
        forwarding = self._connecting.run(
            lambda: Deferred.fromCoroutine(self._connect(client, address, listener.port))
        )
        forwarding.addErrback(
            lambda failure: self._log.failure("a held connection was lost", failure)
        )

    async def _connect(self, client: _Client, address: str, port: int) -> None:
        endpoint = HostnameEndpoint(
            self._reactor, address.encode(), port, timeout=CONNECT_TIMEOUT_SECONDS
        )
        ends = self._reactor.seconds() + CONNECT_TIMEOUT_SECONDS
        while not client.is_lost:
            try:
                server: Any = await connectProtocol(endpoint, Relay())
            except Exception as error:
                if self._reactor.seconds() > ends:
                    self._log.warn(
                        "a held connection is refused: {address}:{port} does not answer: {error}",
                        address=address,
                        port=port,
                        error=error,
                    )
                    client.transport.abortConnection()
                    return
                await deferLater(self._reactor, CONNECT_RETRY_SECONDS)
                continue
            client.forget()
            if client.is_lost:
                server.transport.abortConnection()
            else:
                client.join(server)
            return

    def _close_later(self, listener: _PortListener) -> None:
        listener.stay_open()
        listener.closing = self._reactor.callLater(LINGER_SECONDS, self._close, listener)

    def _close(self, listener: _PortListener) -> None:
        listener.close()
        if self._listeners.get(listener.port) is listener:
            del self._listeners[listener.port]


class _Client(Relay):
    """One client's connection; `gone` fires when it ends."""

    def __init__(self, listener: _PortListener) -> None:
        super().__init__()
        self._listener = listener
        self.since = 0.0
        self.forget: Callable[[], None] = lambda: None
        self.gone: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        super().connectionMade()
        self._listener.accepted(self._listener, self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.forget()
        super().connectionLost(reason)
        self.gone.callback(None)


class _PortListener(Factory):
    """One external port: its listener, its waiting connections, and where they go (None: hold).

    `fields` were bound when it began to hold: its lines belong to that move.
    """

    noisy = False

    def __init__(self, port: int, accepted: Callable[[_PortListener, _Client], None]) -> None:
        self.port = port
        self.accepted = accepted
        self.waiting: set[_Client] = set()
        self.refused = 0
        self.address: str | None = None
        self.fields: Mapping[str, str] = {}
        self.is_relaying = False
        self.closing: Any = None
        self._listening: Any = None

    def buildProtocol(self, addr: object) -> _Client:
        return _Client(self)

    @property
    def local_port(self) -> int:
        """The port of this node at which it listens."""
        return int(self._listening.getHost().port)

    def listen(self, reactor: IReactor, interface: str) -> None:
        """Listen at a free port; the interface "::" accepts both versions of IP."""
        factory: Any = self
        try:
            self._listening = reactor.listenTCP(0, factory, backlog=BACKLOG, interface=interface)
        except CannotListenError as error:
            raise FlockerError(f"cannot listen for connections to hold: {error}") from None

    def hold(self) -> None:
        """Hold connections that come from now on."""
        self.address = None
        self.fields = bound_fields()
        self.stay_open()

    def relay(self) -> None:
        """Stay open until `stop_relaying`."""
        self.is_relaying = True
        self.stay_open()

    def close(self) -> None:
        """Stop listening; existing connections stay."""
        self.stay_open()
        self._listening.stopListening()

    def stay_open(self) -> None:
        """Cancel a pending close."""
        if self.closing is not None and self.closing.active():
            self.closing.cancel()
