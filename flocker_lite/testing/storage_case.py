"""What the contracts of IStorage have in common: nodes, what happens on them, and streams."""

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
    """Give `make`, and what the processes and the boot of a machine do: the others.

    What a dataset holds is, to the contract, the texts that were written to it, in their order.
    `resumes` is whether a stream that was cut can be gone on with.
    """

    resumes = False

    async def make(self) -> IStorage:
        """The storage of one more node, which has no copies yet."""
        raise NotImplementedError

    def write(self, storage: IStorage, dataset_id: DatasetId, text: str) -> None:
        """Write to the mounted dataset as a process of the node does; any error when it cannot."""
        raise NotImplementedError

    def read(self, storage: IStorage, dataset_id: DatasetId) -> tuple[str, ...]:
        """All that was written to the mounted dataset."""
        raise NotImplementedError

    def use(
        self, storage: IStorage, dataset_id: DatasetId, writes: bool = False
    ) -> Callable[[], None]:
        """Have a process of the node stand in the mounted dataset; what is returned ends it.

        With `writes` it has a file open there for writing.
        """
        raise NotImplementedError

    def litter(self, storage: IStorage, dataset_id: DatasetId, name: str) -> None:
        """Have a file where the dataset is to be mounted, as from before nobody could make one."""
        raise NotImplementedError

    def stray(self, storage: IStorage, dataset_id: DatasetId, name: str) -> None:
        """Make a file there as root does, while nothing is mounted; OSError when he cannot."""
        raise NotImplementedError

    def strays(self, storage: IStorage, dataset_id: DatasetId, warning: str) -> list[str]:
        """What was set aside, where the warning says."""
        raise NotImplementedError

    def cover(self, storage: IStorage, dataset_id: DatasetId) -> Callable[[], None]:
        """Mount something else where the dataset is, or would be; what is returned unmounts it."""
        raise NotImplementedError

    def die(self, storage: IStorage) -> bool:
        """Kill the daemon of the storage; False when it has none."""
        raise NotImplementedError

    async def come_back(self, storage: IStorage) -> None:
        """Start it again."""
        raise NotImplementedError

    async def pass_time(self) -> None:
        """Let so much time pass that whoever watches has seen what was done before."""
        raise NotImplementedError

    def boot(self, storage: IStorage) -> None:
        """Mount all that the node's operating system mounts when it boots."""
        raise NotImplementedError

    async def written(self, storage: IStorage, *texts: str) -> None:
        """Have DATASET created, mounted and written to."""
        await storage.create(DATASET, None, create())
        await storage.mount(DATASET)
        for text in texts:
            self.write(storage, DATASET, text)

    async def replicated(self, source: IStorage, target: IStorage) -> Snapshot:
        """Have DATASET, which holds "one", at the source, and a replica of it at the target."""
        await self.written(source, "one")
        first = await source.snapshot(DATASET, "first")
        await transfer(source, target, DATASET, None, "first")
        await target.set_lease(DATASET, REPLICA)
        return first

    async def cut(self, target: IStorage, stream: bytes) -> str | None:
        """Have DATASET receive a stream that ends early; what it gives to go on with."""
        await raised(CommandFailed, received(target, DATASET, stream))
        return await target.resume_token(DATASET)

    async def holds(self, storage: IStorage) -> tuple[str, ...]:
        """What DATASET holds, after making it primary here and mounting it."""
        await storage.set_lease(DATASET, Lease(Role.PRIMARY, 99))
        await storage.mount(DATASET)
        return self.read(storage, DATASET)


async def soon(call: Callable[[], None]) -> None:
    """A call, as what can be awaited."""
    call()


async def sent(storage: IStorage, dataset_id: DatasetId, base: str | None, snapshot: str) -> bytes:
    """A stream, whole."""
    fd = os.memfd_create("stream")
    try:
        await storage.send(dataset_id, base, snapshot, fd)
        return os.pread(fd, os.fstat(fd).st_size, 0)
    finally:
        os.close(fd)


async def rest(storage: IStorage, dataset_id: DatasetId, resume_token: str) -> bytes:
    """What a stream that was cut still lacks."""
    fd = os.memfd_create("stream")
    try:
        await storage.send_rest(dataset_id, resume_token, fd)
        return os.pread(fd, os.fstat(fd).st_size, 0)
    finally:
        os.close(fd)


async def received(storage: IStorage, dataset_id: DatasetId, stream: bytes) -> None:
    """Have a stream received."""
    fd = os.memfd_create("stream")
    try:
        os.pwrite(fd, stream, 0)
        await storage.receive(dataset_id, fd)
    finally:
        os.close(fd)


async def transfer(
    source: IStorage, target: IStorage, dataset_id: DatasetId, base: str | None, snapshot: str
) -> None:
    """Send from one to the other through a pipe; raises what went wrong at the target, or else
    at the source."""
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
    """Start it, and close the descriptor at its end."""

    async def until_closed() -> None:
        try:
            await awaitable
        finally:
            os.close(fd)

    return Deferred.fromCoroutine(until_closed())
