"""The order of the functional tests: files run side by side, the ones that take longest first."""

from __future__ import annotations

import pytest

LONGEST_FIRST = (
    "test_storage",
    "test_fields",
    "test_story",
    "test_bad_world",
    "test_api",
    "test_images",
    "test_restarts",
    "test_in_the_way",
    "test_holding",
    "test_crashes",
    "test_trials",
    "test_lives",
    "test_losses",
    "test_packages",
    "test_hostile_clients",
    "test_demo",
    "test_rings",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by file; within a file, tests stay as they are written."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    name = item.path.stem
    return LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST)
