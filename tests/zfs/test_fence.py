"""The fence, with its real processes: what it kills, when, and what it does not wait for."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from flocker_lite.interfaces import IFence
from flocker_lite.testing.fence_contract import (
    LATE_SECONDS,
    SHOP,
    SOON_SECONDS,
    FenceCase,
    FenceContract,
)
from flocker_lite.testing.memory_fence import MemoryFence
from flocker_lite.zfs.fence import ZfsFence
from flocker_lite.zfs.fence_expiry import says_probation
from flocker_lite.zfs.fence_kill import groups, kill_all
from flocker_lite.zfs.fence_process import IDLE_SECONDS_MAX, Verdict, decide
from tests.zfs.fence_world import Container, a_folder

ID, OTHER_ID = "a" * 64, "b" * 64


def test_whoever_is_left_alone_ends_the_trial() -> None:
    """Long before its time."""
    assert decide(100.0, False, True, False, 1.0, 0.0) is Verdict.END


def test_the_end_of_the_agent_changes_nothing() -> None:
    assert decide(100.0, False, False, True, 1.0, 0.0) is Verdict.WAIT
    assert decide(100.0, False, False, True, 100.0, 0.0) is Verdict.END


def test_who_does_not_count_ends_nothing() -> None:
    """It goes with its agent, with the other one, or after a long while."""
    assert decide(None, False, True, True, 1.0, 0.0) is Verdict.WAIT
    assert decide(None, False, False, True, 1.0, 0.0) is Verdict.LEAVE
    assert decide(None, False, True, False, 1.0, 0.0) is Verdict.LEAVE
    assert decide(None, False, True, True, IDLE_SECONDS_MAX, 0.0) is Verdict.LEAVE


@given(st.none() | st.floats(0, 1e9), st.booleans(), st.booleans(), st.floats(0, 1e9))
def test_who_was_told_to_stop_ends_nothing(
    until: float | None, agent_lives: bool, partner_lives: bool, now: float
) -> None:
    """Also when it reads that late: the machine may have stood still in between."""
    assert decide(until, True, agent_lives, partner_lives, now, 0.0) is Verdict.LEAVE


def test_nothing_is_ended_that_is_known_to_be_no_trial_any_more() -> None:
    assert decide(100.0, False, False, True, 99.0, 0.0, True) is Verdict.WAIT
    assert decide(100.0, False, False, True, 100.0, 0.0, True) is Verdict.LEAVE
    assert decide(100.0, False, False, False, 99.0, 0.0, True) is Verdict.LEAVE


def test_a_lease_that_cannot_be_read_is_one_on_probation() -> None:
    assert says_probation(0, "probation:8\n", "")
    assert says_probation(1, "", "it did not end in time")
    assert not says_probation(0, "primary:8\n", "")
    assert not says_probation(1, "", "cannot open 'p/d': dataset does not exist")


class KillTests(SynchronousTestCase):
    """Finding a container's processes without a question to anybody."""

    def container(self, cgroups: Path, container_id: str, folder: str) -> Container:
        container = Container(cgroups, container_id, folder)
        self.addCleanup(container.end)
        return container

    def test_by_the_name_of_its_group(self) -> None:
        """Whatever driver made it, in either version; those of others are left alone."""
        for layout in (
            "v1/freezer/docker/{}",
            "v1b/unified/n1/{}",
            "v2/system.slice/docker-{}.scope/init",
        ):
            root = a_folder(self) / layout.partition("/")[0]
            root.mkdir(parents=True)
            if layout.startswith("v2/"):
                (root / "cgroup.controllers").write_text("")
            inside = layout.partition("/")[2]
            ours = self.container(root, ID, inside)
            other = self.container(root, OTHER_ID, inside)
            assert len(list(groups([ID], root))) == 1
            kill_all([ID], root)
            assert ours.process.wait(10) == -signal.SIGKILL
            assert not kill_all([ID], root)
            assert other.runs()

    def test_the_kernel_is_told_where_it_kills_by_itself(self) -> None:
        """And who is frozen is thawed, or he would not die."""
        root = a_folder(self)
        container = self.container(root, ID, "freezer/docker/{}")
        group = root / "freezer" / "docker" / ID
        for name in ("cgroup.kill", "freezer.state"):
            (group / name).write_text("")
        kill_all([ID], root)
        container.process.wait(10)
        assert (group / "cgroup.kill").read_text() == "1"
        assert (group / "freezer.state").read_text() == "THAWED"

    def test_a_process_says_itself_where_it_belongs(self) -> None:
        """Where no hierarchy is to be found."""
        root = a_folder(self)
        container = self.container(root / "nowhere", ID, "{}")
        proc = root / "proc" / str(container.process.pid)
        proc.mkdir(parents=True)
        (proc / "cgroup").write_text(f"0::/docker/{ID}\n")
        kill_all([ID], root, root / "proc")
        assert container.process.wait(10) == -signal.SIGKILL


