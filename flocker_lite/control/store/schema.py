"""The tables of the SQLite file, and how a file of an older release becomes one of this release.

One table for each map of `Configuration`, one row for each record, as JSON text. The table `meta`
has the format of all this, the cluster's id, and the generation of the configuration.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from uuid import uuid4

from flocker_lite.control.store.errors import damaged
from flocker_lite.errors import StoreError
from flocker_lite.model.records import Configuration

FORMAT = 5
KINDS = tuple(field.name for field in fields(Configuration))


def create(connection: sqlite3.Connection) -> None:
    """Make the tables of a new, empty store."""
    for name in ("meta", *KINDS):
        _create_table(connection, name)
    set_meta(connection, "format", str(FORMAT))
    set_meta(connection, "cluster_id", str(uuid4()))
    set_meta(connection, "generation", "0")


def is_new(connection: sqlite3.Connection) -> bool:
    """Whether there is nothing in the file."""
    return not _tables(connection)


def upgrade(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the tables up to this release; StoreError when they are none of ours, or newer."""
    tables = _tables(connection)
    if "meta" not in tables:
        raise damaged(path, f"its tables are {', '.join(sorted(tables))}")
    found = meta(connection, "format") or ""
    if not found.isdecimal() or int(found) > FORMAT:
        raise StoreError(
            f"{path} has format {found or 'unknown'}, and this release knows up to {FORMAT}: "
            "run the release that wrote it, or a later one."
        )
    for older in range(int(found), FORMAT):
        _UPGRADES[older](connection)
        set_meta(connection, "format", str(older + 1))
    if not _tables(connection).issuperset({"meta", *KINDS}):
        raise damaged(path, f"its tables are {', '.join(sorted(tables))}")


def meta(connection: sqlite3.Connection, name: str) -> str | None:
    """A value of the table `meta`."""
    row = connection.execute("SELECT record FROM meta WHERE identity = ?", (name,)).fetchone()
    return None if row is None else row[0]


def set_meta(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Set a value of the table `meta`."""
    connection.execute(upsert("meta"), (name, value))


def upsert(table: str) -> str:
    """The statement that puts a row into the table, instead of one of the same identity."""
    return f"INSERT OR REPLACE INTO {table} (identity, record) VALUES (?, ?)"


def _create_table(connection: sqlite3.Connection, name: str) -> None:
    connection.execute(
        f"CREATE TABLE {name} (identity TEXT PRIMARY KEY, record TEXT NOT NULL)"
        " STRICT, WITHOUT ROWID"
    )


def _tables(connection: sqlite3.Connection) -> set[str]:
    query = "SELECT name FROM sqlite_schema WHERE type = 'table'"
    return {name for (name,) in connection.execute(query)}


def _from_1(connection: sqlite3.Connection) -> None:
    """Users' leases, and conditional writes, came with format 2."""
    _create_table(connection, "leases")
    set_meta(connection, "generation", "0")


def _from_2(connection: sqlite3.Connection) -> None:
    """Images that nodes should have in advance came with format 3."""
    _create_table(connection, "images")


def _from_3(connection: sqlite3.Connection) -> None:
    """Moves, under way and over, came with format 4."""
    _create_table(connection, "moves")
    _create_table(connection, "past_moves")


def _from_4(connection: sqlite3.Connection) -> None:
    """What is set aside and to be destroyed came with format 5."""
    _create_table(connection, "discards")


_UPGRADES: Mapping[int, Callable[[sqlite3.Connection], None]] = {
    1: _from_1,
    2: _from_2,
    3: _from_3,
    4: _from_4,
}
