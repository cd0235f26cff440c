"""Pools that stop to work: nothing is made up or lost, and the errors say what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Awaitable
from pathlib import Path

from twisted.internet import reactor as installed_reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IStorage
from flocker_lite.model.lease import Lease, Role, create
from flocker_lite.processes import Commands
from flocker_lite.testing.containers_contract import raised
from flocker_lite.testing.storage_case import DATASET, MEBIBYTE, OTHER, received, sent
from flocker_lite.zfs.storage import open_storage
from tests.zfs.zfs_nodes import command, write_durably

POOL = f"flocker-bad-{os.environ.get('PYTEST_XDIST_WORKER', 'gw0')}"
ROOM_MEBIBYTES = 96
DATA_MEBIBYTES = 4
TOO_MUCH_MEBIBYTES = 32
WAIT_SECONDS = 60.0
TICK_SECONDS = 0.25
LENT = Lease(Role.LENT, 1, "bbbbbbbb-0000-4000-8000-000000000001", 45)


class BadPoolTests(TestCase):
    """A pool in a sparse file, on a disk that is too small for it."""

    timeout = 240

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="flocker-lite-", dir="/run"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.room = self.folder / "room"
        self.room.mkdir()
        command("mount", "-t", "tmpfs", "-o", f"size={ROOM_MEBIBYTES}M", "tmpfs", str(self.room))
        self.addCleanup(command, "umount", str(self.room))
        self.ballast = self.room / "ballast"
        disk = self.room / "disk"
        with disk.open("wb") as file:
            file.truncate(4 * ROOM_MEBIBYTES * MEBIBYTE)
        command("zpool", "create", "-O", "mountpoint=none", POOL, str(disk))
        self.addCleanup(command, "zpool", "destroy", "-f", POOL)

    async def open(self) -> IStorage:
        """The storage, with a dataset that has data and a snapshot."""
        run, mounts = Commands(installed_reactor).run, str(self.folder / "mounts")
        storage = await open_storage(POOL, mounts, run, deferToThread, installed_reactor)
        await storage.create(DATASET, None, create())
        await storage.mount(DATASET)
        self.data = Path(storage.path(DATASET), "data")
        write_durably(self.data, DATA_MEBIBYTES * MEBIBYTE)
        self.written = self.data.read_bytes()
        await storage.snapshot(DATASET, "first")
        return storage

    async def suspend(self, storage: IStorage) -> subprocess.Popen[bytes]:
        """Have a process write more than there is room for, until ZFS waits for better days."""
        with self.ballast.open("wb") as file:
            subprocess.run(["cat", "/dev/zero"], stdout=file, stderr=subprocess.DEVNULL)
        more = Path(storage.path(DATASET), "more")
        count = f"count={TOO_MUCH_MEBIBYTES}"
        argv = ["dd", "if=/dev/urandom", f"of={more}", "bs=1M", count, "conv=fsync", "status=none"]
        writer = subprocess.Popen(argv)
        self.addCleanup(writer.wait)
        self.addCleanup(writer.kill)
        # Not even when it is killed does a writer end before.
        self.addCleanup(self.mend)
        for _ in range(int(WAIT_SECONDS / TICK_SECONDS)):
            if Path(f"/proc/spl/kstat/zfs/{POOL}/state").read_text().strip() == "SUSPENDED":
                return writer
            await deferLater(installed_reactor, TICK_SECONDS)
        raise AssertionError("the pool works on, without room")

    def mend(self) -> None:
        """Make room, and have ZFS go on."""
        self.ballast.unlink(missing_ok=True)
        command("zpool", "clear", POOL)

    async def changes(self, storage: IStorage, stream: bytes) -> list[str]:
        """What is said to each thing that would change something."""
        asked: list[Awaitable[object]] = [
            storage.create(OTHER, None, create()),
            storage.snapshot(DATASET, "second"),
            storage.set_lease(DATASET, LENT),
            storage.resize(DATASET, MEBIBYTE),
            storage.destroy_snapshot(DATASET, "first"),
            received(storage, OTHER, stream),
        ]
        return [str(await raised(FlockerError, each)) for each in asked]

    async def test_suspended(self) -> None:
        """Nothing seems to be there or gone; who writes waits, and goes on where it was."""
        storage = await self.open()
        before = await storage.discover()
        stream = await sent(storage, DATASET, None, "first")
        writer = await self.suspend(storage)
        said = [
            str(await raised(FlockerError, storage.discover())),
            str(await raised(FlockerError, storage.look(DATASET))),
            str(await raised(FlockerError, storage.unmount(DATASET))),
            str(await raised(FlockerError, sent(storage, DATASET, None, "first"))),
            *await self.changes(storage, stream),
        ]
        for each in said:
            assert "pool I/O is currently suspended" in each
            assert "`zpool clear`" in each
        assert writer.poll() is None
        self.mend()
        assert await deferToThread(writer.wait, WAIT_SECONDS) == 0
        assert await storage.discover() == before
        assert self.data.read_bytes() == self.written
        await storage.snapshot(DATASET, "second")
        await received(storage, OTHER, stream)

    async def test_read_only(self) -> None:
        """All that is there is seen and can be read; what would change it says why it cannot."""
        storage = await self.open()
        stream = await sent(storage, DATASET, None, "first")
        await storage.unmount(DATASET)
        before = await storage.discover()
        command("zpool", "export", POOL)
        command("zpool", "import", "-o", "readonly=on", "-d", str(self.room), POOL)
        assert await storage.discover() == before
        await storage.mount(DATASET)
        assert self.data.read_bytes() == self.written
        await storage.unmount(DATASET)
        for each in await self.changes(storage, stream):
            assert "pool is read-only" in each
            assert "import it without readonly" in each
        command("zpool", "export", POOL)
        command("zpool", "import", "-d", str(self.room), POOL)
        assert await storage.discover() == before
        await storage.snapshot(DATASET, "second")
