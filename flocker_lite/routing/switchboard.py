"""What becomes of this node's connections, out of what the cluster says and what is known here.

The control service says where containers serve, a little after the fact. Whoever starts, stops or
hands over a container here knows it at once, and says so: what is said here holds until the
control service says the same, or something newer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pyrsistent import PMap, pmap
from twisted.internet.defer import Deferred, DeferredLock
from twisted.logger import Logger

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IListeners, IRouting
from flocker_lite.model.state import Held, Listener, PortState, Relayed, Route, Rule
from flocker_lite.routing.interfaces import IHolder
from flocker_lite.routing.rules import other_version

HELD_SECONDS_MAX = 60.0
COUNT_SECONDS = 1.0
"""How long after a change of the counts they are told: a client may connect at any rate."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What was said here of a port (None: it is served here), and what the cluster said then."""

    route: Route | None
    instead_of: Rule | None


class Switchboard:
    """The rules of this node, and who is held; `held_seconds_max` is for each time of holding."""

    _log = Logger()

    def __init__(
        self,
        routing: IRouting,
        holder: IHolder,
        listeners: IListeners,
        address: str,
        clock: Any,
        held_seconds_max: float = HELD_SECONDS_MAX,
    ) -> None:
        self._routing = routing
        self._holder = holder
        self._listeners = listeners
        self._address = address
        self._clock = clock
        self._held_seconds_max = held_seconds_max
        self._lock = DeferredLock()
        self._routes: frozenset[Rule] = frozenset()
        self._said: dict[int, _Said] = {}
        self._kept: dict[int, Rule | None] = {}
        self._held: dict[int, Held] = {}
        self._timers: dict[int, Any] = {}
        self._relays: dict[int, Relayed] = {}
        self._relaying: set[int] = set()
        self._in_force: frozenset[Rule] | None = None
        self.changed: Callable[[], None] = lambda: None
        self._telling: Any = None
        holder.changed = self._count_changed

    async def discover(self) -> frozenset[Rule]:
        """The routes that were asked for when they are in force, with what is said here on top.

        Otherwise all that is in force, which is then not what anybody wants.
        """
        found = await self._routing.discover()
        return self._routes if found == self._rules() else found

    async def listeners(self) -> PMap[int, Listener]:
        """Who listens at this node's TCP ports; nobody that is known of when it cannot be told."""
        try:
            return await self._listeners.discover()
        except FlockerError as error:
            self._log.warn("who listens at this node's ports is not known: {error}", error=error)
            return pmap()

    async def replace(self, routes: frozenset[Rule]) -> None:
        """These are the routes that the cluster wants."""
        self._routes = routes
        wanted = self._by_port()
        self._said = {
            port: said
            for port, said in self._said.items()
            if not self._is_history(said, wanted.get(port))
        }
        await self._apply()

    async def hold(self, container: str, ports: Iterable[int]) -> None:
        """Have new connections to these ports wait; where it cannot be done they will be refused.

        They wait until `lead` or `here` says where the container is now, or for too long.
        """
        ports = tuple(ports)
        try:
            await self._hold(container, ports)
        except FlockerError as error:
            self._log.warn(
                "connections to {container} are not held while it moves: {error}",
                container=container,
                error=error,
            )

    async def lead(self, container: str, ports: Iterable[int], address: str) -> None:
        """The container serves at another node now.

        Who waits goes there at once, and need not wait for the kernel's new rules as well.
        """
        ports = tuple(ports)
        for port in ports:
            self._say(port, Route(port, address, container))
            self._holder.lead(port, address)
        await self._let_go(ports, address)

    async def here(self, ports: Iterable[int]) -> None:
        """The container that has these ports serves on this node now."""
        ports = tuple(ports)
        for port in ports:
            self._say(port, None)
        await self._let_go(ports, self._address)

    def keep(self, ports: Iterable[int]) -> None:
        """What is in force for these ports stays so, until `here` or `forget`."""
        wanted = self._by_port()
        for port in ports:
            said = self._said.get(port)
            self._kept.setdefault(port, said.route if said is not None else wanted.get(port))

    async def keep_away(self, container: str, ports: Iterable[int]) -> None:
        """Of what is kept, hold all that would get to the container here; FlockerError if not.

        Once it was held for too long it is refused, for as long as it is kept. What leads elsewhere
        does so by rules that are in force when this returns.
        """
        leading_here = tuple(port for port in ports if self._kept[port] is None)
        await self._hold(container, leading_here)
        self._kept.update({port: self._held[port] for port in leading_here})
        if self._in_force != self._chosen():
            await self._apply()

    def refuse(self, ports: Iterable[int]) -> None:
        """Those who wait at these ports have waited in vain."""
        for port in ports:
            if port in self._held:
                self._held_too_long(port)

    async def forget(self, ports: Iterable[int]) -> None:
        """The cluster is right about these ports; what is held goes on being held."""
        ports = tuple(ports)
        for port in ports:
            self._kept.pop(port, None)
            self._said.pop(port, None)
        if ports:
            await self._apply()

    def holds(self, ports: Iterable[int]) -> bool:
        """Whether connections to one of these ports wait here."""
        return any(port in self._held for port in ports)

    def counts(self) -> Mapping[int, PortState]:
        """How many connections this node holds, for each port; `changed` is called afterwards."""
        return self._holder.counts()

    def close(self) -> None:
        """Stop to hold."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        for port in tuple(self._timers):
            self._stop_timer(port)
        self._holder.close()

    async def _hold(self, container: str, ports: tuple[int, ...]) -> None:
        for port in ports:
            self._stop_timer(port)
            self._timers[port] = self._clock.callLater(
                self._held_seconds_max, self._held_too_long, port
            )
        for port in ports:
            self._held[port] = Held(port, await self._holder.hold(port), container)
        if ports:
            await self._apply()

    def _say(self, port: int, route: Route | None) -> None:
        wanted = self._by_port().get(port)
        self._kept.pop(port, None)
        self._held.pop(port, None)
        self._said[port] = _Said(route, wanted)
        if route == wanted:
            del self._said[port]

    async def _let_go(self, ports: tuple[int, ...], address: str) -> None:
        if ports:
            await self._apply()
        for port in ports:
            self._stop_timer(port)
            self._holder.let_go(port, address)

    def _held_too_long(self, port: int) -> None:
        self._held.pop(port, None)
        self._stop_timer(port)
        self._holder.refuse(port)
        applying = Deferred.fromCoroutine(self._apply())
        applying.addErrback(
            lambda failure: self._log.failure("port {port} is still held", failure, port=port)
        )

    def _count_changed(self) -> None:
        if self._telling is None:
            self._telling = self._clock.callLater(COUNT_SECONDS, self._tell)

    def _tell(self) -> None:
        self._telling = None
        self.changed()

    def _stop_timer(self, port: int) -> None:
        timer = self._timers.pop(port, None)
        if timer is not None and timer.active():
            timer.cancel()

    async def _apply(self) -> None:
        await self._lock.run(lambda: Deferred.fromCoroutine(self._put_in_force()))

    async def _put_in_force(self) -> None:
        """Before a rule leads to a listener it is there; it goes when no rule leads there."""
        wanted, self._in_force = self._chosen(), None
        routes = [rule for rule in wanted if isinstance(rule, Route)]
        self._relays = {route.port: rule for route in routes if (rule := await self._relay(route))}
        self._relaying |= self._relays.keys()
        await self._routing.replace(wanted | frozenset(self._relays.values()))
        self._in_force = wanted
        for port in self._relaying - self._relays.keys():
            self._holder.leave(port)
        self._relaying &= self._relays.keys()

    async def _relay(self, route: Route) -> Relayed | None:
        """Have this node pass on what the kernel cannot: the address is of one version of IP."""
        try:
            listener = await self._holder.relay(route.port, route.address)
        except FlockerError as error:
            self._log.warn(
                "{container} is not reached here over IPv{version}: {error}",
                container=route.container,
                version=other_version(route.address),
                error=error,
            )
            return None
        if listener is None:
            return None
        return Relayed(route.port, listener, route.container, other_version(route.address))

    def _rules(self) -> frozenset[Rule]:
        """All that should be in force."""
        chosen = self._chosen()
        routed = {rule.port for rule in chosen if isinstance(rule, Route)}
        return chosen | {rule for port, rule in self._relays.items() if port in routed}

    def _chosen(self) -> frozenset[Rule]:
        """For each port the one thing that becomes of its connections."""
        by_port: dict[int, Rule | None] = {**self._by_port()}
        by_port.update({port: said.route for port, said in self._said.items()})
        by_port.update(self._kept)
        by_port.update(self._held)
        return frozenset(rule for rule in by_port.values() if rule is not None)

    def _by_port(self) -> dict[int, Rule]:
        """What the cluster wants; that a container serves here is no route."""
        return {
            rule.port: rule
            for rule in self._routes
            if not isinstance(rule, Relayed)
            and not (isinstance(rule, Route) and rule.address == self._address)
        }

    def _is_history(self, said: _Said, wanted: Rule | None) -> bool:
        is_the_same = wanted == said.route
        is_newer = wanted is not None and wanted != said.instead_of
        return is_the_same or is_newer
