"""The contract of every IListeners, as tests to mix into a trial TestCase."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from flocker_lite.interfaces import IListeners
from flocker_lite.model.container_fields.ports import port_key

if TYPE_CHECKING:
    Base = TestCase
else:
    # A mixin, so that no test runner takes the contract itself for a test case.
    Base = object


class ListenersContract(Base):
    """Implement `make` for a node, and `listen` and `leave` for a process of that node."""

    async def make(self) -> IListeners:
        raise NotImplementedError

    async def listen(self, protocol: str) -> tuple[int, int]:
        """Make another process listen at a port; returns the port and the process's pid."""
        raise NotImplementedError

    async def leave(self) -> None:
        """End that process."""
        raise NotImplementedError

    async def test_provides(self) -> None:
        """It has all the methods of IListeners."""
        assert verifyObject(IListeners, await self.make())

    async def test_comes_and_goes(self) -> None:
        """The next look shows a listener's name and pid, and no longer once it has ended."""
        listeners = await self.make()
        for protocol in ("tcp", "udp"):
            number, pid = await self.listen(protocol)
            key = port_key(number, protocol)
            listener = (await listeners.discover())[key]
            assert listener.pid == pid
            assert listener.process
            await self.leave()
            assert key not in await listeners.discover()
