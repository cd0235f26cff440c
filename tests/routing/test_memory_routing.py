"""The routing in memory keeps the contract, and does as it is told."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IRouting
from flocker_lite.testing.containers_contract import raised
from flocker_lite.testing.memory_routing import MemoryRouting
from flocker_lite.testing.routing_contract import (
    DNS,
    NGINX,
    REDIS,
    SAME_NUMBER,
    RoutingContract,
)


class MemoryRoutingTests(RoutingContract, TestCase):
    """On a fresh node."""

    async def make(self) -> IRouting:
        return MemoryRouting()


class LeverTests(TestCase):
    """What tests and simulations can do to it."""

    async def test_goes_to(self) -> None:
        """A new connection follows the routes as they are now."""
        memory = MemoryRouting()
        await memory.replace(frozenset({REDIS, NGINX}))
        assert memory.goes_to(REDIS.port) == REDIS
        await memory.replace(frozenset({NGINX}))
        assert memory.goes_to(REDIS.port) is None

    async def test_sends(self) -> None:
        """A client's datagrams go where its first went, until that is forgotten."""
        memory = MemoryRouting()
        await memory.replace(frozenset({DNS}))
        assert memory.sends("a", DNS.port) == DNS
        await memory.replace(frozenset({SAME_NUMBER}))
        assert memory.sends("a", DNS.port) == DNS
        assert memory.sends("b", DNS.port) is None
        assert memory.goes_to(SAME_NUMBER.port) is None
        await memory.forget(frozenset({SAME_NUMBER.port}))
        assert memory.sends("a", DNS.port) == DNS
        await memory.forget(frozenset({DNS.port}))
        assert memory.sends("a", DNS.port) is None

    async def test_fail_next(self) -> None:
        """One call fails before it does anything, and the next one works."""
        memory = MemoryRouting()
        memory.fail_next("replace", FlockerError("no"))
        await raised(FlockerError, memory.replace(frozenset({REDIS})))
        assert await memory.discover() == frozenset()
        await memory.replace(frozenset({REDIS}))
        assert await memory.discover() == frozenset({REDIS})

    async def test_crash(self) -> None:
        """A crash of the node takes the routes with it."""
        memory = MemoryRouting(frozenset({REDIS}))
        memory.crash()
        assert await memory.discover() == frozenset()
