"""The order of the functional tests: files run side by side, the ones that take longest first."""

from __future__ import annotations

import pytest

LONGEST_FIRST = (
    "test_compose_files",
    "test_storage",
    "test_fields",
    "test_crashes",
    "test_api",
    "test_trials",
    "test_story",
    "test_images",
    "test_bad_world",
    "test_holding",
    "test_hostile_clients",
    "test_dashboard",
    "test_demo",
    "test_controls",
    "test_rings",
    "test_restarts",
    "test_failover",
    "test_lives",
    "test_in_the_way",
    "test_adopt",
    "test_containers",
    "test_packages",
    "test_losses",
    "test_deadline_fence",
    "test_deadlines",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by file; within a file, tests stay as they are written."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    name = item.path.stem
    return LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST)
