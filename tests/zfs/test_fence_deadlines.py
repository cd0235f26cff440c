"""The deadline fence, with its real processes: what it survives, and what it does not wait for."""

from __future__ import annotations

import os
import signal
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import TestCase

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IDeadlineFence
from flocker_lite.testing.deadline_fence_contract import (
    BLOG,
    DATASETS,
    LATE_SECONDS,
    SHOP,
    SOON_SECONDS,
    DeadlineFenceCase,
    DeadlineFenceContract,
)
from flocker_lite.testing.memory_deadline_fence import MemoryDeadlineFence
from flocker_lite.zfs.fence_deadlines import LOCK_NAME, SOCKET_NAME, ZfsDeadlineFence
from flocker_lite.zfs.fence_process import now
from flocker_lite.zfs.fence_watchdog import TIME_SECONDS
from tests.zfs.fence_world import Container, a_folder


class MemoryDeadlineFenceTests(DeadlineFenceContract, TestCase):
    """The one in memory."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.containers: set[str] = set()
        self.processes: dict[str, int] = {}
        self.fence = MemoryDeadlineFence(
            clock=self.clock, kill=self.containers.discard, processes=self.processes.__getitem__
        )

    def make_fence(self) -> IDeadlineFence:
        fence: IDeadlineFence = self.fence
        return fence

    def now(self) -> float:
        return self.clock.seconds()

    def run_container(self, processes: int = 1) -> str:
        instance = f"c{time.monotonic_ns()}"
        self.processes[instance] = processes
        self.containers.add(instance)
        return instance

    def run_again(self, instance: str) -> None:
        self.containers.add(instance)

    def runs(self, instance: str) -> bool:
        return instance in self.containers

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    async def lose_a_part(self, fence: Any, which: int) -> None:
        self.fence.break_off()


class RealDeadlineFence(DeadlineFenceCase, TestCase):
    """The real one, whose control groups are files, and whose ZFS is a script."""

    watchdog: str | None = None

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.folder = a_folder(self)
        self.containers: dict[str, Container] = {}
        self.addCleanup(self.end_fence)

    def make_fence(self) -> Any:
        script = self.folder / "zfs"
        script.write_text("#!/bin/sh\nexit 0\n")
        script.chmod(0o755)
        folder = self.folder
        fence = ZfsDeadlineFence(
            self.reactor,
            "pool",
            folder / "run",
            folder / "notes",
            self.watchdog,
            folder / "cgroups",
            str(script),
        )
        self.addCleanup(fence.close)
        return fence

    async def end_fence(self) -> None:
        """Both halves go, and Twisted has waited for the one that it started."""
        for pid in self.parts():
            os.kill(pid, signal.SIGKILL)
        while self.parts():
            await self.pass_time(0.02)
        await self.pass_time(0.05)

    def now(self) -> float:
        return now()

    def run_container(self, processes: int = 1) -> str:
        instance = f"{len(self.containers):064x}"
        self.containers[instance] = Container(
            self.folder / "cgroups", instance, "freezer/docker/{}", processes
        )
        self.addCleanup(self.containers[instance].end)
        return instance

    def run_again(self, instance: str) -> None:
        self.containers[instance].start()

    def runs(self, instance: str) -> bool:
        return self.containers[instance].runs()

    async def pass_time(self, seconds: float) -> None:
        await deferLater(self.reactor, seconds)

    async def lose_a_part(self, fence: Any, which: int) -> None:
        os.kill(self.parts()[which], signal.SIGKILL)

    def parts(self) -> list[int]:
        """The process ids of the halves that live, the first one first."""
        named = str(self.folder / "run" / LOCK_NAME).encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                is_one = named in path.read_bytes()
                dead = path.with_name("stat").read_text().rpartition(")")[2].split()[0] == "Z"
            except OSError:
                continue
            if is_one and not dead:
                found.append(int(path.parent.name))
        return sorted(found, key=lambda pid: (_parent(pid) in found, pid))


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


class ZfsDeadlineFenceTests(DeadlineFenceContract, RealDeadlineFence):
    """What it does, and what only processes can do."""

    async def test_it_outlives_its_agent(self) -> None:
        """It goes on counting without a connection."""
        fence, guarded = self.make_fence(), self.run_container()
        not_before = self.now() + 2 * SOON_SECONDS
        await self.arm_for(fence, guarded, 2 * SOON_SECONDS)
        fence.close()
        await self.ended(guarded)
        assert self.now() >= not_before

    async def test_it_leaves_a_note(self) -> None:
        """Of the container that it killed: that was no end by itself."""
        fence, guarded = self.make_fence(), self.run_container()
        await self.arm_for(fence, guarded, SOON_SECONDS)
        await self.ended(guarded)
        assert [path.name for path in (self.folder / "notes").iterdir()] == [guarded]

    async def test_only_root_reaches_it(self) -> None:
        """Neither its directory nor its socket is open to others."""
        fence = self.make_fence()
        await fence.arm_deadline(SHOP, DATASETS, now() + LATE_SECONDS)
        run = self.folder / "run"
        modes = [stat.S_IMODE(path.stat().st_mode) & 0o77 for path in (run, run / SOCKET_NAME)]
        assert modes == [0, 0]

    async def test_one_that_stands_still_is_made_up_for_by_the_other(self) -> None:
        """Nothing is renewed meanwhile; at the deadline the other one ends all, and that one."""
        for which in (0, 1):
            fence, guarded = self.make_fence(), self.run_container()
            await self.arm_for(fence, guarded, 2 * SOON_SECONDS)
            stopped = self.parts()[which]
            os.kill(stopped, signal.SIGSTOP)
            await self.ended(guarded)
            for _ in range(200):
                if not self.parts():
                    break
                await self.pass_time(0.05)
            assert self.parts() == []
            again = self.run_container()
            await self.armed(fence, again)
            await fence.disarm(SHOP)

    async def test_what_it_was_told_in_time_counts_though_it_stood_still(self) -> None:
        """Both stand still past the deadline, renewed meanwhile: they end nothing."""
        fence, guarded = self.make_fence(), self.run_container()
        await self.arm_for(fence, guarded, 2 * SOON_SECONDS)
        parts = self.parts()
        for pid in parts:
            os.kill(pid, signal.SIGSTOP)
        disarming = fence._link.ask({"disarm": SHOP})
        await self.pass_time(3 * SOON_SECONDS)
        for pid in parts:
            os.kill(pid, signal.SIGCONT)
        assert await disarming == {"done": True}
        assert self.runs(guarded)

    async def test_there_is_one_pair_for_a_node(self) -> None:
        """However many containers, and agents one after the other."""
        fence, guarded = self.make_fence(), self.run_container()
        for number in range(100):
            await self.arm_for(fence, guarded, LATE_SECONDS, f"c{number}")
        pair = self.parts()
        second = self.make_fence()
        await second.arm_deadline(SHOP, DATASETS, now() + LATE_SECONDS)
        assert (len(pair), self.parts()) == (2, pair)
        assert len(await second.deadlines()) == 101

    async def test_an_agent_that_does_not_read_delays_nothing(self) -> None:
        """As one that was stopped."""
        fence, guarded = self.make_fence(), self.run_container()
        await self.arm_for(fence, guarded, 3 * SOON_SECONDS)
        fence._link.transport.pauseProducing()
        orders = [fence._link.ask({"deadlines": True}) for _ in range(20_000)]
        for order in orders:
            order.addErrback(lambda _: None)
        await self.ended(guarded)


class WatchdogTests(RealDeadlineFence):
    """The watchdog's device is a file that keeps what is written to it."""

    def setUp(self) -> None:
        super().setUp()
        self.device = self.folder / "watchdog"
        self.device.write_bytes(b"")
        self.watchdog = str(self.device)

    def keepers(self) -> list[int]:
        """Which half has it open."""
        return [
            number
            for number, pid in enumerate(self.parts())
            if any(
                os.path.realpath(path) == str(self.device)
                for path in Path(f"/proc/{pid}/fd").iterdir()
            )
        ]

    async def test_it_is_fed_while_a_deadline_is_armed(self) -> None:
        """And let go by its magic word when nothing is armed any more."""
        fence = self.make_fence()
        assert self.device.read_bytes() == b""
        await fence.arm_deadline(SHOP, DATASETS, now() + LATE_SECONDS)
        await fence.arm_deadline(BLOG, DATASETS, now() + LATE_SECONDS)
        await self.pass_time(2.5)
        fed = self.device.read_bytes()
        assert set(fed) == {0}
        assert len(fed) >= 2
        assert self.keepers() == [0]
        await fence.disarm(SHOP)
        await self.pass_time(1.1)
        assert not self.device.read_bytes().endswith(b"V")
        await fence.disarm(BLOG)
        await self.pass_time(1.1)
        assert self.device.read_bytes().endswith(b"V")
        assert self.keepers() == []

    async def test_it_is_not_fed_beyond_what_it_must_prevent(self) -> None:
        """Shortly before a deadline a hung kernel would be reset too late: so it is not fed."""
        fence, guarded = self.make_fence(), self.run_container()
        await self.arm_for(fence, guarded, TIME_SECONDS - 2.0)
        said = set()
        while self.runs(guarded):
            said.add(self.device.read_bytes())
            await self.pass_time(0.05)
        for _ in range(100):
            if self.device.read_bytes():
                break
            await self.pass_time(0.05)
        assert said <= {b"", b"V"}
        assert self.device.read_bytes() == b"V"

    async def test_the_half_that_is_left_lets_go_of_it(self) -> None:
        """Or the machine would be reset though all is ended."""
        fence, guarded = self.make_fence(), self.run_container()
        await self.arm_for(fence, guarded, LATE_SECONDS)
        await self.lose_a_part(fence, 0)
        await self.ended(guarded)
        await self.pass_time(0.5)
        # It opened the file anew, and so wrote at its beginning.
        assert b"V" in self.device.read_bytes()
        assert self.parts() == []

    async def test_without_the_device_nothing_is_armed(self) -> None:
        """The error says which device, and why."""
        self.watchdog = str(self.folder / "none")
        fence = self.make_fence()
        with pytest.raises(FlockerError, match="none cannot be opened: No such file"):
            await fence.arm_deadline(SHOP, DATASETS, now() + LATE_SECONDS)
