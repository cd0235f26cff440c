"""The contract of every IStorage for streams, as tests to mix into a trial TestCase."""

from __future__ import annotations

import os
import random

from flocker_lite.errors import Conflict, LeaseError, NotFound
from flocker_lite.interfaces import IStorage
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.state import LocalDataset
from flocker_lite.testing.containers_contract import raised
from flocker_lite.testing.storage_case import (
    DATASET,
    MEBIBYTE,
    REPLICA,
    StorageCase,
    received,
    rest,
    sent,
    transfer,
)

LONG_TEXT = random.Random(1).randbytes(MEBIBYTE).hex()
"""Long enough for several records of a stream, and random, so that ZFS cannot compress it."""


class StreamsContract(StorageCase):
    """Sending, receiving, and what neither may do to a copy."""

    async def test_full_stream(self) -> None:
        """A received copy has the same snapshot and data, no lease, no limit, and no mount."""
        source, target = await self.make(), await self.make()
        await self.written(source, "one")
        first = await source.snapshot(DATASET, "first")
        self.write(source, DATASET, "later")
        await transfer(source, target, DATASET, None, "first")
        path = target.path(DATASET)
        assert await target.look(DATASET) == LocalDataset(
            DATASET, None, False, path, None, (first,)
        )
        assert await self.holds(target) == ("one",)
        assert self.read(source, DATASET) == ("one", "later")

    async def test_increments(self) -> None:
        """Each increment brings the writes since the last one; the lease and the limit stay."""
        source, target = await self.make(), await self.make()
        first = await self.replicated(source, target)
        await target.resize(DATASET, 64 * MEBIBYTE)
        self.write(source, DATASET, "two")
        second = await source.snapshot(DATASET, "second")
        await transfer(source, target, DATASET, "first", "second")
        # Without any writes since, there is a stream too.
        third = await source.snapshot(DATASET, "third")
        await transfer(source, target, DATASET, "second", "third")
        look = await target.look(DATASET)
        assert look is not None
        assert (look.lease, look.mounted) == (REPLICA, False)
        assert look.maximum_size == 64 * MEBIBYTE
        assert look.snapshots == (first, second, third)
        assert await self.holds(target) == ("one", "two")

    async def test_increment_over_several_snapshots(self) -> None:
        """The target needs the first of the two snapshots, and gets none of those in between."""
        source, target = await self.make(), await self.make()
        first = await self.replicated(source, target)
        self.write(source, DATASET, "two")
        await source.snapshot(DATASET, "second")
        third = await source.snapshot(DATASET, "third")
        await transfer(source, target, DATASET, "first", "third")
        look = await target.look(DATASET)
        assert look is not None
        assert look.snapshots == (first, third)
        assert await self.holds(target) == ("one", "two")

    async def test_back_again(self) -> None:
        """A dataset that moved comes back by an increment, with the writes from elsewhere."""
        source, target = await self.make(), await self.make()
        await self.replicated(source, target)
        await source.unmount(DATASET)
        await source.set_lease(DATASET, Lease(Role.REPLICA, 2))
        await target.set_lease(DATASET, Lease(Role.PRIMARY, 2))
        await target.mount(DATASET)
        self.write(target, DATASET, "two")
        await target.unmount(DATASET)
        await target.snapshot(DATASET, "second")
        await transfer(target, source, DATASET, "first", "second")
        assert await self.holds(source) == ("one", "two")

    async def test_descriptors_stay_open(self) -> None:
        """The storage does not close the caller's descriptor; a file works like a pipe."""
        source, target = await self.make(), await self.make()
        await self.written(source, "one")
        await source.snapshot(DATASET, "first")
        fd = os.memfd_create("stream")
        await source.send(DATASET, None, "first", fd)
        os.lseek(fd, 0, os.SEEK_SET)
        await target.receive(DATASET, fd)
        os.close(fd)
        assert await self.holds(target) == ("one",)

    async def test_full_stream_onto_a_copy(self) -> None:
        """A copy is never overwritten."""
        source, target = await self.make(), await self.make()
        await self.replicated(source, target)
        await source.snapshot(DATASET, "second")
        before = await target.look(DATASET)
        stream = await sent(source, DATASET, None, "second")
        await raised(Conflict, received(target, DATASET, stream))
        assert await target.look(DATASET) == before
        assert await self.holds(target) == ("one",)

    async def test_increment_onto_nothing(self) -> None:
        """An increment without the copy that it continues is refused."""
        source, target = await self.make(), await self.make()
        await self.written(source, "one")
        await source.snapshot(DATASET, "first")
        await source.snapshot(DATASET, "second")
        stream = await sent(source, DATASET, "first", "second")
        await raised(NotFound, received(target, DATASET, stream))
        assert dict(await target.discover()) == {}

    async def test_increment_from_a_snapshot_that_is_not_there(self) -> None:
        """An increment must start where the copy ends."""
        source, target = await self.make(), await self.make()
        await self.replicated(source, target)
        await source.snapshot(DATASET, "second")
        await source.snapshot(DATASET, "third")
        before = await target.look(DATASET)
        stream = await sent(source, DATASET, "second", "third")
        await raised(Conflict, received(target, DATASET, stream))
        assert await target.look(DATASET) == before

    async def test_increment_onto_a_copy_that_diverged(self) -> None:
        """Writes that only the target has stay, whether in snapshots or not."""
        source, target = await self.make(), await self.make()
        await self.replicated(source, target)
        self.write(source, DATASET, "two")
        await source.snapshot(DATASET, "second")
        stream = await sent(source, DATASET, "first", "second")
        await self.holds(target)
        self.write(target, DATASET, "other")
        await target.unmount(DATASET)
        await raised(Conflict, received(target, DATASET, stream))
        await target.snapshot(DATASET, "own")
        await raised(Conflict, received(target, DATASET, stream))
        assert await self.holds(target) == ("one", "other")

    async def test_cut_full_stream(self) -> None:
        """A full stream that ends early leaves only the part from which it can resume.

        After that part is discarded, a full stream works.
        """
        source, target = await self.make(), await self.make()
        await self.written(source, "one")
        await source.snapshot(DATASET, "first")
        stream = await sent(source, DATASET, None, "first")
        for length in (0, len(stream) // 2, len(stream) - 1):
            if await self.cut(target, stream[:length]) is not None:
                await self.is_no_copy(target)
            await target.discard_partial(DATASET)
            assert dict(await target.discover()) == {}
        await target.discard_partial(DATASET)
        await received(target, DATASET, stream)
        assert await self.holds(target) == ("one",)

    async def test_cut_increment(self) -> None:
        """An increment that ends early changes nothing, and a whole one works afterwards."""
        source, target = await self.make(), await self.make()
        await self.replicated(source, target)
        self.write(source, DATASET, "two")
        await source.snapshot(DATASET, "second")
        stream = await sent(source, DATASET, "first", "second")
        before = await target.look(DATASET)
        for length in (0, len(stream) // 2, len(stream) - 1):
            await self.cut(target, stream[:length])
            assert await target.look(DATASET) == before
            await target.discard_partial(DATASET)
            assert await target.look(DATASET) == before
        await received(target, DATASET, stream)
        assert await self.holds(target) == ("one", "two")

    async def test_full_stream_goes_on(self) -> None:
        """After an interruption only the rest is sent; until then, nobody can mount the copy."""
        source, target = await self.make(), await self.make()
        await self.written(source, LONG_TEXT, "one")
        first = await source.snapshot(DATASET, "first")
        stream = await sent(source, DATASET, None, "first")
        token = await self.cut(target, stream[: len(stream) * 3 // 4])
        assert (token is not None) == self.resumes
        if token is None:
            return
        await self.is_no_copy(target)
        remaining = await rest(source, DATASET, token)
        assert len(remaining) < len(stream)
        await received(target, DATASET, remaining)
        assert await target.resume_token(DATASET) is None
        path = target.path(DATASET)
        assert await target.look(DATASET) == LocalDataset(
            DATASET, None, False, path, None, (first,)
        )
        assert await self.holds(target) == (LONG_TEXT, "one")

    async def test_increment_goes_on(self) -> None:
        """After each interruption only the rest is sent."""
        source, target = await self.make(), await self.make()
        first = await self.replicated(source, target)
        before = await target.look(DATASET)
        self.write(source, DATASET, LONG_TEXT)
        second = await source.snapshot(DATASET, "second")
        stream = await sent(source, DATASET, "first", "second")
        for _ in range(2):
            token = await self.cut(target, stream[: len(stream) * 3 // 4])
            assert (token is not None) == self.resumes
            if token is None:
                return
            assert await target.look(DATASET) == before
            stream = await rest(source, DATASET, token)
        await received(target, DATASET, stream)
        look = await target.look(DATASET)
        assert look is not None
        assert look.snapshots == (first, second)
        assert await self.holds(target) == ("one", LONG_TEXT)

    async def test_no_other_stream_on_top_of_a_part(self) -> None:
        """Other streams are refused until the part is discarded; the copy's old data stays."""
        source, target = await self.make(), await self.make()
        await self.replicated(source, target)
        self.write(source, DATASET, LONG_TEXT)
        await source.snapshot(DATASET, "second")
        stream = await sent(source, DATASET, "first", "second")
        token = await self.cut(target, stream[: len(stream) // 2])
        assert (token is not None) == self.resumes
        if token is None:
            return
        remaining = await rest(source, DATASET, token)
        await raised(Conflict, received(target, DATASET, stream))
        await target.discard_partial(DATASET)
        assert await target.resume_token(DATASET) is None
        await raised(Conflict, received(target, DATASET, remaining))
        await received(target, DATASET, stream)
        assert await self.holds(target) == ("one", LONG_TEXT)

    async def test_a_token_that_is_stale(self) -> None:
        """If the source no longer has the snapshot, it says so before it writes a byte."""
        source, target = await self.make(), await self.make()
        await self.written(source, LONG_TEXT)
        await source.snapshot(DATASET, "first")
        stream = await sent(source, DATASET, None, "first")
        token = await self.cut(target, stream[: len(stream) // 2])
        assert (token is not None) == self.resumes
        if token is None:
            return
        await source.destroy_snapshot(DATASET, "first")
        await raised(Conflict, rest(source, DATASET, token))
        await source.snapshot(DATASET, "first")
        await raised(Conflict, rest(source, DATASET, token))

    async def test_destroying_a_part(self) -> None:
        """Destroying a dataset leaves nothing, whether it was complete or not."""
        source, target = await self.make(), await self.make()
        await self.written(source, LONG_TEXT)
        await source.snapshot(DATASET, "first")
        full = await sent(source, DATASET, None, "first")
        await self.cut(target, full[: len(full) // 2])
        await target.destroy(DATASET)
        assert dict(await target.discover()) == {}
        await received(target, DATASET, full)
        self.write(source, DATASET, LONG_TEXT)
        await source.snapshot(DATASET, "second")
        increment = await sent(source, DATASET, "first", "second")
        await self.cut(target, increment[: len(increment) // 2])
        await target.destroy(DATASET)
        assert dict(await target.discover()) == {}

    async def is_no_copy(self, target: IStorage) -> None:
        """Check that DATASET has no lease and no snapshots here, and cannot be mounted."""
        empty = LocalDataset(DATASET, None, False, target.path(DATASET))
        assert await target.look(DATASET) == empty
        await raised(LeaseError, target.mount(DATASET))

    async def test_held_bytes(self) -> None:
        """A storage tells what its snapshots hold, or returns None if it cannot."""
        storage = await self.make()
        await self.written(storage, "one")
        await storage.snapshot(DATASET, "first")
        held = await storage.held_bytes(DATASET)
        assert held is None or held >= 0

    async def test_estimate(self) -> None:
        """A storage estimates the size of a stream, or returns None if it cannot."""
        storage = await self.make()
        await self.written(storage, "one")
        await storage.snapshot(DATASET, "first")
        await storage.snapshot(DATASET, "second")
        for base, last in ((None, "first"), ("first", "second"), (None, None)):
            estimate = await storage.estimate(DATASET, base, last)
            assert estimate is None or estimate > 0
