"""The store that needs no server: one SQLite file, written in a thread of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from flocker_lite.control.store.database import Database
from flocker_lite.interfaces import IStore
from flocker_lite.model.records import Change, Configuration

T = TypeVar("T")


class RunInThread(Protocol):
    """Call the function in the store's thread, always the same one; the outcome is awaitable."""

    def __call__(self, function: Callable[..., T], *args: Any) -> Awaitable[T]: ...


class StoreThread:
    """A thread of its own for a store; start it before the store is opened, stop it after."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(minthreads=1, maxthreads=1, name="store")

    def start(self) -> None:
        """Begin to take work."""
        self._pool.start()

    def stop(self) -> None:
        """Wait for the work that was taken, then end."""
        self._pool.stop()

    def run(self, function: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call the function in the thread; calls are made in the order in which they came."""
        return deferToThreadPool(self._reactor, self._pool, function, *args)


@implementer(IStore)
class SQLiteStore:
    """An open database, each call of which is made in the store's thread."""

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
        """See IStore; raises DiskFull when that is why."""
        generations = await self._run_in_thread(self._database.commit, *edits)
        self.generation = generations[-1]
        return generations

    async def close(self) -> None:
        """See IStore."""
        await self._run_in_thread(self._database.close)


async def open_store(data_path: Path, run_in_thread: RunInThread) -> SQLiteStore:
    """Open the store in this directory, or make one; StoreError when neither is possible."""
    return SQLiteStore(await run_in_thread(Database, data_path), run_in_thread)
