"""The storage in memory keeps the contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.trial.unittest import TestCase

from flocker_lite.interfaces import IStorage
from flocker_lite.model.filesystem import FoundFilesystem
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import Holder
from flocker_lite.testing.asides_contract import AsidesContract
from flocker_lite.testing.memory_storage import MemoryStorage
from flocker_lite.testing.mount_status_contract import MountStatusContract
from flocker_lite.testing.properties_contract import PropertiesContract
from flocker_lite.testing.storage_contract import StorageContract
from flocker_lite.testing.streams_contract import StreamsContract


class MemoryStorageTests(
    StorageContract,
    PropertiesContract,
    MountStatusContract,
    StreamsContract,
    AsidesContract,
    TestCase,
):
    """On nodes of its own."""

    async def make(self) -> IStorage:
        storage = MemoryStorage(resumes=self.resumes)
        return cast(IStorage, storage)

    def write(self, storage: IStorage, dataset_id: DatasetId, text: str) -> None:
        memory(storage).write(dataset_id, text)

    def read(self, storage: IStorage, dataset_id: DatasetId) -> tuple[str, ...]:
        return memory(storage).read(dataset_id)

    def use(
        self, storage: IStorage, dataset_id: DatasetId, writes: bool = False
    ) -> Callable[[], None]:
        others = memory(storage).others
        others[dataset_id] = (Holder(7, "sleep", "has its working directory in it", writes),)
        return lambda: others.update({dataset_id: ()})

    def make_stray_file(self, storage: IStorage, dataset_id: DatasetId, name: str) -> None:
        mountpoints = memory(storage).mountpoints
        mountpoints.protected.discard(storage.path(dataset_id))
        mountpoints.make_stray_file(storage.path(dataset_id), name)

    def set_property(self, storage: IStorage, dataset_id: DatasetId, name: str, value: str) -> None:
        memory(storage).set_property(dataset_id, name, value)

    def somebodys(self, storage: IStorage, name: str, text: str) -> str:
        memory(storage).found[name] = FoundFilesystem(name, f"/tank/{name}", len(text))
        memory(storage).texts[name] = (text,)
        return name

    def stray(self, storage: IStorage, dataset_id: DatasetId, name: str) -> None:
        memory(storage).mountpoints.make_stray_file(storage.path(dataset_id), name)

    def strays(self, storage: IStorage, dataset_id: DatasetId, warning: str) -> list[str]:
        return memory(storage).mountpoints.aside[storage.path(dataset_id)]

    def mount_over(self, storage: IStorage, dataset_id: DatasetId) -> Callable[[], None]:
        path = storage.path(dataset_id)
        memory(storage).mountpoints.mount_over(path, "tmpfs")
        return lambda: memory(storage).mountpoints.unmount_over(path)

    def kill_daemon(self, storage: IStorage) -> bool:
        memory(storage).kill_daemon()
        return True

    async def start_daemon(self, storage: IStorage) -> None:
        memory(storage).start_daemon()

    async def pass_time(self) -> None:
        pass

    def boot(self, storage: IStorage) -> None:
        memory(storage).reboot()


class ResumingMemoryStorageTests(MemoryStorageTests):
    """The same, where streams that were cut can be gone on with."""

    resumes = True


def memory(storage: IStorage) -> MemoryStorage:
    """The one behind the interface."""
    assert isinstance(storage, MemoryStorage)
    return storage
