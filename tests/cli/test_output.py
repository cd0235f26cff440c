"""How lists are shown."""

import json
from typing import Any

import yaml

from flocker_lite.cli.output import Column, in_order, rendered

ITEMS: list[dict[str, Any]] = [{"name": "a", "size": 1}, {"name": "evil\x1b[2J", "size": None}]
COLUMNS = (
    Column("NAME", lambda item: item["name"]),
    Column("SIZE", lambda item: item["size"], wide=True),
)


def test_tables() -> None:
    """Wide ones have more columns; what somebody wrote cannot drive the terminal."""
    assert rendered(ITEMS, COLUMNS, "table", False, "none") == "NAME\na\nevil?[2J"
    assert rendered(ITEMS, COLUMNS, "wide", False, "none").splitlines() == [
        "NAME      SIZE",
        "a         1",
        "evil?[2J  -",
    ]


def test_for_programs() -> None:
    """JSON and YAML have the items as they are; names are one a line, and nothing else."""
    assert json.loads(rendered(ITEMS, COLUMNS, "json", False, "none")) == ITEMS
    assert yaml.safe_load(rendered(ITEMS, COLUMNS, "yaml", False, "none")) == ITEMS
    assert rendered(ITEMS, COLUMNS, "name", False, "none") == "a\nevil?[2J"
    assert rendered(ITEMS, COLUMNS, "table", True, "none") == "a\nevil?[2J"


def test_nothing() -> None:
    """A person is told what to do about it; a program gets an empty list."""
    assert rendered([], COLUMNS, "table", False, "none") == "none"
    assert rendered([], COLUMNS, "name", False, "none") == ""
    assert json.loads(rendered([], COLUMNS, "json", False, "none")) == []


def test_order() -> None:
    """Numbers count as numbers, wherever they stand."""
    names = ["web-10", "10.0.0.11", "web-2", "10.0.0.9", "web"]
    found = in_order([{"name": name, "size": 0} for name in names], COLUMNS[0])
    assert [item["name"] for item in found] == ["10.0.0.9", "10.0.0.11", "web", "web-2", "web-10"]
