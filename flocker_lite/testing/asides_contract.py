"""The contract of every IStorage for asides, as tests to mix into a trial TestCase."""

from __future__ import annotations

from flocker_lite.errors import Busy, Conflict, NotFound
from flocker_lite.interfaces import IStorage
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.state import Snapshot
from flocker_lite.testing.containers_contract import raised
from flocker_lite.testing.storage_case import (
    DATASET,
    MEBIBYTE,
    OTHER,
    REPLICA,
    StorageCase,
    sent,
    transfer,
)


class AsidesContract(StorageCase):
    """Setting parts of copies aside, continuing the copies, and destroying the asides."""

    async def parted(self, source: IStorage, target: IStorage) -> Snapshot:
        """Write "other" at the target after the common snapshot, and take a snapshot of that."""
        first = await self.replicated(source, target)
        await self.diverge(target, "other", "stash-2")
        return first

    async def diverge(self, target: IStorage, text: str, snapshot: str) -> None:
        """Write something to a replica, as a trial does."""
        await target.set_lease(DATASET, Lease(Role.PROBATION, 2))
        await target.mount(DATASET)
        self.write(target, DATASET, text)
        await target.unmount(DATASET)
        await target.snapshot(DATASET, snapshot)
        await target.set_lease(DATASET, REPLICA)

    async def test_continue_from(self) -> None:
        """The copy ends with the snapshot, and keeps lease and limit; an increment continues it.

        The data after that snapshot is kept, and listed with the reason.
        """
        source, target = await self.make(), await self.make()
        first = await self.parted(source, target)
        await target.resize(DATASET, 64 * MEBIBYTE)
        name = await target.continue_from(DATASET, "first", "diverged")
        look = await target.look(DATASET)
        assert look is not None
        assert (look.lease, look.mounted, look.snapshots) == (REPLICA, False, (first,))
        assert look.maximum_size == 64 * MEBIBYTE
        assert dict(await target.discover()) == {DATASET: look}
        (aside,) = (await target.asides()).values()
        assert (aside.name, aside.dataset_id, aside.reason) == (name, DATASET, "diverged")
        self.write(source, DATASET, "two")
        await source.snapshot(DATASET, "second")
        await transfer(source, target, DATASET, "first", "second")
        assert await self.holds(target) == ("one", "two")

    async def test_continue_from_its_newest(self) -> None:
        """The aside also has the writes that are in no snapshot yet."""
        source, target = await self.make(), await self.make()
        first = await self.replicated(source, target)
        await self.holds(target)
        self.write(target, DATASET, "other")
        await target.unmount(DATASET)
        await target.set_lease(DATASET, REPLICA)
        await target.continue_from(DATASET, "first", "diverged")
        await source.snapshot(DATASET, "second")
        await transfer(source, target, DATASET, "first", "second")
        look = await target.look(DATASET)
        assert look is not None
        assert look.snapshots[0] == first
        assert len(await target.asides()) == 1

    async def test_continue_from_refuses(self) -> None:
        """A mounted copy stays as it is; a missing one is an error."""
        storage = await self.make()
        await self.written(storage, "one")
        await storage.snapshot(DATASET, "first")
        await raised(Busy, storage.continue_from(DATASET, "first", "diverged"))
        await storage.unmount(DATASET)
        before = await storage.look(DATASET)
        await raised(NotFound, storage.continue_from(DATASET, "second", "diverged"))
        await raised(NotFound, storage.continue_from(OTHER, "first", "diverged"))
        assert await storage.look(DATASET) == before
        assert dict(await storage.asides()) == {}

    async def test_boot_afterwards(self) -> None:
        """Neither the copy nor the aside is mounted when the machine boots."""
        source, target = await self.make(), await self.make()
        await self.parted(source, target)
        await target.continue_from(DATASET, "first", "diverged")
        self.boot(target)
        look = await target.look(DATASET)
        assert look is not None
        assert not look.mounted
        await target.destroy_aside(next(iter(await target.asides())))

    async def test_what_it_stems_from_stays(self) -> None:
        """The snapshot before an aside cannot be destroyed before the aside; the others can."""
        source, target = await self.make(), await self.make()
        await self.parted(source, target)
        name = await target.continue_from(DATASET, "first", "diverged")
        await source.snapshot(DATASET, "second")
        await transfer(source, target, DATASET, "first", "second")
        await source.snapshot(DATASET, "third")
        await transfer(source, target, DATASET, "second", "third")
        await raised(Conflict, target.destroy_snapshot(DATASET, "first"))
        await target.destroy_snapshot(DATASET, "second")
        await target.destroy_aside(name)
        await target.destroy_aside(name)
        await target.destroy_snapshot(DATASET, "first")
        look = await target.look(DATASET)
        assert look is not None
        assert [snapshot.name for snapshot in look.snapshots] == ["third"]
        assert dict(await target.asides()) == {}

    async def test_again_and_again(self) -> None:
        """A copy may diverge repeatedly, from the same snapshot and from later ones."""
        source, target = await self.make(), await self.make()
        await self.parted(source, target)
        await target.continue_from(DATASET, "first", "diverged")
        await self.diverge(target, "again", "stash-2")
        await target.continue_from(DATASET, "first", "diverged")
        self.write(source, DATASET, "two")
        await source.snapshot(DATASET, "second")
        await transfer(source, target, DATASET, "first", "second")
        await self.diverge(target, "at last", "stash-2")
        await target.continue_from(DATASET, "second", "diverged")
        assert len(await target.asides()) == 3
        for name in sorted(await target.asides()):
            await target.destroy_aside(name)
        assert dict(await target.asides()) == {}
        assert await self.holds(target) == ("one", "two")

    async def test_sent_on(self) -> None:
        """After a part was set aside, the copy is sent like any other, whole and by increments."""
        source, target, third = await self.make(), await self.make(), await self.make()
        await self.parted(source, target)
        await sent(target, DATASET, None, "stash-2")
        await target.continue_from(DATASET, "first", "diverged")
        await transfer(target, third, DATASET, None, "first")
        assert await self.holds(target) == ("one",)
        self.write(target, DATASET, "two")
        await target.snapshot(DATASET, "stash-2")
        await transfer(target, third, DATASET, "first", "stash-2")
        assert await self.holds(third) == ("one", "two")

    async def test_destroyed_without_what_was_set_aside(self) -> None:
        """An aside survives the destruction of its copy, and can be destroyed by itself."""
        source, target = await self.make(), await self.make()
        await self.parted(source, target)
        await target.continue_from(DATASET, "first", "diverged")
        self.write(source, DATASET, "two")
        await source.snapshot(DATASET, "second")
        await transfer(source, target, DATASET, "first", "second")
        await self.diverge(target, "again", "stash-2")
        await target.continue_from(DATASET, "second", "diverged")
        names = sorted(await target.asides())
        await target.destroy(DATASET)
        assert await target.look(DATASET) is None
        assert sorted(await target.asides()) == names
        for left in ([names[1]], []):
            await target.destroy_aside(next(name for name in names if name not in left))
            names = left
            assert sorted(await target.asides()) == names
        assert dict(await target.discover()) == {}

    async def test_set_aside_whole(self) -> None:
        """A whole copy that was set aside is listed and can be destroyed like a part of one."""
        source, target = await self.make(), await self.make()
        await self.replicated(source, target)
        name = await target.set_aside(DATASET, "diverged")
        await transfer(source, target, DATASET, None, "first")
        (aside,) = (await target.asides()).values()
        assert (aside.name, aside.dataset_id) == (name, DATASET)
        await target.destroy_aside(name)
        assert dict(await target.asides()) == {}
        assert await self.holds(target) == ("one",)
