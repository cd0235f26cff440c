"""The contract of every IHosts, as tests to mix into a trial TestCase."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyrsistent import pmap
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from flocker_lite.interfaces import IHosts

if TYPE_CHECKING:
    Base = TestCase
else:
    # A mixin, so that no test runner takes the contract itself for a test case.
    Base = object


class HostsContract(Base):
    """Implement `make` for a node without containers; `begin` and `end` make and remove one."""

    async def make(self) -> IHosts:
        raise NotImplementedError

    async def begin(self, name: str) -> None:
        """Make a container that has networks."""
        raise NotImplementedError

    async def end(self, name: str) -> None:
        """Remove it."""
        raise NotImplementedError

    async def test_provides(self) -> None:
        """It has all the methods of IHosts."""
        assert verifyObject(IHosts, await self.make())

    async def test_led_names_read_back(self) -> None:
        """Discovery returns exactly the names that lead elsewhere, in order; none at first."""
        hosts = await self.make()
        assert await hosts.discover() == {}
        await self.begin("web")
        await self.begin("shop")
        assert await hosts.discover() == {"web": (), "shop": ()}
        led = pmap({"web": ("db", "database"), "shop": ("db",)})
        for names in (led, led, pmap({"web": (), "shop": ("x.example.org",)})):
            await hosts.lead(names)
            assert await hosts.discover() == names

    async def test_one_that_is_not_there(self) -> None:
        """A container that is gone by now is left out; others are as they were."""
        hosts = await self.make()
        await self.begin("web")
        await hosts.lead(pmap({"gone": ("db",), "web": ("db",)}))
        assert await hosts.discover() == {"web": ("db",)}
        await self.begin("shop")
        await hosts.lead(pmap({"shop": ("web",)}))
        assert await hosts.discover() == {"web": ("db",), "shop": ("web",)}
        await self.end("web")
        assert await hosts.discover() == {"shop": ("web",)}
