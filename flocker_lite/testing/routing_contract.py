"""The contract of every IRouting, as tests to mix into a trial TestCase."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from flocker_lite.interfaces import IRouting
from flocker_lite.model.state import Held, Relayed, Route, Rule

if TYPE_CHECKING:
    Base = TestCase
else:
    # A mixin, so that no test runner takes the contract itself for a test case.
    Base = object

REDIS = Route(7000, "10.79.1.12", "redis")
NGINX = Route(8080, "10.79.1.13", "nginx")
LONG = Route(8081, "10.79.1.13", "n" * 300)
SIX = Route(8082, "fd00::12", "over-ipv6")
DNS = Route(53, "10.79.1.12", "dns", "udp")
SAME_NUMBER = Route(REDIS.port, "10.79.1.13", "names", "udp")
SIX_DNS = Route(5353, "fd00::12", "dns-over-ipv6", "udp")
HELD = Held(8083, 41000, "on-its-way")
LONG_HELD = Held(8084, 41001, "h" * 300)
RELAYED = Relayed(REDIS.port, 41002, REDIS.container, 6)
RELAYED4 = Relayed(SIX.port, 41003, SIX.container, 4)


class RoutingContract(Base):
    """Implement `make`, which returns the routing of a node that has no routes yet."""

    async def make(self) -> IRouting:
        raise NotImplementedError

    async def test_provides(self) -> None:
        """It has all the methods of IRouting."""
        assert verifyObject(IRouting, await self.make())

    async def test_none_at_first(self) -> None:
        """A new node has no routes."""
        routing = await self.make()
        assert await routing.discover() == frozenset()

    async def test_what_is_in_force_reads_back(self) -> None:
        """Discovery returns exactly the rules in force, with long names, IPv6, relays and UDP."""
        routing = await self.make()
        routes: frozenset[Rule] = frozenset(
            {REDIS, NGINX, LONG, SIX, HELD, LONG_HELD, RELAYED, RELAYED4}
        )
        routes |= {DNS, SAME_NUMBER, SIX_DNS}
        await routing.replace(routes)
        assert await routing.discover() == routes

    async def test_forget(self) -> None:
        """UDP flows are forgotten, also when there are none; the rules stay."""
        routing = await self.make()
        await routing.replace(frozenset({DNS, SIX_DNS}))
        for _ in range(2):
            await routing.forget(frozenset({DNS.port, SIX_DNS.port}))
        assert await routing.discover() == {DNS, SIX_DNS}

    async def test_replace_replaces(self) -> None:
        """Replacing drops routes that are not among the new ones, and changes the others."""
        routing = await self.make()
        await routing.replace(frozenset({REDIS, NGINX, SIX}))
        moved = Route(REDIS.port, "10.79.1.14", "redis")
        await routing.replace(frozenset({moved}))
        assert await routing.discover() == frozenset({moved})

    async def test_hold_and_lead_on(self) -> None:
        """A held port becomes a route in one step, and the other way round."""
        routing = await self.make()
        led = Route(HELD.port, "10.79.1.14", HELD.container)
        rules: tuple[Rule, ...] = (HELD, led, HELD)
        for rule in rules:
            await routing.replace(frozenset({REDIS, rule}))
            assert await routing.discover() == frozenset({REDIS, rule})
        await routing.replace(frozenset())
        assert await routing.discover() == frozenset()

    async def test_replace_twice(self) -> None:
        """Putting the same routes in force again changes nothing."""
        routing = await self.make()
        await routing.replace(frozenset({REDIS}))
        await routing.replace(frozenset({REDIS}))
        assert await routing.discover() == frozenset({REDIS})

    async def test_replace_with_none(self) -> None:
        """All routes can be removed, even when there are none."""
        routing = await self.make()
        await routing.replace(frozenset({REDIS}))
        await routing.replace(frozenset())
        await routing.replace(frozenset())
        assert await routing.discover() == frozenset()
