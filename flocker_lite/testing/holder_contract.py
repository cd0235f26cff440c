"""The contract of every IHolder, as tests to mix into a trial TestCase."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from flocker_lite.routing.interfaces import IHolder

if TYPE_CHECKING:
    Base = TestCase
else:
    # A mixin, so that no test runner takes the contract itself for a test case.
    Base = object

PORT, ANOTHER = 7000, 7001
ADDRESS, ADDRESS6 = "127.0.0.1", "::1"


class HolderContract(Base):
    """Implement `make_holder`; close what it returns at the end of the test."""

    def make_holder(self, two_versions: bool = True) -> IHolder:
        """A holder on a node with both versions of IP, or with version 4 only."""
        raise NotImplementedError

    async def test_provides(self) -> None:
        """It has all the methods of IHolder."""
        assert verifyObject(IHolder, self.make_holder())

    async def test_one_listener_for_each_port(self) -> None:
        """A port keeps its listener, whether it is held or relayed."""
        holder = self.make_holder()
        listener = await holder.hold(PORT)
        assert await holder.hold(PORT) == listener
        assert await holder.hold(ANOTHER) != listener
        assert await holder.relay(PORT, ADDRESS) == listener
        assert await holder.relay(PORT, ADDRESS) == listener
        assert await holder.hold(PORT) == listener

    async def test_an_address_of_either_version(self) -> None:
        """Connections of the other version of IP are relayed."""
        holder = self.make_holder()
        assert await holder.relay(PORT, ADDRESS) is not None
        assert await holder.relay(ANOTHER, ADDRESS6) is not None

    async def test_one_version(self) -> None:
        """A node without the other version of IP relays nothing."""
        holder = self.make_holder(two_versions=False)
        assert await holder.hold(PORT) is not None
        assert await holder.relay(PORT, ADDRESS) is None

    async def test_nothing_to_do(self) -> None:
        """Calls about an unknown port do nothing."""
        holder = self.make_holder()
        holder.forward(PORT, ADDRESS)
        holder.forward_and_close(PORT, ADDRESS)
        holder.stop_relaying(PORT)
        holder.refuse(PORT)
        assert holder.counts() == {}
