"""The SQLite store keeps the contract of stores, and says what is wrong with a file."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, cast

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred, execute
from twisted.trial.unittest import SynchronousTestCase, TestCase

from flocker_lite.control.store import database, schema
from flocker_lite.control.store.database import Database
from flocker_lite.control.store.errors import DiskFull, explain
from flocker_lite.control.store.sqlite import SQLiteStore, StoreThread, open_store
from flocker_lite.errors import StoreError
from flocker_lite.interfaces import IStore
from flocker_lite.model import deltas
from flocker_lite.model.records import Change, Configuration, Dataset, Node
from flocker_lite.testing.store_contract import DATASET, EVERYTHING, NODE, StoreContract

T = TypeVar("T")

CRASH_TIMEOUT_SECONDS = 30.0

WRITE_UNTIL_KILLED = """
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from flocker_lite.control.store.database import Database
from flocker_lite.model.records import Change, Node
database = Database(Path(sys.argv[1]))
for number in range(10**9):
    database.commit((Change("nodes", f"node-{number}", Node(f"node-{number}", "10.0.0.1")),))
    print(number, flush=True)
"""


def run_now(function: Callable[..., T], *args: Any) -> Deferred[T]:
    """Instead of a thread."""
    return execute(function, *args)


def temporary_directory(test: SynchronousTestCase) -> Path:
    """A directory that goes away with the test; trial's own would stay in the source tree."""
    directory = TemporaryDirectory()
    test.addCleanup(directory.cleanup)
    return Path(directory.name)


class SQLiteStoreTests(StoreContract, SynchronousTestCase):
    """In one directory in each test."""

    def setUp(self) -> None:
        self.directory = temporary_directory(self) / "data"

    async def open_store(self) -> IStore:
        return await open_store(self.directory, run_now)


class ThreadTests(TestCase):
    """The thread of a store."""

    def test_in_its_thread(self) -> Deferred[None]:
        """A store does all its work in the thread that it was given."""
        thread = StoreThread(cast(Any, reactor))
        thread.start()
        self.addCleanup(thread.stop)

        directory = temporary_directory(self)

        async def use() -> None:
            # SQLite itself refuses a connection in another thread than its own.
            store: SQLiteStore = await open_store(directory, thread.run)
            await store.commit(deltas.whole(EVERYTHING))
            assert await store.load() == EVERYTHING
            await store.close()

        return Deferred.fromCoroutine(use())


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the store of a test is."""
    return tmp_path / "data"


def refusal(directory: Path) -> str:
    """What is said when the store cannot be opened."""
    with pytest.raises(StoreError) as caught:
        Database(directory)
    return str(caught.value)


def test_private(directory: Path) -> None:
    """The directory is its owner's alone, even when it was not."""
    directory.mkdir(mode=0o755)
    Database(directory).close()
    assert directory.stat().st_mode & 0o777 == 0o700


def test_durable_pragmas(directory: Path) -> None:
    """Commits go to a write-ahead log that is synced each time."""
    opened = Database(directory)
    assert opened.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert opened.connection.execute("PRAGMA synchronous").fetchone() == (2,)
    opened.close()


def test_copy_while_open(directory: Path, tmp_path: Path) -> None:
    """What is on disk at any moment is all that was committed until then."""
    opened = Database(directory)
    opened.commit(deltas.whole(EVERYTHING))
    shutil.copytree(directory, tmp_path / "crashed")
    opened.close()
    copy = Database(tmp_path / "crashed")
    assert copy.load() == EVERYTHING
    copy.close()


