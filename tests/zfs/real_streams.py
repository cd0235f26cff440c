"""What a real ZFS is held to when streams go wrong, as tests to be mixed in where there is one."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.threads import deferToThread

from flocker_lite.errors import FlockerError, LeaseError, ReaderGone
from flocker_lite.interfaces import IStorage
from flocker_lite.model.lease import create
from flocker_lite.testing.containers_contract import raised
from flocker_lite.testing.storage_case import (
    DATASET,
    MEBIBYTE,
    OTHER,
    received,
    sent,
)
from tests.zfs.zfs_nodes import (
    BUSY_TIMEOUT_SECONDS,
    CHUNK_BYTES,
    COMMAND_TIMEOUT_SECONDS,
    ZfsCase,
    command,
    destroy_pool,
    retry_while_busy,
    start,
    write_all,
    write_durably,
)

SMALL_POOL = "flocker-lite-small"
SMALL_POOL_MEBIBYTES = 64


class RealStreams(ZfsCase):
    """What only a real ZFS shows of streams."""

    async def test_lease_of_a_stream_is_none(self) -> None:
        """A stream that carries properties is refused, and a lease that came by one gives no
        right: whoever had ZFS receive it."""
        source, target = await self.make(), await self.make()
        await self.written(source, "one")
        await source.snapshot(DATASET, "first")
        name = self.nodes.name(source, DATASET)
        stream = subprocess.run(
            ["zfs", "send", "-p", f"{name}@first"],
            capture_output=True,
            check=True,
            timeout=COMMAND_TIMEOUT_SECONDS,
        ).stdout
        await source.unmount(DATASET)
        error = await raised(FlockerError, received(target, DATASET, stream))
        assert "properties" in str(error)
        assert await target.look(DATASET) is None
        name = self.nodes.name(target, DATASET)
        subprocess.run(
            ["zfs", "receive", "-u", name],
            input=stream,
            check=True,
            timeout=COMMAND_TIMEOUT_SECONDS,
        )
        look = await target.look(DATASET)
        assert look is not None
        assert (look.lease, look.mounted) == (None, False)
        await raised(LeaseError, target.mount(DATASET))

    async def test_cut_off_after_a_full_stream(self) -> None:
        """An agent that is killed between the stream and the properties goes on with the next."""
        source, target = await self.make(), await self.make()
        await self.written(source, "one")
        await source.snapshot(DATASET, "first")
        await source.snapshot(DATASET, "second")
        name = self.nodes.name(target, DATASET)
        full, increment = (
            await sent(source, DATASET, None, "first"),
            await sent(source, DATASET, "first", "second"),
        )
        for done in ((), ("canmount=noauto",)):
            subprocess.run(
                ["zfs", "receive", "-u", name],
                input=full,
                check=True,
                timeout=COMMAND_TIMEOUT_SECONDS,
            )
            for item in done:
                command("zfs", "set", item, name)
            self.boot(target)
            look = await target.look(DATASET)
            assert look is not None
            assert (look.lease, look.mounted) == (None, False)
            await received(target, DATASET, increment)
            assert await self.holds(target) == ("one",)
            await target.unmount(DATASET)
            await target.destroy(DATASET)

    async def test_reader_dies(self) -> None:
        """A send whose reader is gone ends with an error at once."""
        storage = await self.make()
        await self.filled(storage, 32)
        read_fd, write_fd = os.pipe()
        sending = start(storage.send(DATASET, None, "first", write_fd))
        os.close(write_fd)
        await deferToThread(os.read, read_fd, CHUNK_BYTES)
        os.close(read_fd)
        began = time.monotonic()
        await raised(ReaderGone, sending)
        assert time.monotonic() - began < BUSY_TIMEOUT_SECONDS
        # zfs-fuse lets go of the snapshot once its own thread meets the broken pipe.
        await retry_while_busy(lambda: storage.destroy_snapshot(DATASET, "first"))

    async def test_cancelled_receive(self) -> None:
        """A receive that is given up has ended when that is known, and leaves the copy as it was.

        But for what a stream that was cut leaves, which can be thrown away at once.
        """
        source, target = await self.make(), await self.make()
        await self.filled(source, 32)
        full = await sent(source, DATASET, None, "first")
        await self.given_up(target, full)
        await target.discard_partial(DATASET)
        assert await self.settled(target) is None
        await received(target, DATASET, full)
        Path(source.path(DATASET), "random").write_bytes(os.urandom(32 * MEBIBYTE))
        await source.snapshot(DATASET, "second")
        increment = await sent(source, DATASET, "first", "second")
        before = await target.look(DATASET)
        await self.given_up(target, increment)
        assert await target.look(DATASET) == before
        await target.discard_partial(DATASET)
        assert await target.look(DATASET) == before
        await retry_while_busy(lambda: received(target, DATASET, increment))
        look = await target.look(DATASET)
        assert look is not None
        assert len(look.snapshots) == 2

    async def given_up(self, target: IStorage, stream: bytes) -> None:
        """Cancel a receive in the middle of its stream, and end the stream."""
        read_fd, write_fd = os.pipe()
        receiving = start(target.receive(DATASET, read_fd))
        half = stream[: len(stream) // 2]
        await deferToThread(write_all, write_fd, half)
        receiving.cancel()
        await raised(CancelledError, receiving)
        assert not self.receives(target), "it goes on receiving"
        os.close(read_fd)
        os.close(write_fd)

    def receives(self, target: IStorage) -> str:
        """The processes that receive into DATASET, as text; none: empty."""
        words = f"zfs receive.*{self.nodes.name(target, DATASET)}"
        return command("pgrep", "-f", words, check=False)

    async def test_two_receives_at_once(self) -> None:
        """One of them gets the dataset, the other one an error, and nothing is mixed."""
        source, target = await self.make(), await self.make()
        await self.filled(source, 16)
        stream = await sent(source, DATASET, None, "first")
        both = [start(received(target, DATASET, stream)) for _ in range(2)]
        failed = []
        for one in both:
            try:
                await one
            except FlockerError as error:
                failed.append(error)
        assert len(failed) == 1
        await target.set_lease(DATASET, create())
        await target.mount(DATASET)
        here, there = (Path(node.path(DATASET), "random") for node in (source, target))
        assert here.read_bytes() == there.read_bytes()

    async def test_full_pool(self) -> None:
        """When there is no room, creating and receiving say so, and nothing is lost or left."""
        source = await self.make()
        await self.filled(source, SMALL_POOL_MEBIBYTES)
        stream = await sent(source, DATASET, None, "first")
        small = self.small_pool()
        target = await self.nodes.make(small)
        await target.create(OTHER, None, create())
        error = await raised(FlockerError, received(target, DATASET, stream))
        assert "out of space" in str(error)
        await target.discard_partial(DATASET)
        assert await self.settled(target) is None
        await target.mount(OTHER)
        file = Path(target.path(OTHER), "random")
        with pytest.raises(OSError, match="space"):
            write_durably(file, SMALL_POOL_MEBIBYTES * MEBIBYTE)
        error = await raised(FlockerError, target.create(DATASET, None, create()))
        assert "out of space" in str(error)
        look = await target.look(OTHER)
        assert look is not None
        assert (look.lease, look.mounted) == (create(), True)
        file.unlink()
        await retry_while_busy(lambda: target.create(DATASET, None, create()))

    def small_pool(self) -> str:
        """A pool in a file, which is removed after the test."""
        disk = self.nodes.folder / "small-pool"
        with disk.open("wb") as file:
            file.truncate(SMALL_POOL_MEBIBYTES * MEBIBYTE)
        self.addCleanup(disk.unlink)
        command("zpool", "create", "-m", "none", SMALL_POOL, str(disk))
        self.addCleanup(destroy_pool, SMALL_POOL)
        return SMALL_POOL
