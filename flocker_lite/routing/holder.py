"""IHolder by listeners of this process: it holds a few connections while a container moves.

Two kinds of connections come through here: those that arrive during a move, and those for a node
that we cannot reach by the connection's version of IP. They stay with this process until they end.
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
from flocker_lite.model.state import PortState
from flocker_lite.routing.hangups import Hangups
from flocker_lite.routing.interfaces import IHolder
from flocker_lite.routing.relay import Relay
from flocker_lite.routing.rules import IPV6, other_version

CONNECTIONS_MAX = 10_000
CONNECTING_MAX = 64
"""How many held connections we open to the server at once: its queue is short."""
CONNECT_TIMEOUT_SECONDS = 10.0
CONNECT_RETRY_SECONDS = 0.05
LINGER_SECONDS = 5.0
"""How long a listener stays open after its rule is gone: the kernel may still redirect to it."""
BACKLOG = 4096
OTHER_FILES_MAX = 1024


def allow_connections(connections_max: int) -> None:
    """Raise this process's limit of open files to two for each connection, as far as allowed."""
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
        """`connections_max` limits all connections through here, held or passed on."""
        self.changed: Callable[[], None] = lambda: None
        self._reactor = reactor
        self._connections_max = connections_max
        self._has_ipv6 = has_ipv6
        self._held_total: Counter[int] = Counter()
        self._refused_total: Counter[int] = Counter()
        self._lines: dict[int, _Line] = {}
        self._connecting = DeferredSemaphore(CONNECTING_MAX)
        self._connections: set[_Caller] = set()
        self._hangups = Hangups(reactor)

    @property
    def held(self) -> int:
        """How many connections wait now."""
        return sum(len(line.waiting) for line in self._lines.values())

    def counts(self) -> Mapping[int, PortState]:
        return {
            port: PortState(
                len(self._lines[port].waiting) if port in self._lines else 0,
                self._held_total[port],
                self._refused_total[port],
            )
            for port in {*self._held_total, *self._refused_total}
        }

    async def hold(self, port: int) -> int:
        line = self._line(port)
        line.hold()
        return line.listener

    async def relay(self, port: int, address: str) -> int | None:
        if other_version(address) == IPV6.version and not self._has_ipv6:
            self.let_go(port, address)
            return None
        line = self._line(port)
        line.relay()
        self._lead(line, address)
        return line.listener

    def leave(self, port: int) -> None:
        line = self._lines.get(port)
        if line is not None and line.is_relaying:
            line.is_relaying = False
            if line.address is not None:
                self._close_later(line)

    def lead(self, port: int, address: str) -> None:
        line = self._lines.get(port)
        if line is not None and line.address != address:
            self._lead(line, address)

    def let_go(self, port: int, address: str) -> None:
        self.lead(port, address)
        line = self._lines.get(port)
        if line is not None and not line.is_relaying:
            self._close_later(line)

    def refuse(self, port: int) -> None:
        line = self._lines.get(port)
        if line is None:
            return
        waiting, line.waiting = line.waiting, set()
        self._log.warn(
            "{count} connections to port {port} were held too long and are refused",
            count=len(waiting) + line.refused,
            port=port,
        )
        self._refused_total[port] += len(waiting)
        for caller in waiting:
            caller.transport.abortConnection()
        self._close(line)
        self.changed()

    def close(self) -> None:
        for line in tuple(self._lines.values()):
            self._close(line)
        for caller in tuple(self._connections):
            caller.transport.abortConnection()

    def _line(self, port: int) -> _Line:
        line = self._lines.get(port)
        if line is None:
            line = _Line(port, self._called)
            line.listen(self._reactor, "::" if self._has_ipv6 else "")
            self._lines[port] = line
        return line

    def _lead(self, line: _Line, address: str) -> None:
        """Pass the waiting connections on to this address, and all later ones too."""
        line.address = address
        waiting, line.waiting = line.waiting, set()
        if waiting or line.refused:
            now = self._reactor.seconds()
            self._log.info(
                "{held} connections to port {port} were held and go on to {address}; the first "
                "waited {seconds:.3f} s, {refused} were refused",
                held=len(waiting),
                port=line.port,
                address=address,
                seconds=max((now - caller.since for caller in waiting), default=0.0),
                refused=line.refused,
            )
            self.changed()
        line.refused = 0
        for caller in sorted(waiting, key=lambda caller: caller.since):
            self._pass_on(caller, line)

    def _called(self, line: _Line, caller: _Caller) -> None:
        """Take a new connection: pass it on, hold it, or refuse it."""
        self._connections.add(caller)
        caller.gone.addCallback(lambda _: self._hung_up(line, caller))
        if len(self._connections) > self._connections_max:
            line.refused += 1
            self._refused_total[line.port] += 1
            caller.transport.abortConnection()
        elif line.address is not None:
            self._pass_on(caller, line)
            return
        else:
            caller.since = self._reactor.seconds()
            line.waiting.add(caller)
            caller.forget = self._hangups.watch(
                caller.transport.getHandle(), caller.transport.abortConnection
            )
            self._held_total[line.port] += 1
        self.changed()

    def _hung_up(self, line: _Line, caller: _Caller) -> None:
        self._connections.discard(caller)
        if caller in line.waiting:
            line.waiting.remove(caller)
            self.changed()

    def _pass_on(self, caller: _Caller, line: _Line) -> None:
        assert line.address is not None
        address = line.address
        passing = self._connecting.run(
            lambda: Deferred.fromCoroutine(self._connect(caller, address, line.port))
        )
        passing.addErrback(lambda failure: self._log.failure("a held connection was lost", failure))

    async def _connect(self, caller: _Caller, address: str, port: int) -> None:
        endpoint = HostnameEndpoint(
            self._reactor, address.encode(), port, timeout=CONNECT_TIMEOUT_SECONDS
        )
        ends = self._reactor.seconds() + CONNECT_TIMEOUT_SECONDS
        while not caller.is_lost:
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
                    caller.transport.abortConnection()
                    return
                await deferLater(self._reactor, CONNECT_RETRY_SECONDS)
                continue
            caller.forget()
            if caller.is_lost:
                server.transport.abortConnection()
            else:
                caller.join(server)
            return

    def _close_later(self, line: _Line) -> None:
        line.stay_open()
        line.closing = self._reactor.callLater(LINGER_SECONDS, self._close, line)

    def _close(self, line: _Line) -> None:
        line.close()
        if self._lines.get(line.port) is line:
            del self._lines[line.port]