class MemoryFenceTests(FenceContract, TestCase):
    """The one in memory."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.containers: set[str] = set()

    def make_fence(self) -> IFence:
        fence: IFence = MemoryFence(lambda _: None, self.clock, self.containers.discard)
        return fence

    def run_container(self) -> str:
        instance = f"c{time.monotonic_ns()}"
        self.containers.add(instance)
        return instance

    def runs(self, instance: str) -> bool:
        return instance in self.containers

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    async def lose_a_part(self, fence: Any, container: str, which: int) -> None:
        fence.expire(container)


class RealFence(FenceCase, TestCase):
    """The real one, whose control groups are files, and whose ZFS is a script."""

    zfs = "echo probation:8"

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.folder = a_folder(self)
        self.containers: dict[str, Container] = {}
        self.processes: list[Any] = []

    def make_fence(self) -> Any:
        script = self.folder / "zfs"
        script.write_text(f"#!/bin/sh\n{self.zfs}\n")
        script.chmod(0o755)
        folder = self.folder
        fence = ZfsFence(self.reactor, "pool", folder / "notes", folder / "cgroups", str(script))
        start = fence._start

        def started(*arguments: Any) -> Any:
            process = start(*arguments)
            self.processes.append(process)
            return process

        fence._start = started  # type: ignore[method-assign, assignment]
        self.addCleanup(lambda: self.let_go(fence))
        return fence

    async def let_go(self, fence: Any) -> None:
        """A fence is left with its processes gone."""
        for container in tuple(fence._armed):
            await fence.disarm(container)
        for process in self.processes:
            for _ in range(200):
                if process.transport.pid is None and not process.transport.pipes:
                    break
                await self.pass_time(0.05)

    def run_container(self) -> str:
        instance = f"{len(self.containers):064x}"
        self.containers[instance] = Container(
            self.folder / "cgroups", instance, "freezer/docker/{}"
        )
        self.addCleanup(self.containers[instance].end)
        return instance

    def runs(self, instance: str) -> bool:
        return self.containers[instance].runs()

    async def pass_time(self, seconds: float) -> None:
        await deferLater(self.reactor, seconds)

    async def lose_a_part(self, fence: Any, container: str, which: int) -> None:
        os.kill(self.parts(fence, container)[which], signal.SIGKILL)

    def parts(self, fence: Any, container: str) -> tuple[int, int]:
        """The process ids of the two."""
        _, process = fence._armed[container]
        first = process.transport.pid
        second = Path(f"/proc/{first}/task/{first}/children").read_text().split()[0]
        return first, int(second)


class ZfsFenceTests(FenceContract, RealFence):
    """What it does, and what only processes can do."""

    async def test_it_outlives_its_agent(self) -> None:
        """It hears that its stdin ends, and goes on counting."""
        fence, guarded = self.make_fence(), self.run_container()
        await self.arm_for(fence, guarded, 2 * SOON_SECONDS)
        fence._armed[SHOP][1].transport.closeStdin()
        await self.pass_time(SOON_SECONDS)
        assert self.runs(guarded)
        await self.ended(guarded)

    async def test_it_leaves_a_note(self) -> None:
        """Of the container that it killed: that was no end by itself."""
        fence, guarded = self.make_fence(), self.run_container()
        await self.arm_for(fence, guarded, SOON_SECONDS)
        await self.ended(guarded)
        assert [path.name for path in (self.folder / "notes").iterdir()] == [guarded]

    async def test_what_it_was_told_counts_though_it_was_stopped(self) -> None:
        """Both stand still past the time: told meanwhile that all is well, they end nothing."""
        fence, guarded = self.make_fence(), self.run_container()
        await self.arm_for(fence, guarded, 2 * SOON_SECONDS)
        parts = self.parts(fence, SHOP)
        for pid in parts:
            os.kill(pid, signal.SIGSTOP)
        await fence.disarm(SHOP)
        await self.pass_time(3 * SOON_SECONDS)
        os.kill(parts[0], signal.SIGCONT)
        await self.pass_time(SOON_SECONDS)
        os.kill(parts[1], signal.SIGCONT)
        await self.pass_time(SOON_SECONDS)
        assert self.runs(guarded)

    async def test_one_that_stands_still_is_made_up_for_by_the_other(self) -> None:
        fence, guarded = self.make_fence(), self.run_container()
        await self.arm_for(fence, guarded, 2 * SOON_SECONDS)
        first, _ = self.parts(fence, SHOP)
        os.kill(first, signal.SIGSTOP)
        await self.ended(guarded)
        os.kill(first, signal.SIGCONT)


class AcquiredTests(RealFence):
    """What was on trial has become this node's own, and its agent died before it could say so."""

    zfs = "echo primary:8"

    async def test_it_is_spared(self) -> None:
        """ZFS is asked before the time is over."""
        fence, guarded = self.make_fence(), self.run_container()
        await self.arm_for(fence, guarded, 2 * SOON_SECONDS)
        fence._armed[SHOP][1].transport.closeStdin()
        await self.pass_time(3 * SOON_SECONDS)
        assert self.runs(guarded)
        assert not Path(f"/proc/{fence._armed[SHOP][1].transport.pid}").exists()


class HungZfsTests(RealFence):
    """No question to ZFS is ever answered."""

    zfs = "exec sleep 2"

    async def test_the_kill_waits_for_no_answer(self) -> None:
        """Nor does the agent's hearing of it, whichever of the two is left."""
        for which in (0, 1):
            fence, guarded = self.make_fence(), self.run_container()
            lost: list[str] = []
            fence.lost = lost.append
            await self.arm_for(fence, guarded, LATE_SECONDS)
            await self.lose_a_part(fence, SHOP, which)
            started_at = time.monotonic()
            await self.ended(guarded)
            await self.pass_time(SOON_SECONDS)
            assert (lost, time.monotonic() - started_at < 2) == ([SHOP], True)
