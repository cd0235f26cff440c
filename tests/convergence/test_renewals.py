"""Renewals of fencing deadlines: whom a node asks, what it arms, and what may start."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from flocker_lite.convergence.renewals import Renewals
from flocker_lite.errors import FlockerError, PeerUnreachable
from flocker_lite.model.fencing.claims import Renewal
from flocker_lite.model.fencing.primary import CONTROL, Counting
from flocker_lite.planner.deadlines import UnderDeadline
from flocker_lite.testing.memory_deadline_fence import MemoryDeadlineFence
from flocker_lite.testing.memory_fencing_record import MemoryFencingRecord

AFTER = 12.0
COUNTING = Counting("g1", ("n2", "n3"), AFTER)
SHOP = UnderDeadline("shop", frozenset({"d"}), pmap({"d": 7}), COUNTING, True)


class World:
    """The control service and two standbys, each of which grants, refuses or hangs."""

    def __init__(self, running: dict[str, str] | None = None) -> None:
        """At first these run: the instance of each container."""
        self.clock = Clock()
        self.granting = {CONTROL, "n2", "n3"}
        self.hanging: set[str] = set()
        self.asked: list[tuple[str, tuple[Renewal, ...]]] = []
        self.killed: list[str] = []
        self.running = dict(running or {})
        self.wanted: dict[str, UnderDeadline] = {"shop": SHOP}
        self.fence = MemoryDeadlineFence(clock=self.clock, kill=self.kill)
        self.record = MemoryFencingRecord()
        self.start()

    def start(self) -> None:
        """An agent starts."""
        self.changes = 0
        self.renewals = Renewals(
            "n1", self.clock, self.clock.seconds, self.fence, self.record, self, self.changed
        )
        self.renewals.ask_control = self.control
        self.look()

    def changed(self) -> None:
        self.changes += 1
        self.look()

    def kill(self, instance: str) -> None:
        self.killed.append(instance)
        self.running = {name: each for name, each in self.running.items() if each != instance}

    def look(self) -> None:
        """The agent plans."""
        self.renewals.see(self.wanted, self.running)

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.25)):
            self.clock.advance(0.25)
            self.look()

    async def control(self, renewals: tuple[Renewal, ...]) -> dict[str, str]:
        return await self.ask(CONTROL, renewals)

    async def ask(self, node_id: str, renewals: tuple[Renewal, ...]) -> dict[str, str]:
        self.asked.append((node_id, renewals))
        if node_id in self.hanging:
            await Deferred()
        if node_id not in self.granting:
            raise PeerUnreachable(f"{node_id} is dead")
        return {}

    def keep(self, witnesses: frozenset[str]) -> None:
        """No others are asked."""
        self.kept = witnesses

    @property
    def may_start(self) -> bool:
        return not self.renewals.barred(["shop"])

    async def run(self) -> None:
        """The container is started."""
        await self.renewals.fence_instance("shop", "i1")
        self.running = {"shop": "i1"}
        self.look()


class RenewalsTests(TestCase):
    """An agent with one container that may run under a deadline."""

    def setUp(self) -> None:
        self.world = World()

    async def test_nothing_starts_before_a_renewal_is_in_hand(self) -> None:
        """And the state says for whom it waits."""
        world = self.world
        world.granting = set()
        world.pass_time(1.0)
        assert not world.may_start
        why = world.renewals.barred(["shop"])["shop"]
        assert "once its fencing deadline is renewed" in why
        assert "is dead" in why
        assert world.renewals.armed == {"shop": False}
        with pytest.raises(FlockerError):
            await world.run()
        world.granting = {CONTROL}
        world.pass_time(AFTER / 6 + 0.5)
        assert world.may_start
        assert world.renewals.armed == {"shop": True}
        await world.run()

    async def test_the_agent_counts_from_when_it_asked(self) -> None:
        """However long the answer takes."""
        world = self.world
        world.pass_time(1.0)
        armed = (await world.fence.deadlines())["shop"]
        assert armed.until <= AFTER + 0.25

    async def test_the_control_service_may_be_dead(self) -> None:
        """As long as all standbys renew."""
        world = self.world
        world.pass_time(1.0)
        await world.run()
        world.granting = {"n2", "n3"}
        world.pass_time(10 * AFTER)
        assert world.killed == []
        world.granting = {"n2"}
        world.pass_time(AFTER + 1)
        assert world.killed[:1] == ["i1"]

    async def test_standbys_may_be_dead(self) -> None:
        """As long as the control service renews; one that hangs delays nobody else."""
        world = self.world
        world.pass_time(1.0)
        await world.run()
        world.granting, world.hanging = {CONTROL}, {"n3"}
        world.pass_time(10 * AFTER)
        assert world.killed == []

    async def test_who_is_cut_off_is_ended(self) -> None:
        """By the fence; it starts again with a new renewal, and not before."""
        world = self.world
        world.pass_time(1.0)
        await world.run()
        world.granting = set()
        world.pass_time(AFTER + 1)
        assert world.killed[:1] == ["i1"]
        assert not world.may_start
        assert world.renewals.armed == {"shop": False}
        assert "its fencing deadline passed" in world.renewals.barred(["shop"])["shop"]
        before = world.changes
        world.granting = {CONTROL}
        world.pass_time(AFTER / 6 + 0.5)
        assert world.may_start
        assert world.changes > before
        await world.run()
        world.pass_time(3 * AFTER)
        assert world.running == {"shop": "i1"}

    async def test_what_counts_is_written_down_before_it_is_asked(self) -> None:
        """Once, not with each renewal."""
        world = self.world
        world.pass_time(3 * AFTER)
        assert dict(world.record.record.countings) == {"shop": COUNTING}
        world.record.error = FlockerError("the disk is full")
        other = replace(COUNTING, generation="g2", witnesses=("n2",))
        world.wanted = {"shop": replace(SHOP, counting=other)}
        asked = len(world.asked)
        world.pass_time(AFTER)
        assert len(world.asked) == asked
        world.record.error = None
        world.pass_time(3.0)
        assert world.asked[-1][1][0].generation == "g2"
        assert {one for one, _ in world.asked[asked:]} == {CONTROL, "n2"}

    async def test_the_next_agent_goes_on(self) -> None:
        """It finds what is armed; what is not running waits for a renewal all the same."""
        world = self.world
        world.pass_time(1.0)
        await world.run()
        world.renewals.stop()
        world.clock.advance(2.0)
        world.granting = set()
        world.start()
        world.pass_time(1.0)
        assert not world.may_start
        assert world.renewals.to_stop == frozenset()
        world.granting = {CONTROL}
        world.pass_time(3 * AFTER)
        assert world.killed == []

    async def test_a_container_that_ran_without_deadline_gets_one(self) -> None:
        """The fence guards it before anybody is asked."""
        world = self.world = World({"shop": "i0"})
        world.pass_time(1.0)
        assert world.fence.armed["shop"].instances == {"i0"}
        assert world.renewals.to_stop == frozenset()
        world.granting = set()
        world.pass_time(AFTER + 1)
        assert world.killed[:1] == ["i0"]

    async def test_what_runs_without_its_fence_is_stopped(self) -> None:
        """Both processes of the fence were killed at one instant; standbys count on its end."""
        world = self.world
        world.pass_time(1.0)
        await world.run()
        world.renewals.stop()
        world.fence.crash()
        world.granting = set()
        world.start()
        world.pass_time(1.0)
        assert world.renewals.to_stop == {"shop"}

    async def test_what_left_is_disarmed_once_nothing_of_it_runs(self) -> None:
        world = self.world
        world.pass_time(1.0)
        await world.run()
        world.wanted = {}
        world.pass_time(1.0)
        assert "shop" in world.fence.armed
        world.running = {}
        world.pass_time(1.0)
        assert world.fence.armed == {}
        assert dict(world.record.record.countings) == {}

    async def test_what_needs_no_deadline_any_more_is_disarmed_at_once(self) -> None:
        world = self.world
        world.pass_time(1.0)
        await world.run()
        world.wanted = {}
        world.renewals.see({}, world.running, ["shop"])
        world.clock.advance(0.25)
        assert world.fence.armed == {}

    async def test_another_owner_needs_other_renewals(self) -> None:
        """Those of its former epochs do not count."""
        world = self.world
        world.pass_time(1.0)
        assert world.may_start
        world.granting = set()
        world.wanted = {"shop": replace(SHOP, epochs=pmap({"d": 9}))}
        world.look()
        assert not world.may_start

    async def test_many_are_asked_for_at_once(self) -> None:
        """A hundred containers take one message to each side, and one write."""
        world = self.world
        world.wanted = {f"c{n}": replace(SHOP, container=f"c{n}") for n in range(100)}
        world.pass_time(0.5)
        asked = len(world.asked)
        world.pass_time(AFTER / 6)
        assert len(world.asked) - asked == 3
        assert world.record.writes <= 2
        assert len(world.fence.armed) == 100

    def tearDown(self) -> None:
        self.world.renewals.stop()
