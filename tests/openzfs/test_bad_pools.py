"""Pools that stop to work: nothing is made up or lost, and the errors say what to do."""

from __future__ import annotations

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
from flocker_lite.testing.containers_contract import raised
from flocker_lite.testing.storage_case import DATASET, MEBIBYTE, OTHER, PEER, received, sent
from tests.openzfs.pools import WORKER
from tests.zfs.zfs_nodes import ZfsCase, command, destroy_pool

POOL = f"flocker-{WORKER}-bad"
ROOM_MEBIBYTES = 96
DATA_MEBIBYTES = 4
TOO_MUCH_MEBIBYTES = 32
WAIT_SECONDS = 60.0
TICK_SECONDS = 0.25
LENT = Lease(Role.LENT, 1, PEER, 45)


class BadPoolTests(ZfsCase, TestCase):
    """A pool in a sparse file, on a disk that is too small for it."""

    pools = (POOL,)

    def setUp(self) -> None:
        self.room = Path(tempfile.mkdtemp(prefix="flocker-lite-room-", dir="/run"))
        self.addCleanup(self.room.rmdir)
        command("mount", "-t", "tmpfs", "-o", f"size={ROOM_MEBIBYTES}M", "tmpfs", str(self.room))
        self.addCleanup(command, "umount", str(self.room))
        self.ballast = self.room / "ballast"
        disk = self.room / "disk"
        with disk.open("wb") as file:
            file.truncate(4 * ROOM_MEBIBYTES * MEBIBYTE)
        command("zpool", "create", "-O", "mountpoint=none", POOL, str(disk))
        self.addCleanup(destroy_pool, POOL)
        super().setUp()

    async def begin(self) -> IStorage:
        """The storage, with a dataset that has data and a snapshot."""
        storage = await self.make()
        await self.filled(storage, DATA_MEBIBYTES)
        self.data = Path(storage.path(DATASET), "random")
        self.bytes_before = self.data.read_bytes()
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
        storage = await self.begin()
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
        assert self.data.read_bytes() == self.bytes_before
        await storage.snapshot(DATASET, "second")
        await received(storage, OTHER, stream)

    async def test_read_only(self) -> None:
        """All that is there is seen and can be read; what would change it says why it cannot."""
        storage = await self.begin()
        stream = await sent(storage, DATASET, None, "first")
        await storage.unmount(DATASET)
        before = await storage.discover()
        command("zpool", "export", POOL)
        command("zpool", "import", "-o", "readonly=on", "-d", str(self.room), POOL)
        assert await storage.discover() == before
        await storage.mount(DATASET)
        assert self.data.read_bytes() == self.bytes_before
        await storage.unmount(DATASET)
        for each in await self.changes(storage, stream):
            assert "pool is read-only" in each
            assert "import it without readonly" in each
        command("zpool", "export", POOL)
        command("zpool", "import", "-d", str(self.room), POOL)
        assert await storage.discover() == before
        await storage.snapshot(DATASET, "second")
