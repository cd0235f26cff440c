"""The store in memory keeps the contract of stores."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.interfaces import IStore
from flocker_lite.testing.memory_store import MemoryDisk, MemoryStore
from flocker_lite.testing.store_contract import StoreContract


class MemoryStoreTests(StoreContract, SynchronousTestCase):
    """On one disk in each test."""

    def setUp(self) -> None:
        self.disk = MemoryDisk()

    async def open_store(self) -> IStore:
        return MemoryStore(self.disk)
