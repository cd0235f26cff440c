"""What an agent finds out about its machine, and when it is worth telling."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite import __version__
from flocker_lite.agent import machine as of_machine
from flocker_lite.agent.machine import LOOK_SECONDS, LinuxMachine, MachineWatch
from flocker_lite.errors import CommandTimedOut
from flocker_lite.model.machine import Capacity, Machine, worth_telling
from flocker_lite.testing.memory_filesystems import CAPACITY
from flocker_lite.testing.memory_storage import MemoryStorage

MEMINFO = "MemTotal:        1000 kB\nMemFree:          100 kB\nMemAvailable:     600 kB\n"
KNOWN = Machine("1", "Debian", "6.1", "zfs", Capacity(1000, 500), Capacity(1000, 500), 1.0, 2.0)


class LinuxMachineTests(SynchronousTestCase):
    """A machine whose files are in a directory of their own."""

    def setUp(self) -> None:
        self.root = Path(self.mktemp())
        self.storage = MemoryStorage()
        self.machine = LinuxMachine(
            self.storage,
            "zfs",
            lambda function, *args: succeed(function(*args)),
            Clock(),
            self.root,
        )

    def write(self, path: str, text: str) -> None:
        """Give the machine this file."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def look(self) -> Machine:
        """What it says."""
        return self.successResultOf(Deferred.fromCoroutine(self.machine.look()))

    def test_everything(self) -> None:
        """The release, the system, the storage, the memory, the load and the boot."""
        self.write("proc/meminfo", MEMINFO)
        self.write("proc/loadavg", "0.52 0.58 0.59 1/467 12345\n")
        self.write("proc/stat", "cpu  1 2 3\nbtime 1767225600\n")
        self.write("etc/os-release", 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12"\n')
        assert self.look() == Machine(
            __version__,
            "Debian GNU/Linux 12",
            os.uname().release,
            "zfs",
            CAPACITY,
            Capacity(1024_000, 614_400),
            0.52,
            1767225600.0,
        )

    def test_nothing(self) -> None:
        """What nobody can find out is left out."""

        async def refuse(method: str, identity: str) -> None:
            raise CommandTimedOut(("zfs", "get"), 60.0)

        self.storage.before = refuse
        found = self.look()
        assert found == Machine(__version__, kernel=os.uname().release, storage="zfs")

    def test_parts(self) -> None:
        """Files that say something else say nothing."""
        assert of_machine.parse_memory("MemTotal: x kB\nMemFree") is None
        assert of_machine.parse_memory("MemTotal: 2 kB\nMemFree: 1 kB") == Capacity(2048, 1024)
        assert of_machine.parse_load("") is of_machine.parse_load("x") is None
        assert of_machine.parse_boot("btime") is None
        assert of_machine.parse_system("NAME=x") == ""


class MachineWatchTests(SynchronousTestCase):
    """A watch whose machine says what a test wants."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.now: Machine | Exception = KNOWN
        self.told = 0

        async def look() -> Machine:
            if isinstance(self.now, Exception):
                raise self.now
            return self.now

        self.watch = MachineWatch(look, self.clock, self.tell)
        self.watch.startService()
        self.addCleanup(self.watch.stopService)

    def tell(self) -> None:
        self.told += 1

    def test_told(self) -> None:
        """At once, and again when it is otherwise."""
        assert (self.watch.told, self.told) == (KNOWN, 1)
        self.clock.advance(LOOK_SECONDS)
        assert self.told == 1
        self.now = replace(KNOWN, kernel="6.2")
        self.clock.advance(LOOK_SECONDS)
        assert (self.watch.told, self.told) == (self.now, 2)

    def test_bug(self) -> None:
        """An error is logged, and does not end the watch."""
        self.now = ValueError("a bug")
        self.clock.advance(LOOK_SECONDS)
        assert len(self.flushLoggedErrors(ValueError)) == 1
        self.now = replace(KNOWN, kernel="6.2")
        self.clock.advance(LOOK_SECONDS)
        assert self.watch.told == self.now


def test_worth_telling() -> None:
    """A little less space, memory or load is no news; everything else is."""
    for little in (
        KNOWN,
        replace(KNOWN, told_at=9.0),
        replace(KNOWN, load=1.4),
        replace(KNOWN, capacity=Capacity(1000, 491)),
        replace(KNOWN, memory=Capacity(1001, 509)),
    ):
        assert not worth_telling(KNOWN, little), little
    for news in (
        replace(KNOWN, load=1.5),
        replace(KNOWN, load=None),
        replace(KNOWN, capacity=Capacity(1000, 490)),
        replace(KNOWN, capacity=None),
        replace(KNOWN, memory=Capacity(1020, 500)),
        replace(KNOWN, release="2"),
    ):
        assert worth_telling(KNOWN, news), news
    assert worth_telling(None, KNOWN)


@given(st.lists(st.integers(0, 1000)))
def test_never_far_off(free: list[int]) -> None:
    """However slowly the pool fills, what was told is never off by more than a hundredth."""
    told: Machine | None = None
    for each in free:
        now = replace(KNOWN, capacity=Capacity(1000, each))
        if worth_telling(told, now):
            told = now
        assert told is not None
        assert told.capacity is not None
        assert abs(told.capacity.free_bytes - each) < 10
