"""The storage in memory keeps the contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.trial.unittest import TestCase

from flocker_lite.interfaces import IStorage
from flocker_lite.model.records import DatasetId
from flocker_lite.testing.memory_storage import MemoryStorage
from flocker_lite.testing.storage_contract import StorageContract
from flocker_lite.testing.streams_contract import StreamsContract


class MemoryStorageTests(StorageContract, StreamsContract, TestCase):
    """On nodes of its own."""

    def setUp(self) -> None:
        self.used: set[str] = set()

    async def make(self) -> IStorage:
        storage = MemoryStorage(in_use=self.used.__contains__, resumes=self.resumes)
        return cast(IStorage, storage)

    def write(self, storage: IStorage, dataset_id: DatasetId, text: str) -> None:
        memory(storage).write(dataset_id, text)

    def read(self, storage: IStorage, dataset_id: DatasetId) -> tuple[str, ...]:
        return memory(storage).read(dataset_id)

    def use(self, storage: IStorage, dataset_id: DatasetId) -> Callable[[], None]:
        path = storage.path(dataset_id)
        self.used.add(path)
        return lambda: self.used.remove(path)

    def boot(self, storage: IStorage) -> None:
        memory(storage).reboot()


class ResumingMemoryStorageTests(MemoryStorageTests):
    """The same, where streams that were cut can be gone on with."""

    resumes = True


def memory(storage: IStorage) -> MemoryStorage:
    """The one behind the interface."""
    assert isinstance(storage, MemoryStorage)
    return storage
