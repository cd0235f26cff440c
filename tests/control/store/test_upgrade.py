"""A store that an older release wrote becomes one of this release."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from pyrsistent import pmap

from flocker_lite.control.store import schema
from flocker_lite.control.store.database import FILE_NAME, Database, read_content
from flocker_lite.errors import StoreError
from flocker_lite.testing.store_contract import EVERYTHING

LATER = ("leases", "images", "moves", "past_moves", "discards", "forgotten")
RECORDED = Path(__file__).with_name("format_1.sql").read_text("utf-8")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """One with a store as the first release wrote it."""
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.executescript(RECORDED)
    return tmp_path


def test_from_1(directory: Path) -> None:
    """All that was in it is there, with the cluster's id, and what is new is empty."""
    for _ in range(2):
        with closing(Database(directory)) as opened:
            assert opened.load() == replace(EVERYTHING, **dict.fromkeys(LATER, pmap()))
            assert opened.cluster_id == "e8fde5d0-d256-4962-af97-08e6f46c5bc6"
            assert schema.meta(opened.connection, "format") == str(schema.FORMAT)
            assert opened.generation == 0


def test_all_or_nothing(directory: Path) -> None:
    """An upgrade that cannot be finished leaves the file as it was."""
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        connection.execute("CREATE TABLE leases (in_the_way)")
    with pytest.raises(StoreError, match="already exists"):
        Database(directory)
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        assert schema.meta(connection, "format") == "1"


def test_export_of_older(directory: Path) -> None:
    """Reading without the lock upgrades nothing, and says how to have it upgraded."""
    expected = f"has format 1, and this release has format {schema.FORMAT}: start flocker-control"
    with pytest.raises(StoreError, match=expected):
        read_content(directory)
