"""Decides where this node's connections go, by the cluster's routes and by local knowledge.

The control service tells where containers serve, but only a little later. The code that starts,
stops or hands over a container on this node knows it at once, and tells the switchboard. A local
statement holds until the control service says the same, or something newer.

Local statements are about TCP ports. Datagrams do not wait, and follow the cluster's routes alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pyrsistent import PMap, pmap
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IListeners, IRouting
from flocker_lite.model.container_fields.ports import UDP
from flocker_lite.model.state import Held, Listener, PortState, Relayed, Route, Rule, protocol_of
from flocker_lite.routing.interfaces import IHolder
from flocker_lite.routing.rules import other_version

HELD_SECONDS_MAX = 60.0
COUNT_SECONDS = 1.0
"""How long we wait to report changed counts, because clients may connect at any rate."""


@dataclass(frozen=True, slots=True)
class _Said:
    """A local statement about a port (None: served here), and the cluster's rule at that time."""

    route: Route | None
    instead_of: Rule | None


class Switchboard:
    """The rules of this node, and its held connections; each hold ends after `held_seconds_max`."""

    _log = Logger()

    def __init__(
        self,
        routing: IRouting,
        holder: IHolder,
        listeners: IListeners,
        address: str,
        clock: IReactorTime,
        held_seconds_max: float = HELD_SECONDS_MAX,
        changed: Callable[[], None] = lambda: None,
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
        self._datagrams: frozenset[Rule] | None = None
        self._changed = changed
        self._telling: Any = None
        holder.changed = self._count_changed

    async def discover(self) -> frozenset[Rule]:
        """The cluster's routes, if they and the local statements are in force.

        Otherwise the rules that are in force, which then differ from the desired ones.
        """
        found = await self._routing.discover()
        if self._datagrams is None:
            self._datagrams = _of_datagrams(found)
        return self._routes if found == self._rules() else found

    async def listeners(self) -> PMap[str, Listener]:
        """Who listens at this node's ports; empty when we cannot find out."""
        try:
            return await self._listeners.discover()
        except FlockerError as error:
            self._log.warn("cannot find out who listens at this node's ports: {error}", error=error)
            return pmap()

    async def replace(self, routes: frozenset[Rule]) -> None:
        """Replace the cluster's routes."""
        self._routes = routes
        desired = self._by_port()
        self._said = {
            port: said
            for port, said in self._said.items()
            if not self._is_history(said, desired.get(port))
        }
        await self._apply()

    async def hold(self, container: str, ports: Iterable[int]) -> None:
        """Hold new connections to these ports; if this node cannot, clients are refused.

        They wait until `lead` or `here` says where the container is now, or until time is up.
        """
        ports = tuple(ports)
        try:
            await self._hold(container, ports)
        except FlockerError as error:
            self._log.warn(
                "cannot hold the connections to {container} while it moves: {error}",
                container=container,
                error=error,
            )

    async def lead(self, container: str, ports: Iterable[int], address: str) -> None:
        """Lead connections to another node, where the container serves now.

        Held connections go there at once, without waiting for the kernel's new rules.
        """
        ports = tuple(ports)
        for port in ports:
            self._say(port, Route(port, address, container))
            self._holder.lead(port, address)
        await self._let_go(ports, address)

    async def here(self, ports: Iterable[int]) -> None:
        """Lead connections to this node, where the container of these ports serves now."""
        ports = tuple(ports)
        for port in ports:
            self._say(port, None)
        await self._let_go(ports, self._address)

    def keep(self, ports: Iterable[int]) -> None:
        """Keep the present rules for these ports until `here` or `forget`."""
        desired = self._by_port()
        for port in ports:
            said = self._said.get(port)
            self._kept.setdefault(port, said.route if said is not None else desired.get(port))

    async def keep_away(self, container: str, ports: Iterable[int]) -> None:
        """Hold connections to kept ports that lead to this node; FlockerError when it cannot.

        Connections that are held for too long are refused, as long as their port is kept. Rules
        that lead elsewhere are in force when this returns.
        """
        leading_here = tuple(port for port in ports if self._kept[port] is None)
        await self._hold(container, leading_here)
        self._kept.update({port: self._held[port] for port in leading_here})
        if self._in_force != self._chosen():
            await self._apply()

    def refuse(self, ports: Iterable[int]) -> None:
        """Refuse the connections that wait at these ports."""
        for port in ports:
            if port in self._held:
                self._held_too_long(port)

    async def forget(self, ports: Iterable[int]) -> None:
        """Drop local statements about these ports, so that the cluster's rules hold again."""
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
        """How many connections this node holds, for each port; we call `changed` after changes."""
        return self._holder.counts()

    def close(self) -> None:
        """Stop holding connections."""
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
        desired = self._by_port().get(port)
        self._kept.pop(port, None)
        self._held.pop(port, None)
        self._said[port] = _Said(route, desired)
        if route == desired:
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
            lambda failure: self._log.failure("cannot stop holding port {port}", failure, port=port)
        )

    def _count_changed(self) -> None:
        if self._telling is None:
            self._telling = self._clock.callLater(COUNT_SECONDS, self._tell)

    def _tell(self) -> None:
        self._telling = None
        self._changed()

    def _stop_timer(self, port: int) -> None:
        timer = self._timers.pop(port, None)
        if timer is not None and timer.active():
            timer.cancel()

    async def _apply(self) -> None:
        await self._lock.run(lambda: Deferred.fromCoroutine(self._put_in_force()))

    async def _put_in_force(self) -> None:
        """Apply the rules; a listener opens before a rule leads to it, and closes after."""
        desired, self._in_force = self._chosen(), None
        datagrams = _of_datagrams(desired)
        routes = [rule for rule in desired - datagrams if isinstance(rule, Route)]
        self._relays = {route.port: rule for route in routes if (rule := await self._relay(route))}
        self._relaying |= self._relays.keys()
        await self._routing.replace(desired | frozenset(self._relays.values()))
        self._in_force = desired
        await self._forget_flows(datagrams)
        for port in self._relaying - self._relays.keys():
            self._holder.leave(port)
        self._relaying &= self._relays.keys()

    async def _forget_flows(self, datagrams: frozenset[Rule]) -> None:
        """Have the datagrams of known flows follow the rules that are new."""
        self._datagrams = self._datagrams or frozenset()
        changed = datagrams ^ self._datagrams
        if changed:
            try:
                await self._routing.forget(frozenset(rule.port for rule in changed))
            except FlockerError as error:
                self._log.warn(
                    "old flows of datagrams may go to where a container was: {error}", error=error
                )
                return
        self._datagrams = datagrams

    async def _relay(self, route: Route) -> Relayed | None:
        """Relay connections of the version of IP that the route's address does not have."""
        try:
            listener = await self._holder.relay(route.port, route.address)
        except FlockerError as error:
            self._log.warn(
                "clients cannot reach {container} here over IPv{version}: {error}",
                container=route.container,
                version=other_version(route.address),
                error=error,
            )
            return None
        if listener is None:
            return None
        return Relayed(route.port, listener, route.container, other_version(route.address))

    def _rules(self) -> frozenset[Rule]:
        """All rules that should be in force."""
        chosen = self._chosen()
        routes = (rule for rule in chosen - _of_datagrams(chosen) if isinstance(rule, Route))
        routed = {rule.port for rule in routes}
        return chosen | {rule for port, rule in self._relays.items() if port in routed}

    def _chosen(self) -> frozenset[Rule]:
        """For each port the one rule that applies; none means that it is served here."""
        by_port: dict[int, Rule | None] = {**self._by_port()}
        by_port.update({port: said.route for port, said in self._said.items()})
        by_port.update(self._kept)
        by_port.update(self._held)
        there = frozenset(rule for rule in by_port.values() if rule is not None)
        return there | {rule for rule in _of_datagrams(self._routes) if self._leads_away(rule)}

    def _by_port(self) -> dict[int, Rule]:
        """The cluster's rules by TCP port; a container that serves here needs none."""
        return {
            rule.port: rule
            for rule in self._routes - _of_datagrams(self._routes)
            if not isinstance(rule, Relayed) and self._leads_away(rule)
        }

    def _leads_away(self, rule: Rule) -> bool:
        return not (isinstance(rule, Route) and rule.address == self._address)

    def _is_history(self, said: _Said, desired: Rule | None) -> bool:
        is_the_same = desired == said.route
        is_newer = desired is not None and desired != said.instead_of
        return is_the_same or is_newer


def _of_datagrams(rules: frozenset[Rule]) -> frozenset[Rule]:
    return frozenset(rule for rule in rules if protocol_of(rule) == UDP)
