"""The audit on disk: a SQLite file of its own beside the store. Its calls block.

A damaged or unwritable audit must keep nobody from using the cluster, so it is not in the store.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from flocker_lite.control.audit.entry import AuditEntry, from_text, to_text

FILE_NAME = "audit.sqlite"


class AuditFile:
    """An open file, which is created if it does not exist; its errors are OSError."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        try:
            # Calls come from several threads, one at a time.
            self._connection = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS audit (number INTEGER PRIMARY KEY, entry TEXT NOT NULL)"
            )
        except sqlite3.Error as error:
            raise OSError(f"{self._path}: {error}") from error

    def load(self) -> list[tuple[int, AuditEntry]]:
        """All entries, oldest first; what cannot be read is left out."""
        found = []
        try:
            rows = self._connection.execute("SELECT number, entry FROM audit ORDER BY number")
            for number, text in rows:
                try:
                    found.append((number, from_text(text)))
                except (ValueError, TypeError, KeyError):
                    continue
        except sqlite3.Error as error:
            raise OSError(f"{self._path}: {error}") from error
        return found

    def write(self, added: Sequence[tuple[int, AuditEntry]], forgotten: Sequence[int]) -> None:
        """Add and delete entries in one transaction, which is on disk when this returns."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(
                    "INSERT OR REPLACE INTO audit VALUES (?, ?)",
                    [(number, to_text(entry)) for number, entry in added],
                )
                self._connection.executemany(
                    "DELETE FROM audit WHERE number = ?", [(number,) for number in forgotten]
                )
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise OSError(f"{self._path}: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