def test_killed(directory: Path) -> None:
    """After kill -9 the store opens at once, and has all that was said to be committed."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITE_UNTIL_KILLED, str(directory)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        for _ in range(20):
            last = int(process.stdout.readline())
        assert "in use" in refusal(directory)
        assert f"pid {process.pid}" in refusal(directory)
        process.send_signal(signal.SIGKILL)
        process.wait(CRASH_TIMEOUT_SECONDS)
    opened = Database(directory)
    assert {f"node-{number}" for number in range(last + 1)} <= set(opened.load().nodes)
    opened.close()


def test_newer_format(directory: Path) -> None:
    """A file of a later release is refused, and left as it is."""
    opened = Database(directory)
    opened.connection.execute("UPDATE meta SET record = '99' WHERE identity = 'format'")
    opened.close()
    known = f"this release knows formats up to {schema.FORMAT}"
    assert f"has format 99, and {known}" in refusal(directory)


@pytest.mark.parametrize("junk", [b"This is no database at all.\n" * 100, b"SQLite format 3\0junk"])
def test_not_a_database(directory: Path, junk: bytes) -> None:
    """A file that SQLite did not write is refused, and left as it is."""
    directory.mkdir()
    path = directory / database.FILE_NAME
    path.write_bytes(junk)
    assert "is damaged, or not a store of flocker-control" in refusal(directory)
    assert path.read_bytes() == junk


def test_corrupt(directory: Path) -> None:
    """Damage within the file is found when it is opened."""
    opened = Database(directory)
    opened.commit(deltas.whole(EVERYTHING))
    opened.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    opened.close()
    path = directory / database.FILE_NAME
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    assert "is damaged" in refusal(directory)


def test_another_database(directory: Path) -> None:
    """A database with other tables is refused."""
    directory.mkdir()
    with sqlite3.connect(directory / database.FILE_NAME) as other:
        other.execute("CREATE TABLE cats (name TEXT)")
    other.close()
    assert "its tables are cats" in refusal(directory)


def test_unreadable_record(directory: Path) -> None:
    """A record that is none of ours is named."""
    opened = Database(directory)
    opened.connection.execute("INSERT INTO grants VALUES ('x', '{\"owner\": 5}')")
    with pytest.raises(StoreError, match="grants x: not a Grant: 5 is not of type str"):
        opened.load()
    opened.close()


def test_not_a_directory(tmp_path: Path) -> None:
    """A path that cannot be a directory is refused."""
    (tmp_path / "file").write_text("")
    assert "Not a directory" in refusal(tmp_path / "file" / "data")


def test_read_only(directory: Path) -> None:
    """A store that can only be read is refused a commit, and says where to look."""
    opened = Database(directory)
    opened.connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="check its owner, mode and mount"):
        opened.commit(deltas.whole(EVERYTHING))
    opened.close()


def test_locked(directory: Path) -> None:
    """Another program that holds the file for long is named as the reason."""
    opened = Database(directory)
    opened.connection.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(directory / database.FILE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="is locked by another program"):
        opened.commit(deltas.whole(EVERYTHING))
    other.close()
    opened.commit(deltas.whole(EVERYTHING))
    opened.close()


def test_no_room_beside_the_store(directory: Path) -> None:
    """SQLite calls it an I/O error when its other files find no room; /proc never has any."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    assert type(explain(error, Path("/proc/flocker.sqlite"))) is DiskFull
    assert type(explain(error, directory / "flocker.sqlite")) is StoreError


def test_a_disk_that_fails(directory: Path) -> None:
    """The error says what to look at; a disk that turned read-only is one of those."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    assert "check its disk and its mount" in str(explain(error, directory / "flocker.sqlite"))


def test_disk_full(directory: Path) -> None:
    """A commit for which there is no room changes nothing, and the next small one succeeds."""
    opened = Database(directory)
    pages = opened.connection.execute("PRAGMA page_count").fetchone()[0]
    opened.connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    large = tuple(Change("nodes", f"n{i}", Node(f"n{i}", "10.0.0.1" * 50)) for i in range(1000))
    with pytest.raises(DiskFull, match="Nothing was changed"):
        opened.commit(large)
    assert opened.load() == Configuration()
    small = Change("datasets", DATASET, Dataset(DATASET, NODE))
    opened.commit((small,))
    assert set(opened.load().datasets) == {DATASET}
    opened.close()
