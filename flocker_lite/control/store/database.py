"""The configuration in a SQLite file. Its calls block; use it in one thread only."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from flocker_lite.control.store import flocker04, schema
from flocker_lite.control.store.content import Content
from flocker_lite.control.store.errors import damaged, explain
from flocker_lite.control.store.lock import DirectoryLock
from flocker_lite.errors import StoreError
from flocker_lite.model import codec, deltas
from flocker_lite.model.generations import next_generations
from flocker_lite.model.records import Change, Configuration

FILE_NAME = "flocker.sqlite"
BUSY_TIMEOUT_SECONDS = 5.0


class Database:
    """An open store; creates `directory`, accessible only for its owner, if it does not exist.

    A new store takes over the configuration of Flocker 0.4 if its file is in the directory; then
    `taken_over` is that file. Raises StoreError if anything is wrong.
    """

    def __init__(self, directory: Path, wall_seconds: Callable[[], float] = time.time) -> None:
        self.path = directory / FILE_NAME
        self.taken_over: Path | None = None
        self._wall_seconds = wall_seconds
        with self._explained():
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)
            self._lock = DirectoryLock(directory)
        try:
            self.connection = self._connect()
        except BaseException:
            self._lock.release()
            raise
        self._closed = False

    def _connect(self) -> sqlite3.Connection:
        with self._explained():
            # Autocommit: only our own statements begin and end transactions.
            connection = sqlite3.connect(
                self.path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None
            )
        try:
            with self._explained():
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
                if verdict != "ok":
                    raise damaged(self.path, verdict)
                with _transaction(connection):
                    self._prepare(connection)
                    self.cluster_id = schema.meta(connection, "cluster_id") or ""
                    self.generation = int(schema.meta(connection, "generation") or 0)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Create the tables of a new file; upgrade those of an old one."""
        if not schema.is_new(connection):
            schema.upgrade(connection, self.path)
            return
        schema.create(connection)
        file = self.path.parent / flocker04.FILE_NAME
        if file.exists():
            _write(connection, deltas.whole(flocker04.read(file)))
            self.taken_over = file

    def load(self) -> Configuration:
        """The whole configuration."""
        with self._explained():
            return _read(self.connection, self.path)

    def commit(self, *edits: tuple[Change, ...]) -> tuple[int, ...]:
        """Write the edits in one transaction, which is on disk when this returns.

        Returns the generation of the configuration after each edit.
        """
        changes = tuple(chain.from_iterable(edits))
        unknown = {change.kind for change in changes}.difference(schema.KINDS)
        if unknown:
            raise StoreError(f"the configuration has no {', '.join(sorted(unknown))}")
        generations = next_generations(self.generation, edits, self._wall_seconds())
        with self._explained(), _transaction(self.connection):
            _write(self.connection, changes)
            if generations[-1] != self.generation:
                schema.set_meta(self.connection, "generation", str(generations[-1]))
        self.generation = generations[-1]
        return generations

    def fill(self, content: Content, generation: int = 0) -> None:
        """Import a cluster's id and its configuration; StoreError unless the store is empty.

        `generation` is that of where it comes from, if that is known. Call `close` afterwards.
        """
        with self._explained(), _transaction(self.connection):
            if _read(self.connection, self.path) != Configuration():
                raise StoreError(
                    f"{self.path} already has a configuration: move the file away, or choose "
                    "another directory."
                )
            schema.set_meta(self.connection, "cluster_id", content.cluster_id)
            schema.set_meta(self.connection, "generation", str(generation))
            _write(self.connection, deltas.whole(content.configuration))

    def close(self) -> None:
        """Close the file and release the lock. Idempotent."""
        if not self._closed:
            self._closed = True
            self.connection.close()
            self._lock.release()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise explain(error, self.path) from error


def read_content(directory: Path) -> Content:
    """Read the store in this directory, even while it is in use; StoreError if there is none.

    Writes nothing and upgrades nothing.
    """
    path = directory / FILE_NAME
    try:
        if not path.exists():
            raise StoreError(f"{path} does not exist: name the directory of a control service.")
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_SECONDS
        )
        try:
            connection.execute("BEGIN")
            found = schema.meta(connection, "format")
            if found != str(schema.FORMAT):
                raise StoreError(
                    f"{path} has format {found}, and this release has format {schema.FORMAT}: "
                    "start flocker-control of this release once, which upgrades it."
                )
            return Content(schema.meta(connection, "cluster_id") or "", _read(connection, path))
        finally:
            connection.close()
    except (sqlite3.Error, OSError) as error:
        raise explain(error, path) from error


def _read(connection: sqlite3.Connection, path: Path) -> Configuration:
    rows = (
        Change(kind, identity, _decoded(kind, identity, text, path))
        for kind in schema.KINDS
        for identity, text in connection.execute(f"SELECT identity, record FROM {kind}")
    )
    return deltas.apply(Configuration(), rows)


def _decoded(kind: str, identity: str, text: str, path: Path) -> object:
    try:
        return codec.loads(codec.record_types(Configuration)[kind], text)
    except codec.CodecError as error:
        raise damaged(path, f"{kind} {identity}: {error}") from None


def _write(connection: sqlite3.Connection, changes: tuple[Change, ...]) -> None:
    for change in changes:
        if change.record is None:
            connection.execute(f"DELETE FROM {change.kind} WHERE identity = ?", (change.identity,))
        else:
            row = (change.identity, codec.dumps(change.record))
            connection.execute(schema.upsert(change.kind), row)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has already rolled back after some errors, for example a full disk.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
