"""The base of the contracts of IStorage: nodes, events on them, and streams."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from flocker_lite.errors import CommandFailed, FlockerError
from flocker_lite.interfaces import IStorage
from flocker_lite.model.lease import Lease, Role, create
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import Snapshot
from flocker_lite.testing.containers_contract import raised

if TYPE_CHECKING:
    Base = TestCase
else:
    # A mixin, so that no test runner takes the contract itself for a test case.
    Base = object

DATASET = "dddddddd-0000-4000-8000-000000000001"
OTHER = "dddddddd-0000-4000-8000-000000000002"
PEER = "bbbbbbbb-0000-4000-8000-000000000001"
REPLICA = Lease(Role.REPLICA, 1)
MEBIBYTE = 1 << 20


class StorageCase(Base):
    """Implement `make`, and the other methods, which do what a machine and its processes do.

    To the contract, the content of a dataset is the sequence of texts that were written to it.
    `resumes` says whether an interrupted stream can be continued.
    """

    resumes = False

    async def make(self) -> IStorage:
        """The storage of another node, which has no copies yet."""
        raise NotImplementedError

    def write(self, storage: IStorage, dataset_id: DatasetId, text: str) -> None:
        """Write to the mounted dataset as a process of the node does; raises when it cannot."""
        raise NotImplementedError

    def read(self, storage: IStorage, dataset_id: DatasetId) -> tuple[str, ...]:
        """All texts in the mounted dataset."""
        raise NotImplementedError

    def use(
        self, storage: IStorage, dataset_id: DatasetId, writes: bool = False
    ) -> Callable[[], None]:
        """Start a process whose working directory is the dataset; the returned function ends it.

        With `writes` the process has a file open there for writing.
        """
        raise NotImplementedError

    def make_stray_file(self, storage: IStorage, dataset_id: DatasetId, name: str) -> None:
        """Put a file at the dataset's mountpoint, as if it were there before we protected that."""
        raise NotImplementedError

    def set_property(self, storage: IStorage, dataset_id: DatasetId, name: str, value: str) -> None:
        """Set a property as a user of the node does, without the storage."""
        raise NotImplementedError

    def somebodys(self, storage: IStorage, name: str, text: str) -> str:
        """Somebody makes a filesystem with that text in the pool; returns its whole name."""
        raise NotImplementedError

    def stray(self, storage: IStorage, dataset_id: DatasetId, name: str) -> None:
        """Make a file there as root, while nothing is mounted; OSError when that is impossible."""
        raise NotImplementedError

    def strays(self, storage: IStorage, dataset_id: DatasetId, warning: str) -> list[str]:
        """The names of the files in the directory that the warning names."""
        raise NotImplementedError

    def mount_over(self, storage: IStorage, dataset_id: DatasetId) -> Callable[[], None]:
        """Mount something else at the dataset's mountpoint; the returned function unmounts it."""
        raise NotImplementedError

    def kill_daemon(self, storage: IStorage) -> bool:
        """Kill the daemon of the storage; False when it has none."""
        raise NotImplementedError

    async def start_daemon(self, storage: IStorage) -> None:
        """Start the daemon again."""
        raise NotImplementedError

    async def pass_time(self) -> None:
        """Let enough time pass for watchers to notice earlier changes."""
        raise NotImplementedError

    def boot(self, storage: IStorage) -> None:
        """Mount everything that the operating system mounts when the node boots."""
        raise NotImplementedError

    async def written(self, storage: IStorage, *texts: str) -> None:
        """Create and mount DATASET, and write to it."""
        await storage.create(DATASET, None, create())
        await storage.mount(DATASET)
        for text in texts:
            self.write(storage, DATASET, text)

    async def replicated(self, source: IStorage, target: IStorage) -> Snapshot:
        """Create DATASET with the text "one" at the source, and a replica at the target."""
        await self.written(source, "one")
        first = await source.snapshot(DATASET, "first")
        await transfer(source, target, DATASET, None, "first")
        await target.set_lease(DATASET, REPLICA)
        return first

    async def cut(self, target: IStorage, stream: bytes) -> str | None:
        """Receive a stream of DATASET that ends early; returns the resume token."""
        await raised(CommandFailed, received(target, DATASET, stream))
        return await target.resume_token(DATASET)

    async def holds(self, storage: IStorage) -> tuple[str, ...]:
        """The content of DATASET, after making it primary here and mounting it."""
        await storage.set_lease(DATASET, Lease(Role.PRIMARY, 99))
        await storage.mount(DATASET)
        return self.read(storage, DATASET)


async def soon(call: Callable[[], None]) -> None:
    """Call a function from a coroutine."""
    call()


async def sent(storage: IStorage, dataset_id: DatasetId, base: str | None, snapshot: str) -> bytes:
    """The whole stream that `send` writes."""
    fd = os.memfd_create("stream")
    try:
        await storage.send(dataset_id, base, snapshot, fd)
        return os.pread(fd, os.fstat(fd).st_size, 0)
    finally:
        os.close(fd)


async def rest(storage: IStorage, dataset_id: DatasetId, resume_token: str) -> bytes:
    """The rest of an interrupted stream."""
    fd = os.memfd_create("stream")
    try:
        await storage.send_rest(dataset_id, resume_token, fd)
        return os.pread(fd, os.fstat(fd).st_size, 0)
    finally:
        os.close(fd)


async def received(storage: IStorage, dataset_id: DatasetId, stream: bytes) -> None:
    """Receive a stream."""
    fd = os.memfd_create("stream")
    try:
        os.pwrite(fd, stream, 0)
        await storage.receive(dataset_id, fd)
    finally:
        os.close(fd)


async def transfer(
    source: IStorage, target: IStorage, dataset_id: DatasetId, base: str | None, snapshot: str
) -> None:
    """Send from one to the other through a pipe; raises the target's error, or the source's."""
    read_fd, write_fd = os.pipe()
    sending = _closing(write_fd, source.send(dataset_id, base, snapshot, write_fd))
    receiving = _closing(read_fd, target.receive(dataset_id, read_fd))
    failed: FlockerError | None = None
    for end in (sending, receiving):
        try:
            await end
        except FlockerError as error:
            failed = error
    if failed is not None:
        raise failed


def _closing(fd: int, awaitable: Awaitable[None]) -> Deferred[None]:
    """Start the coroutine, and close the descriptor when it ends."""

    async def until_closed() -> None:
        try:
            await awaitable
        finally:
            os.close(fd)

    return Deferred.fromCoroutine(until_closed())