class _Caller(Relay):
    """One client's connection; `gone` fires when it ends."""

    def __init__(self, line: _Line) -> None:
        super().__init__()
        self._line = line
        self.since = 0.0
        self.forget: Callable[[], None] = lambda: None
        self.gone: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        super().connectionMade()
        self._line.called(self._line, self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.forget()
        super().connectionLost(reason)
        self.gone.callback(None)


class _Line(Factory):
    """One external port: its listener, its waiting connections, and where they go (None: hold)."""

    noisy = False

    def __init__(self, port: int, called: Callable[[_Line, _Caller], None]) -> None:
        self.port = port
        self.called = called
        self.waiting: set[_Caller] = set()
        self.refused = 0
        self.address: str | None = None
        self.is_relaying = False
        self.closing: Any = None
        self._listening: Any = None

    def buildProtocol(self, addr: object) -> _Caller:
        return _Caller(self)

    @property
    def listener(self) -> int:
        """The port at which it listens."""
        return int(self._listening.getHost().port)

    def listen(self, reactor: IReactor, interface: str) -> None:
        """Listen at any free port; the interface "::" accepts both versions of IP."""
        factory: Any = self
        try:
            self._listening = reactor.listenTCP(0, factory, backlog=BACKLOG, interface=interface)
        except CannotListenError as error:
            raise FlockerError(f"cannot listen for connections to hold: {error}") from None

    def hold(self) -> None:
        """Hold connections that come from now on."""
        self.address = None
        self.stay_open()

    def relay(self) -> None:
        """Stay open until `leave`."""
        self.is_relaying = True
        self.stay_open()

    def close(self) -> None:
        """Stop listening; existing connections stay."""
        self.stay_open()
        self._listening.stopListening()

    def stay_open(self) -> None:
        """Do not close after all."""
        if self.closing is not None and self.closing.active():
            self.closing.cancel()
