"""The contract of every IFence, as tests to mix into a trial TestCase."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IFence

if TYPE_CHECKING:
    Base = TestCase
else:
    # A mixin, so that no test runner takes the contract itself for a test case.
    Base = object

SOON_SECONDS = 0.4
LATE_SECONDS = 60.0
SHOP = "shop"
DATASETS = frozenset({"00000000-0000-4000-8000-000000000001"})


class FenceCase(Base):
    """Implement `make_fence`, and containers that it can kill, with datasets on probation."""

    def make_fence(self) -> IFence:
        raise NotImplementedError

    def run_container(self) -> str:
        """Run a container; returns its instance."""
        raise NotImplementedError

    def runs(self, instance: str) -> bool:
        """Whether the container still runs."""
        raise NotImplementedError

    async def pass_time(self, seconds: float) -> None:
        """Let this much time pass."""
        raise NotImplementedError

    async def lose_a_part(self, fence: IFence, container: str, which: int) -> None:
        """Kill the first part (0) of the fence of a container, or the second (1)."""
        raise NotImplementedError

    async def arm_for(self, fence: IFence, instance: str, seconds: float) -> None:
        """Arm the fence of a container for so many seconds; twice, as a move does."""
        await fence.arm(SHOP, DATASETS, LATE_SECONDS)
        await fence.add_instance(SHOP, instance)
        await fence.arm(SHOP, DATASETS, seconds)

    async def ended(self, instance: str) -> None:
        """Wait until the container has ended; AssertionError when it does not."""
        for _ in range(100):
            if not self.runs(instance):
                return
            await self.pass_time(0.05)
        raise AssertionError(f"{instance} still runs")


class FenceContract(FenceCase):
    """The tests."""

    async def test_provides(self) -> None:
        """It has all the methods of IFence."""
        assert verifyObject(IFence, self.make_fence())

    async def test_it_kills_when_the_time_is_over(self) -> None:
        """It kills its container and no other, whatever a lease says."""
        fence, guarded, other = self.make_fence(), self.run_container(), self.run_container()
        lost: list[str] = []
        fence.lost = lost.append
        await self.arm_for(fence, guarded, SOON_SECONDS)
        assert self.runs(guarded)
        await self.ended(guarded)
        await self.pass_time(SOON_SECONDS)
        assert (self.runs(other), lost) == (True, [SHOP])

    async def test_it_kills_nothing_that_was_disarmed(self) -> None:
        """Disarming is idempotent."""
        fence, guarded = self.make_fence(), self.run_container()
        lost: list[str] = []
        fence.lost = lost.append
        await self.arm_for(fence, guarded, SOON_SECONDS)
        await fence.disarm(SHOP)
        await fence.disarm(SHOP)
        await self.pass_time(2 * SOON_SECONDS)
        assert (self.runs(guarded), lost) == (True, [])

    async def test_it_counts_anew(self) -> None:
        """A new end replaces the former one, and the container stays fenced."""
        fence, guarded = self.make_fence(), self.run_container()
        await self.arm_for(fence, guarded, SOON_SECONDS)
        await self.ended(guarded)

    async def test_it_may_count_longer(self) -> None:
        fence, guarded = self.make_fence(), self.run_container()
        await self.arm_for(fence, guarded, 3 * SOON_SECONDS)
        await fence.arm(SHOP, DATASETS, LATE_SECONDS)
        await self.pass_time(4 * SOON_SECONDS)
        assert self.runs(guarded)
        await fence.disarm(SHOP)

    async def test_its_own_death_ends_the_trial(self) -> None:
        """The container ends at once, whichever process of the fence dies."""
        for which in (0, 1):
            fence, guarded = self.make_fence(), self.run_container()
            lost: list[str] = []
            fence.lost = lost.append
            await self.arm_for(fence, guarded, LATE_SECONDS)
            await self.lose_a_part(fence, SHOP, which)
            await self.ended(guarded)
            await self.pass_time(SOON_SECONDS)
            assert lost == [SHOP]

    async def test_what_has_no_fence_is_not_guarded(self) -> None:
        """Without a fence, or after it ended, adding a container to it is an error."""
        fence, guarded = self.make_fence(), self.run_container()
        with pytest.raises(FlockerError):
            await fence.add_instance(SHOP, guarded)
        await fence.arm(SHOP, DATASETS, LATE_SECONDS)
        await self.lose_a_part(fence, SHOP, 0)
        await self.pass_time(SOON_SECONDS)
        with pytest.raises(FlockerError):
            await fence.add_instance(SHOP, guarded)
