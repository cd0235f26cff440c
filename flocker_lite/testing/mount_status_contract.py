"""The contract of every IStorage for mountpoints, and for others' processes, files and mounts
there, as tests to mix into a trial TestCase.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError

from flocker_lite.awaiting import deferred_of
from flocker_lite.errors import InUse
from flocker_lite.model.lease import create
from flocker_lite.testing.containers_contract import raised
from flocker_lite.testing.storage_case import DATASET, OTHER, StorageCase, soon


class MountStatusContract(StorageCase):
    """Who uses a copy, what is in the way of its mount, and what happens to the mount."""

    async def test_holders(self) -> None:
        """A process that uses a copy is named, with how it uses it; other processes are not."""
        storage = await self.make()
        await self.written(storage, "one")
        await storage.create(OTHER, None, create())
        await storage.mount(OTHER)
        assert await storage.holders(DATASET) == ()
        end = self.use(storage, DATASET)
        try:
            (holder,) = await storage.holders(DATASET)
            assert (holder.holds, holder.writes, holder.container) == (True, False, None)
            assert holder.pid > 0
            assert await storage.holders(OTHER) == ()
            error = await raised(InUse, storage.unmount(DATASET))
            assert str(holder) in str(error)
            look = await storage.look(DATASET)
            assert look is not None
            assert look.mounted
        finally:
            end()
        assert await storage.holders(DATASET) == ()

    async def test_holders_that_write(self) -> None:
        """A process with a file open for writing is told from others."""
        storage = await self.make()
        await self.written(storage, "one")
        end = self.use(storage, DATASET, writes=True)
        try:
            (holder,) = await storage.holders(DATASET)
            assert (holder.holds, holder.writes) == (True, True)
        finally:
            end()

    # What is at the mountpoint of a dataset

    async def test_files_where_it_is_to_be_mounted(self) -> None:
        """Files never prevent the mount: they are moved away, and a warning says where."""
        storage = await self.make()
        await storage.create(DATASET, None, create())
        self.make_stray_file(storage, DATASET, "stray")
        await storage.mount(DATASET)
        assert self.read(storage, DATASET) == ()
        look = await storage.look(DATASET)
        assert look is not None
        assert (look.mounted, look.obstacle) == (True, None)
        assert look.warning is not None
        assert self.strays(storage, DATASET, look.warning) == ["stray"]

    async def test_files_before_a_rehearsal(self) -> None:
        """Preparing the mountpoint moves files away, even without a copy, and keeps it empty."""
        storage = await self.make()
        self.make_stray_file(storage, DATASET, "stray")
        await storage.prepare_mountpoint(DATASET)
        await storage.prepare_mountpoint(DATASET)
        await raised(OSError, soon(lambda: self.stray(storage, DATASET, "another")))
        await storage.create(DATASET, None, create())
        look = await storage.look(DATASET)
        assert look is not None
        assert look.warning is not None
        assert self.strays(storage, DATASET, look.warning) == ["stray"]

    async def test_nobody_writes_where_nothing_is_mounted(self) -> None:
        """Nobody can make files there, neither before the first mount nor between two mounts."""
        storage = await self.make()
        await storage.create(DATASET, None, create())
        for _ in range(2):
            await raised(OSError, soon(lambda: self.stray(storage, DATASET, "stray")))
            await storage.mount(DATASET)
            await storage.prepare_mountpoint(DATASET)
            await storage.unmount(DATASET)
        await storage.destroy(DATASET)

    async def test_something_else_is_mounted_there(self) -> None:
        """It does not pass for the dataset and stays; the obstacle names it and says what to do."""
        storage = await self.make()
        await self.written(storage, "one")
        for mounted in (True, False):
            unmount_over = self.mount_over(storage, DATASET)
            try:
                look = await storage.look(DATASET)
                assert look is not None
                assert not look.mounted
                assert f"umount {storage.path(DATASET)}" in (look.obstacle or "")
                assert (await storage.discover())[DATASET] == look
                assert (await storage.mount_statuses())[DATASET].obstacle == look.obstacle
                for asked in (storage.mount, storage.unmount, storage.prepare_mountpoint):
                    error = await raised(InUse, asked(DATASET))
                    assert str(look.obstacle) in str(error)
            finally:
                unmount_over()
            look = await storage.look(DATASET)
            assert look is not None
            assert (look.mounted, look.obstacle) == (mounted, None)
            await storage.unmount(DATASET)
        assert await self.holds(storage) == ("one",)

    async def test_its_mount_is_dead(self) -> None:
        """When its daemon has died, the dataset is not mounted; a new mount has all of its data."""
        storage = await self.make()
        await self.written(storage, "one")
        await storage.create(OTHER, None, create())
        await storage.mount(OTHER)
        if not self.kill_daemon(storage):
            return
        assert (await storage.mount_statuses())[DATASET].is_dead
        await self.start_daemon(storage)
        look = await storage.look(DATASET)
        assert look is not None
        assert (look.mounted, look.is_dead, look.obstacle) == (False, True, None)
        await raised(Exception, soon(lambda: self.write(storage, DATASET, "two")))
        await storage.mount(DATASET)
        assert await self.holds(storage) == ("one",)
        await storage.unmount(OTHER)
        other = await storage.look(OTHER)
        assert other is not None
        assert (other.mounted, other.is_dead) == (False, False)

    async def test_watch(self) -> None:
        """A watcher is told of what others do to the mountpoints, not of what we do."""
        storage = await self.make()
        await self.written(storage, "one")
        told: list[None] = []
        watching = deferred_of(storage.watch(lambda: told.append(None)))
        await self.pass_time()
        await storage.unmount(DATASET)
        await storage.mount(DATASET)
        await self.pass_time()
        assert told == []
        unmount_over = self.mount_over(storage, DATASET)
        await self.pass_time()
        assert len(told) == 1
        unmount_over()
        await self.pass_time()
        assert len(told) == 2
        watching.cancel()
        await raised(CancelledError, watching)
