"""Decides where this node's connections go, by the cluster's routes and by local knowledge.

The control service says where containers serve, but a little late. The code that starts, stops or
hands over a container on this node knows it at once, and overrides the cluster's rule here. An
override holds until the control service says the same, or something newer.

Overrides are about TCP ports. Nobody holds UDP datagrams: they follow the cluster's routes alone.
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
"""Changed counts are reported so long after the first change: clients may connect at any rate."""


@dataclass(frozen=True, slots=True)
class _Override:
    """Where a port's connections go instead (None: here), and the cluster's rule at that time."""

    route: Route | None
    cluster_rule: Rule | None


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
        self._overrides: dict[int, _Override] = {}
        self._frozen: dict[int, Rule | None] = {}
        self._held: dict[int, Held] = {}
        self._timers: dict[int, Any] = {}
        self._relays: dict[int, Relayed] = {}
        self._relayed_ports: set[int] = set()
        self._in_force: frozenset[Rule] | None = None
        self._udp_rules_in_force: frozenset[Rule] | None = None
        self._changed = changed
        self._report_timer: Any = None
        holder.changed = self._count_changed

    async def discover(self) -> frozenset[Rule]:
        """The cluster's routes, if they and the overrides are in force.

        Otherwise the rules that are in force, which then differ from the desired ones.
        """
        found = await self._routing.discover()
        if self._udp_rules_in_force is None:
            self._udp_rules_in_force = _udp_rules(found)
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
        desired = self._cluster_rules()
        self._overrides = {
            port: override
            for port, override in self._overrides.items()
            if not self._is_obsolete(override, desired.get(port))
        }
        await self._apply()

    async def hold(self, container: str, ports: Iterable[int]) -> None:
        """Hold new connections to these ports; if this node cannot, clients are refused.

        They wait until `route_to` or `serve_here` says where the container is, or until time is up.
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

    async def route_to(self, container: str, ports: Iterable[int], address: str) -> None:
        """Route connections to another node, where the container serves now.

        Held connections go there at once, without waiting for the kernel's new rules.
        """
        ports = tuple(ports)
        for port in ports:
            self._override(port, Route(port, address, container))
            self._holder.forward(port, address)
        await self._release(ports, address)

    async def serve_here(self, ports: Iterable[int]) -> None:
        """Serve connections on this node, where the container of these ports runs now."""
        ports = tuple(ports)
        for port in ports:
            self._override(port, None)
        await self._release(ports, self._address)

    def freeze(self, ports: Iterable[int]) -> None:
        """Keep the current rules for these ports until `serve_here` or `forget`."""
        desired = self._cluster_rules()
        for port in ports:
            override = self._overrides.get(port)
            self._frozen.setdefault(
                port, override.route if override is not None else desired.get(port)
            )

    async def hold_frozen(self, container: str, ports: Iterable[int]) -> None:
        """Hold connections to frozen ports that this node serves; FlockerError when it cannot.

        Once a hold times out, connections to the port are refused while it is frozen. Rules that
        route elsewhere are in force when this returns.
        """
        served_here = tuple(port for port in ports if self._frozen[port] is None)
        await self._hold(container, served_here)
        self._frozen.update({port: self._held[port] for port in served_here})
        if self._in_force != self._chosen():
            await self._apply()

    def refuse(self, ports: Iterable[int]) -> None:
        """Refuse the connections that wait at these ports."""
        for port in ports:
            if port in self._held:
                self._hold_timed_out(port)

    async def forget(self, ports: Iterable[int]) -> None:
        """Drop the overrides of these ports, so that the cluster's rules apply again."""
        ports = tuple(ports)
        for port in ports:
            self._frozen.pop(port, None)
            self._overrides.pop(port, None)
        if ports:
            await self._apply()

    def holds(self, ports: Iterable[int]) -> bool:
        """Whether connections to one of these ports wait here."""
        return any(port in self._held for port in ports)

    def counts(self) -> Mapping[int, PortState]:
        """How many connections this node holds, by port; it calls `changed` after changes."""
        return self._holder.counts()

    def close(self) -> None:
        """Stop holding connections."""
        if self._report_timer is not None:
            self._report_timer.cancel()
            self._report_timer = None
        for port in tuple(self._timers):
            self._stop_timer(port)
        self._holder.close()

    async def _hold(self, container: str, ports: tuple[int, ...]) -> None:
        for port in ports:
            self._stop_timer(port)
            self._timers[port] = self._clock.callLater(
                self._held_seconds_max, self._hold_timed_out, port
            )
        for port in ports:
            self._held[port] = Held(port, await self._holder.hold(port), container)
        if ports:
            await self._apply()

    def _override(self, port: int, route: Route | None) -> None:
        desired = self._cluster_rules().get(port)
        self._frozen.pop(port, None)
        self._held.pop(port, None)
        self._overrides[port] = _Override(route, desired)
        if route == desired:
            del self._overrides[port]

    async def _release(self, ports: tuple[int, ...], address: str) -> None:
        if ports:
            await self._apply()
        for port in ports:
            self._stop_timer(port)
            self._holder.forward_and_close(port, address)

    def _hold_timed_out(self, port: int) -> None:
        self._held.pop(port, None)
        self._stop_timer(port)
        self._holder.refuse(port)
        applying = Deferred.fromCoroutine(self._apply())
        applying.addErrback(
            lambda failure: self._log.failure("cannot stop holding port {port}", failure, port=port)
        )

    def _count_changed(self) -> None:
        if self._report_timer is None:
            self._report_timer = self._clock.callLater(COUNT_SECONDS, self._report)

    def _report(self) -> None:
        self._report_timer = None
        self._changed()

    def _stop_timer(self, port: int) -> None:
        timer = self._timers.pop(port, None)
        if timer is not None and timer.active():
            timer.cancel()

    async def _apply(self) -> None:
        await self._lock.run(lambda: Deferred.fromCoroutine(self._put_in_force()))

    async def _put_in_force(self) -> None:
        """Apply the rules; a listener opens before a rule redirects to it, and closes after."""
        desired, self._in_force = self._chosen(), None
        udp_rules = _udp_rules(desired)
        routes = [rule for rule in desired - udp_rules if isinstance(rule, Route)]
        self._relays = {route.port: rule for route in routes if (rule := await self._relay(route))}
        self._relayed_ports |= self._relays.keys()
        await self._routing.replace(desired | frozenset(self._relays.values()))
        self._in_force = desired
        await self._forget_flows(udp_rules)
        for port in self._relayed_ports - self._relays.keys():
            self._holder.stop_relaying(port)
        self._relayed_ports &= self._relays.keys()

    async def _forget_flows(self, udp_rules: frozenset[Rule]) -> None:
        """Have known UDP flows follow the rules that are new."""
        self._udp_rules_in_force = self._udp_rules_in_force or frozenset()
        changed = udp_rules ^ self._udp_rules_in_force
        if changed:
            try:
                await self._routing.forget(frozenset(rule.port for rule in changed))
            except FlockerError as error:
                self._log.warn(
                    "old UDP flows may go to the node where a container was: {error}", error=error
                )
                return
        self._udp_rules_in_force = udp_rules

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
        routes = (rule for rule in chosen - _udp_rules(chosen) if isinstance(rule, Route))
        routed = {rule.port for rule in routes}
        return chosen | {rule for port, rule in self._relays.items() if port in routed}

    def _chosen(self) -> frozenset[Rule]:
        """For each port the one rule that applies; none means that it is served here."""
        by_port: dict[int, Rule | None] = {**self._cluster_rules()}
        by_port.update({port: override.route for port, override in self._overrides.items()})
        by_port.update(self._frozen)
        by_port.update(self._held)
        there = frozenset(rule for rule in by_port.values() if rule is not None)
        return there | {rule for rule in _udp_rules(self._routes) if self._leads_away(rule)}

    def _cluster_rules(self) -> dict[int, Rule]:
        """The cluster's rules by TCP port; a container that serves here needs none."""
        return {
            rule.port: rule
            for rule in self._routes - _udp_rules(self._routes)
            if not isinstance(rule, Relayed) and self._leads_away(rule)
        }

    def _leads_away(self, rule: Rule) -> bool:
        return not (isinstance(rule, Route) and rule.address == self._address)

    def _is_obsolete(self, override: _Override, desired: Rule | None) -> bool:
        is_the_same = desired == override.route
        is_newer = desired is not None and desired != override.cluster_rule
        return is_the_same or is_newer


def _udp_rules(rules: frozenset[Rule]) -> frozenset[Rule]:
    return frozenset(rule for rule in rules if protocol_of(rule) == UDP)
