"""The tables of the SQLite file, and the upgrades from the formats of older releases.

There is a table for each map of `Configuration`, with a row for each record, as JSON text. The
table `meta` has the format, the cluster's id, and the generation of the configuration.
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

FORMAT = 7
KINDS = tuple(field.name for field in fields(Configuration))


def create(connection: sqlite3.Connection) -> None:
    """Create the tables of a new, empty store."""
    for name in ("meta", *KINDS):
        _create_table(connection, name)
    set_meta(connection, "format", str(FORMAT))
    set_meta(connection, "cluster_id", str(uuid4()))
    set_meta(connection, "generation", "0")


def is_new(connection: sqlite3.Connection) -> bool:
    """Whether the file is empty."""
    return not _tables(connection)


def upgrade(connection: sqlite3.Connection, path: Path) -> None:
    """Upgrade the tables to this release; StoreError if they are newer, or not ours."""
    tables = _tables(connection)
    if "meta" not in tables:
        raise damaged(path, f"its tables are {', '.join(sorted(tables))}")
    found = meta(connection, "format") or ""
    if not found.isdecimal() or int(found) > FORMAT:
        raise StoreError(
            f"{path} has format {found or 'unknown'}, and this release knows formats up to "
            f"{FORMAT}: run the release that wrote it, or a later one."
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
    """The SQL statement that inserts a row, or replaces the row with the same identity."""
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
    """Format 2 has users' leases, and conditional writes."""
    _create_table(connection, "leases")
    set_meta(connection, "generation", "0")


def _from_2(connection: sqlite3.Connection) -> None:
    """Format 3 has images that nodes should have in advance."""
    _create_table(connection, "images")


def _from_3(connection: sqlite3.Connection) -> None:
    """Format 4 has open and past moves."""
    _create_table(connection, "moves")
    _create_table(connection, "past_moves")


def _from_4(connection: sqlite3.Connection) -> None:
    """Format 5 has discards: copies that were set aside and should be destroyed."""
    _create_table(connection, "discards")


def _from_5(connection: sqlite3.Connection) -> None:
    """Format 6 has secrets, and what nodes log in to registries with."""
    _create_table(connection, "secrets")
    _create_table(connection, "registries")


def _from_6(connection: sqlite3.Connection) -> None:
    """Format 7 has whom primaries that fail over by themselves count, and forgotten nodes."""
    _create_table(connection, "fencings")
    _create_table(connection, "forgotten")


_UPGRADES: Mapping[int, Callable[[sqlite3.Connection], None]] = {
    1: _from_1,
    2: _from_2,
    3: _from_3,
    4: _from_4,
    5: _from_5,
    6: _from_6,
}
