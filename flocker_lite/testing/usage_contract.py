"""The contract of IUsage, as tests to mix into a trial TestCase."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from flocker_lite.interfaces.usage import IUsage
from flocker_lite.model.records import Container

if TYPE_CHECKING:
    Base = TestCase
else:
    # A mixin, so that no test runner takes the contract itself for a test case.
    Base = object

NODE = "aaaaaaaa-0000-4000-8000-000000000001"
BUSY = Container("busy", NODE, "redis:latest", command_line=("sh", "-c", "while :; do :; done"))
IDLE = Container("idle", NODE, "redis:latest", command_line=("sleep", "1000"))
STOPPED = Container("stopped", NODE, "redis:latest")


class UsageContract(Base):
    """Implement `make`."""

    async def make(self) -> IUsage:
        """Of a node where BUSY and IDLE run, and STOPPED was created and not started."""
        raise NotImplementedError

    async def test_usage(self) -> None:
        """Those that run are measured: a busy one uses more of the CPUs than one that waits."""
        usage = await self.make()
        verifyObject(IUsage, usage)
        found = await usage.measure()
        assert set(found) == {BUSY.name, IDLE.name}
        busy, idle = found[BUSY.name], found[IDLE.name]
        assert busy.cpu_share is not None
        assert idle.cpu_share is not None
        # Other work may leave a busy one little of the CPUs.
        assert busy.cpu_share > 0.02 > idle.cpu_share
        for each in (busy, idle):
            assert each.memory_bytes is not None
            assert each.memory_bytes > 0
            for count in (each.received_bytes, each.sent_bytes):
                assert count is not None
                assert count >= 0
