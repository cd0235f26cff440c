"""What every IListeners does, as tests to be mixed into a trial TestCase."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from flocker_lite.interfaces import IListeners

if TYPE_CHECKING:
    Base = TestCase
else:
    # A mixin, so that no test runner takes the contract itself for a test case.
    Base = object


class ListenersContract(Base):
    """Give `make`, for a node, and `listen` and `leave`, which have a process of it do so."""

    async def make(self) -> IListeners:
        raise NotImplementedError

    async def listen(self) -> tuple[int, int]:
        """Have another process listen at a port; returns the port and its pid."""
        raise NotImplementedError

    async def leave(self) -> None:
        """Have that process end."""
        raise NotImplementedError

    async def test_provides(self) -> None:
        """It has all the methods of IListeners."""
        assert verifyObject(IListeners, await self.make())

    async def test_comes_and_goes(self) -> None:
        """Who listens is seen at the next look, by name and pid, and not any more when gone."""
        listeners = await self.make()
        port, pid = await self.listen()
        listener = (await listeners.discover())[port]
        assert listener.pid == pid
        assert listener.process
        await self.leave()
        assert port not in await listeners.discover()
