"""The store without a server: one SQLite file, used in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from flocker_lite.control.store.database import Database
from flocker_lite.interfaces import IStore
from flocker_lite.interfaces.reactor import IThreadReactor
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.model.records import Change, Configuration

T = TypeVar("T")


class StoreThread:
    """The thread of a store; start it before you open the store, and stop it after closing."""

    def __init__(self, reactor: IThreadReactor) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(minthreads=1, maxthreads=1, name="store")

    def start(self) -> None:
        """Start the thread."""
        self._pool.start()

    def stop(self) -> None:
        """Wait for pending calls, then end the thread."""
        self._pool.stop()

    def run(self, function: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call the function in the thread; calls run in order."""
        return deferToThreadPool(self._reactor, self._pool, function, *args)


@implementer(IStore)
class SQLiteStore:
    """An open database whose calls run in the store's thread."""

    def __init__(self, database: Database, run_in_thread: RunInThread) -> None:
        self.cluster_id = database.cluster_id
        self.generation = database.generation
        self.taken_over = database.taken_over
        self._database = database
        self._run_in_thread = run_in_thread

    async def load(self) -> Configuration:
        """See IStore."""
        return await self._run_in_thread(self._database.load)

    async def commit(self, *edits: tuple[Change, ...]) -> tuple[int, ...]:
        """See IStore; raises DiskFull if the disk is full."""
        generations = await self._run_in_thread(self._database.commit, *edits)
        self.generation = generations[-1]
        return generations

    async def close(self) -> None:
        """See IStore."""
        await self._run_in_thread(self._database.close)


async def open_store(data_path: Path, run_in_thread: RunInThread) -> SQLiteStore:
    """Open the store in this directory, or create one; StoreError if neither is possible."""
    return SQLiteStore(await run_in_thread(Database, data_path), run_in_thread)
