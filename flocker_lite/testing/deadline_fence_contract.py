"""The contract of every IDeadlineFence, as tests to mix into a trial TestCase."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import ArmedDeadline, IDeadlineFence
from flocker_lite.zfs.fence_lead import LEAD_SECONDS_MAX

if TYPE_CHECKING:
    Base = TestCase
else:
    # A mixin, so that no test runner takes the contract itself for a test case.
    Base = object

SOON_SECONDS = 1.5
"""Longer than a busy machine takes to start a fence and to tell it what it guards."""
LATE_SECONDS = 60.0
SHOP, BLOG = "shop", "blog"
DATASETS = frozenset({"00000000-0000-4000-8000-000000000001"})
MORE_DATASETS = DATASETS | {"00000000-0000-4000-8000-000000000002"}


class DeadlineFenceCase(Base):
    """Implement `make_fence` and a clock, and containers that it can kill."""

    def make_fence(self) -> IDeadlineFence:
        """The fence of this node as its agent has it; asked again, as the next agent has it."""
        raise NotImplementedError

    def now(self) -> float:
        """The time, in the seconds of `until`."""
        raise NotImplementedError

    def run_container(self, processes: int = 1) -> str:
        """Run a container that seems to have so many processes; returns its instance."""
        raise NotImplementedError

    def run_again(self, instance: str) -> None:
        """Start an instance that was killed."""
        raise NotImplementedError

    def runs(self, instance: str) -> bool:
        """Whether the container still runs."""
        raise NotImplementedError

    async def pass_time(self, seconds: float) -> None:
        """Let this much time pass."""
        raise NotImplementedError

    async def lose_a_part(self, fence: IDeadlineFence, which: int) -> None:
        """Kill the first part (0) of the fence, or the second (1)."""
        raise NotImplementedError

    async def arm_for(
        self, fence: IDeadlineFence, instance: str, seconds: float, name: str = SHOP
    ) -> None:
        """Arm the deadline of a container that runs."""
        await fence.arm_deadline(name, DATASETS, self.now() + seconds)
        await fence.add_instance(name, instance)

    async def ended(self, *instances: str) -> None:
        """Wait until the containers have ended; AssertionError when they do not."""
        for _ in range(100):
            if not any(self.runs(each) for each in instances):
                return
            await self.pass_time(0.05)
        raise AssertionError(f"{instances}: one still runs")

    async def armed(self, fence: IDeadlineFence, instance: str) -> None:
        """Arm the deadline as soon as that is possible again."""
        for _ in range(100):
            try:
                await self.arm_for(fence, instance, LATE_SECONDS)
            except FlockerError:
                await self.pass_time(0.05)
            else:
                return
        raise AssertionError("it cannot be armed")


class DeadlineFenceContract(DeadlineFenceCase):
    """The tests."""

    async def test_provides(self) -> None:
        """It has all the methods of IDeadlineFence, and guards nothing at first."""
        fence = self.make_fence()
        assert verifyObject(IDeadlineFence, fence)
        assert dict(await fence.deadlines()) == {}

    async def test_it_kills_at_the_deadline(self) -> None:
        """Its containers, all at once, and no other; and it says so."""
        fence, other = self.make_fence(), self.run_container()
        lost: list[str] = []
        fence.lost = lost.append
        guarded = [self.run_container() for _ in range(3)]
        await self.arm_for(fence, guarded[0], SOON_SECONDS)
        await fence.add_instance(SHOP, guarded[1])
        await self.arm_for(fence, guarded[2], SOON_SECONDS, BLOG)
        assert all(self.runs(each) for each in guarded)
        await self.ended(*guarded)
        await self.pass_time(SOON_SECONDS)
        assert (self.runs(other), sorted(lost)) == (True, [BLOG, SHOP])

    async def test_it_begins_earlier_with_many_processes(self) -> None:
        """So that the last one is dead in time; what has a later deadline goes on."""
        fence, many, few = self.make_fence(), self.run_container(5000), self.run_container()
        await self.arm_for(fence, many, LEAD_SECONDS_MAX + 2 * SOON_SECONDS)
        await self.arm_for(fence, few, 2 * LEAD_SECONDS_MAX, BLOG)
        await self.pass_time(SOON_SECONDS)
        assert self.runs(many)
        await self.pass_time(2 * SOON_SECONDS)
        assert (self.runs(many), self.runs(few)) == (False, True)
        await fence.disarm(BLOG)

    async def test_it_is_renewed(self) -> None:
        """By a later deadline; an earlier one does not count, but its datasets do."""
        fence, guarded = self.make_fence(), self.run_container()
        await self.arm_for(fence, guarded, SOON_SECONDS)
        until = self.now() + LATE_SECONDS
        await fence.arm_deadline(SHOP, DATASETS, until)
        await fence.arm_deadline(SHOP, MORE_DATASETS, self.now() + SOON_SECONDS)
        await self.pass_time(2 * SOON_SECONDS)
        assert self.runs(guarded)
        assert await fence.deadlines() == {SHOP: ArmedDeadline(MORE_DATASETS, until)}
        await fence.disarm(SHOP)

    async def test_it_kills_nothing_that_was_disarmed(self) -> None:
        """Disarming is idempotent, and leaves the others armed."""
        fence, guarded, other = self.make_fence(), self.run_container(), self.run_container()
        await self.arm_for(fence, guarded, SOON_SECONDS)
        await self.arm_for(fence, other, LATE_SECONDS, BLOG)
        await fence.disarm(SHOP)
        await fence.disarm(SHOP)
        await self.pass_time(2 * SOON_SECONDS)
        assert self.runs(guarded)
        assert set(await fence.deadlines()) == {BLOG}
        await fence.disarm(BLOG)

    async def test_an_instance_may_be_added_late(self) -> None:
        """A container that is started anew is another instance under the same deadline."""
        fence, first, second = self.make_fence(), self.run_container(), self.run_container()
        await self.arm_for(fence, first, 2 * SOON_SECONDS)
        await self.pass_time(SOON_SECONDS)
        await fence.add_instance(SHOP, second)
        await fence.add_instance(SHOP, second)
        await self.ended(first, second)

    async def test_what_has_no_deadline_is_not_guarded(self) -> None:
        """Adding an instance is an error without a deadline, and when it has passed."""
        fence, guarded = self.make_fence(), self.run_container()
        with pytest.raises(FlockerError):
            await fence.add_instance(SHOP, guarded)
        await self.arm_for(fence, guarded, SOON_SECONDS)
        await self.ended(guarded)
        with pytest.raises(FlockerError):
            await fence.add_instance(SHOP, guarded)

    async def test_no_deadline_is_armed_that_is_over(self) -> None:
        fence = self.make_fence()
        with pytest.raises(FlockerError):
            await fence.arm_deadline(SHOP, DATASETS, self.now() - 0.1)
        assert dict(await fence.deadlines()) == {}

    async def test_what_was_ended_stays_ended(self) -> None:
        """Whoever starts it: until the deadline is armed anew, by a renewal."""
        fence, guarded = self.make_fence(), self.run_container()
        await self.arm_for(fence, guarded, SOON_SECONDS)
        await self.ended(guarded)
        await self.pass_time(SOON_SECONDS)
        assert (await fence.deadlines())[SHOP].has_passed
        self.run_again(guarded)
        await self.ended(guarded)
        await self.armed(fence, guarded)
        self.run_again(guarded)
        await self.pass_time(2.0)
        assert self.runs(guarded)
        assert not (await fence.deadlines())[SHOP].has_passed
        await fence.disarm(SHOP)

    async def test_the_next_agent_finds_it(self) -> None:
        """It renews what the former one armed, and is told of the end."""
        guarded = self.run_container()
        await self.arm_for(self.make_fence(), guarded, 2 * SOON_SECONDS)
        fence = self.make_fence()
        lost: list[str] = []
        fence.lost = lost.append
        until = self.now() + 4 * SOON_SECONDS
        assert set(await fence.deadlines()) == {SHOP}
        await fence.arm_deadline(SHOP, DATASETS, until)
        await self.pass_time(3 * SOON_SECONDS)
        assert self.runs(guarded)
        await self.ended(guarded)
        await self.pass_time(SOON_SECONDS)
        assert lost == [SHOP]

    async def test_its_own_death_ends_all(self) -> None:
        """At once, whichever of its processes dies; then another fence may be started."""
        for which in (0, 1):
            fence, guarded, other = self.make_fence(), self.run_container(), self.run_container()
            lost: list[str] = []
            fence.lost = lost.append
            await self.arm_for(fence, guarded, LATE_SECONDS)
            await self.arm_for(fence, other, LATE_SECONDS, BLOG)
            await self.lose_a_part(fence, which)
            await self.ended(guarded, other)
            await self.pass_time(SOON_SECONDS)
            assert sorted(lost) == [BLOG, SHOP]
            again = self.run_container()
            await self.armed(fence, again)
            await self.pass_time(SOON_SECONDS)
            assert self.runs(again)
            await fence.disarm(SHOP)
