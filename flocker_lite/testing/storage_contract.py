"""The contract of every IStorage for its own node's copies, to mix into a trial TestCase."""

from __future__ import annotations

from zope.interface.verify import verifyObject

from flocker_lite.errors import Busy, Conflict, LeaseError, NotFound
from flocker_lite.interfaces import IStorage
from flocker_lite.model.lease import Lease, Role, create
from flocker_lite.model.membership import Membership
from flocker_lite.model.state import LocalDataset
from flocker_lite.testing.containers_contract import raised
from flocker_lite.testing.storage_case import (
    DATASET,
    MEBIBYTE,
    OTHER,
    PEER,
    REPLICA,
    StorageCase,
    sent,
    soon,
    transfer,
)


class StorageContract(StorageCase):
    """Copies and their snapshots, leases and mounts."""

    async def test_provides(self) -> None:
        """It has all methods of IStorage, and the command with which a person checks it."""
        storage = await self.make()
        assert verifyObject(IStorage, storage)
        assert storage.check_command

    async def test_none_at_first(self) -> None:
        """A new node has no copies."""
        storage = await self.make()
        assert dict(await storage.discover()) == {}
        assert await storage.look(DATASET) is None

    async def test_capacity(self) -> None:
        """There is room, and what is free is a part of what there is."""
        storage = await self.make()
        capacity = await storage.capacity()
        assert 0 < capacity.free_bytes <= capacity.size_bytes

    async def test_take(self) -> None:
        """Somebody's filesystem becomes a copy, with its data, a lease and no mount."""
        storage = await self.make()
        name = self.somebodys(storage, "pg", "one")
        found = await storage.filesystem(name)
        assert found is not None
        assert (found.name, found.why_not, found.maximum_size) == (name, None, None)
        assert found.path is not None
        for _ in range(2):
            await storage.take(DATASET, name, create())
            assert await storage.filesystem(name) is None
        path = storage.path(DATASET)
        assert await storage.look(DATASET) == LocalDataset(DATASET, create(), False, path, None, ())
        await storage.mount(DATASET)
        assert self.read(storage, DATASET) == ("one",)

    async def test_take_nothing(self) -> None:
        """What is not there, and what is there already."""
        storage = await self.make()
        name = self.somebodys(storage, "pg", "one")
        assert await storage.filesystem(f"{name}-other") is None
        await raised(NotFound, storage.take(DATASET, f"{name}-other", create()))
        await storage.create(DATASET, None, create())
        await raised(Conflict, storage.take(DATASET, name, create()))
        assert await storage.filesystem(name) is not None
        await storage.leave(name)
        await storage.leave(name)

    # Creating and destroying

    async def test_create(self) -> None:
        """A new dataset has its lease and its limit; it is empty, and not mounted."""
        storage = await self.make()
        await storage.create(DATASET, 64 * MEBIBYTE, create())
        path = storage.path(DATASET)
        expected = LocalDataset(DATASET, create(), False, path, 64 * MEBIBYTE, ())
        assert await storage.look(DATASET) == expected
        assert dict(await storage.discover()) == {DATASET: expected}
        await storage.mount(DATASET)
        assert self.read(storage, DATASET) == ()

    async def test_create_with_any_lease(self) -> None:
        """The copy has the lease that it was created with; without a limit, it has none."""
        storage = await self.make()
        lease = Lease(Role.RELEASED, 12, PEER)
        await storage.create(DATASET, None, lease)
        look = await storage.look(DATASET)
        assert look is not None
        assert (look.lease, look.maximum_size) == (lease, None)

    async def test_create_twice(self) -> None:
        """A copy that exists is never replaced."""
        storage = await self.make()
        await self.written(storage, "one")
        await raised(Conflict, storage.create(DATASET, None, create()))
        assert self.read(storage, DATASET) == ("one",)

    async def test_several(self) -> None:
        """Copies are told apart, and `look` and `discover` agree."""
        storage = await self.make()
        await self.written(storage, "one")
        await storage.snapshot(DATASET, "first")
        await storage.create(OTHER, MEBIBYTE * 8, REPLICA)
        found = await storage.discover()
        assert set(found) == {DATASET, OTHER}
        assert {one: await storage.look(one) for one in found} == dict(found)
        assert (found[DATASET].mounted, found[OTHER].mounted) == (True, False)

    async def test_sizes(self) -> None:
        """A copy says how much it takes up, with what only its snapshots have."""
        storage = await self.make()
        await self.written(storage, "x" * MEBIBYTE)
        await storage.create(OTHER, None, REPLICA)
        # It writes down what is in memory, so that it counts.
        await storage.snapshot(DATASET, "first")
        found, look = await storage.discover(), await storage.look(DATASET)
        assert look is not None
        for copy in (found[DATASET], look):
            assert copy.size_bytes is not None
            assert copy.size_bytes >= MEBIBYTE
        assert (found[OTHER].size_bytes or 0) < MEBIBYTE

    async def test_destroy(self) -> None:
        """A destroyed copy is gone with its snapshots; destroying it again changes nothing."""
        storage = await self.make()
        await self.written(storage, "one")
        await storage.snapshot(DATASET, "first")
        await storage.create(OTHER, None, create())
        await storage.unmount(DATASET)
        await storage.destroy(DATASET)
        await storage.destroy(DATASET)
        assert set(await storage.discover()) == {OTHER}

    async def test_destroy_refuses_a_mounted_one(self) -> None:
        """A mounted copy is not destroyed, and loses nothing."""
        storage = await self.make()
        await self.written(storage, "one")
        first = await storage.snapshot(DATASET, "first")
        await raised(Busy, storage.destroy(DATASET))
        look = await storage.look(DATASET)
        assert look is not None
        assert look.snapshots == (first,)
        assert self.read(storage, DATASET) == ("one",)

    async def test_destroy_after_a_send(self) -> None:
        """A copy can be destroyed after it was sent, on either side."""
        source, target = await self.make(), await self.make()
        await self.replicated(source, target)
        await source.unmount(DATASET)
        for storage in (source, target):
            await storage.destroy(DATASET)
            assert await storage.look(DATASET) is None

    async def test_made_again(self) -> None:
        """A new copy of the same name has nothing of the destroyed one."""
        storage = await self.make()
        await self.written(storage, "one")
        await storage.unmount(DATASET)
        await storage.destroy(DATASET)
        await self.written(storage)
        assert self.read(storage, DATASET) == ()

    async def test_resize(self) -> None:
        """The limit can be set, changed and lifted; doing so twice changes nothing."""
        storage = await self.make()
        await storage.create(DATASET, None, create())
        for size in (64 * MEBIBYTE, 64 * MEBIBYTE, 65 * MEBIBYTE + 1, None, None):
            await storage.resize(DATASET, size)
            look = await storage.look(DATASET)
            assert look is not None
            assert look.maximum_size == size

    # The lease, and who may mount

    async def test_mount(self) -> None:
        """A mounted copy can be written to; mounting it again changes nothing."""
        storage = await self.make()
        await storage.create(DATASET, None, create())
        await storage.mount(DATASET)
        await storage.mount(DATASET)
        look = await storage.look(DATASET)
        assert look is not None
        assert look.mounted
        self.write(storage, DATASET, "one")
        self.write(storage, DATASET, "two")
        assert self.read(storage, DATASET) == ("one", "two")

    async def test_mount_refuses_all_but_the_primary(self) -> None:
        """A copy with any other lease is not mounted."""
        storage = await self.make()
        await storage.create(DATASET, None, create())
        for lease in (
            REPLICA,
            Lease(Role.RELEASING, 1, PEER),
            Lease(Role.RELEASED, 2, PEER),
            Lease(Role.DEPOSED, 3),
        ):
            await storage.set_lease(DATASET, lease)
            await raised(LeaseError, storage.mount(DATASET))
            look = await storage.look(DATASET)
            assert look is not None
            assert (look.lease, look.mounted) == (lease, False)

    async def test_mount_refuses_a_copy_without_lease(self) -> None:
        """A received copy without a lease is not mounted."""
        source, target = await self.make(), await self.make()
        await self.written(source, "one")
        await source.snapshot(DATASET, "first")
        await transfer(source, target, DATASET, None, "first")
        await raised(LeaseError, target.mount(DATASET))

    async def test_unmount(self) -> None:
        """An unmounted copy cannot be written to; unmounting it again changes nothing."""
        storage = await self.make()
        await self.written(storage, "one")
        await storage.unmount(DATASET)
        await storage.unmount(DATASET)
        look = await storage.look(DATASET)
        assert look is not None
        assert not look.mounted
        await raised(Exception, soon(lambda: self.write(storage, DATASET, "two")))
        await storage.mount(DATASET)
        assert self.read(storage, DATASET) == ("one",)

    async def test_unmount_of_what_is_in_use(self) -> None:
        """While a process uses the copy, unmounting fails and says so; afterwards it works."""
        storage = await self.make()
        await self.written(storage, "one")
        end = self.use(storage, DATASET)
        try:
            await raised(Busy, storage.unmount(DATASET))
        finally:
            end()
        await storage.unmount(DATASET)
        assert await self.holds(storage) == ("one",)

    async def test_boot(self) -> None:
        """The operating system mounts none of our copies, whatever its lease."""
        source, target = await self.make(), await self.make()
        await self.replicated(source, target)
        await source.unmount(DATASET)
        await source.create(OTHER, None, create())
        for storage in (source, target):
            self.boot(storage)
            found = await storage.discover()
            assert not [local for local in found.values() if local.mounted]

    async def test_set_lease(self) -> None:
        """A copy has the lease that was set last; setting the same again changes nothing."""
        storage = await self.make()
        await storage.create(DATASET, None, create())
        for lease in (Lease(Role.RELEASING, 1, PEER), create(), create(), REPLICA):
            await storage.set_lease(DATASET, lease)
            look = await storage.look(DATASET)
            assert look is not None
            assert look.lease == lease

    async def test_set_membership(self) -> None:
        """The membership stays until it is replaced or removed."""
        storage = await self.make()
        await storage.create(DATASET, None, create())
        one = Membership(2, PEER, DATASET, 2)
        for membership in (None, one, one, Membership(3, PEER, OTHER, 12), None, None):
            await storage.set_membership(DATASET, membership)
            look = await storage.look(DATASET)
            assert look is not None
            assert (look.membership, look.lease) == (membership, create())
            assert dict(await storage.discover()) == {DATASET: look}

    async def test_membership_is_of_one_copy(self) -> None:
        """A stream does not carry a membership to another node."""
        source, target = await self.make(), await self.make()
        await self.written(source, "one")
        await source.set_membership(DATASET, Membership(2, PEER, DATASET, 2))
        await source.snapshot(DATASET, "first")
        await transfer(source, target, DATASET, None, "first")
        look = await target.look(DATASET)
        assert look is not None
        assert (look.membership, look.lease) == (None, None)

    # Snapshots

    async def test_snapshot_all(self) -> None:
        """Each dataset has one more snapshot, with the name that was given for it."""
        storage = await self.make()
        await storage.create(DATASET, None, create())
        await storage.create(OTHER, None, create())
        before = await storage.snapshot(DATASET, "before")
        taken = await storage.snapshot_all({DATASET: "a-1", OTHER: "b-7"})
        assert {each: snapshot.name for each, snapshot in taken.items()} == {
            DATASET: "a-1",
            OTHER: "b-7",
        }
        found = await storage.discover()
        assert found[DATASET].snapshots == (before, taken[DATASET])
        assert found[OTHER].snapshots == (taken[OTHER],)
        assert dict(await storage.snapshot_all({})) == {}

    async def test_snapshot_all_twice(self) -> None:
        """A name is used once; a snapshot of a missing copy is an error."""
        storage = await self.make()
        await storage.create(DATASET, None, create())
        first = await storage.snapshot(DATASET, "first")
        await raised(NotFound, storage.snapshot_all({OTHER: "second", DATASET: "second"}))
        await storage.create(OTHER, None, create())
        await raised(Conflict, storage.snapshot_all({DATASET: "first", OTHER: "first"}))
        look = await storage.look(DATASET)
        assert look is not None
        assert look.snapshots == (first,)

    async def test_snapshots(self) -> None:
        """Snapshots are listed oldest first, whatever their names, and each has its own guid."""
        storage = await self.make()
        await storage.create(DATASET, None, create())
        taken = [await storage.snapshot(DATASET, name) for name in ("b", "a", "c-10", "c-9")]
        look = await storage.look(DATASET)
        assert look is not None
        assert list(look.snapshots) == taken
        assert len({snapshot.guid for snapshot in taken}) == 4

    async def test_snapshot_twice(self) -> None:
        """A name is used once; the snapshot with that name stays."""
        storage = await self.make()
        await storage.create(DATASET, None, create())
        first = await storage.snapshot(DATASET, "first")
        await raised(Conflict, storage.snapshot(DATASET, "first"))
        look = await storage.look(DATASET)
        assert look is not None
        assert look.snapshots == (first,)

    async def test_destroy_snapshot(self) -> None:
        """One snapshot is gone and the others stay; destroying it again changes nothing."""
        storage = await self.make()
        await storage.create(DATASET, None, create())
        first, _, third = [await storage.snapshot(DATASET, name) for name in ("a", "b", "c")]
        await storage.destroy_snapshot(DATASET, "b")
        await storage.destroy_snapshot(DATASET, "b")
        await storage.destroy_snapshot(OTHER, "b")
        look = await storage.look(DATASET)
        assert look is not None
        assert look.snapshots == (first, third)

    async def test_destroy_snapshot_after_a_send(self) -> None:
        """A snapshot can be destroyed after it was sent."""
        source, target = await self.make(), await self.make()
        await self.replicated(source, target)
        second = await source.snapshot(DATASET, "second")
        await transfer(source, target, DATASET, "first", "second")
        for storage in (source, target):
            await storage.destroy_snapshot(DATASET, "first")
            look = await storage.look(DATASET)
            assert look is not None
            assert look.snapshots == (second,)

    # Missing copies, and asides

    async def test_set_aside(self) -> None:
        """A copy that was set aside is not listed any more, and a new one can be made."""
        source, target = await self.make(), await self.make()
        await self.replicated(source, target)
        assert DATASET in await target.set_aside(DATASET, "diverged")
        assert dict(await target.discover()) == {}
        await transfer(source, target, DATASET, None, "first")
        assert await self.holds(target) == ("one",)

    async def test_set_aside_refuses_a_mounted_one(self) -> None:
        """A mounted copy is not set aside."""
        storage = await self.make()
        await self.written(storage, "one")
        await raised(Busy, storage.set_aside(DATASET, "diverged"))
        assert self.read(storage, DATASET) == ("one",)

    async def test_nothing_there(self) -> None:
        """An operation on a missing copy or snapshot is NotFound."""
        storage = await self.make()
        await storage.create(OTHER, None, create())
        await storage.snapshot(OTHER, "first")
        for asked in (
            storage.resize(DATASET, MEBIBYTE),
            storage.mount(DATASET),
            storage.unmount(DATASET),
            storage.set_lease(DATASET, create()),
            storage.set_membership(DATASET, Membership(2, PEER, DATASET, 2)),
            storage.snapshot(DATASET, "first"),
            storage.set_aside(DATASET, "diverged"),
            sent(storage, DATASET, None, "first"),
            sent(storage, OTHER, None, "second"),
            sent(storage, OTHER, "second", "first"),
        ):
            await raised(NotFound, asked)
