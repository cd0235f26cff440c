"""Keys of Compose files, and what says the same here."""

from __future__ import annotations

import pytest

from flocker_lite.model import compose
from flocker_lite.model.container import Container
from flocker_lite.model.fields import rows

NAMES = {row.name for row in rows(Container)}


def test_names() -> None:
    """What has another name here is a field, and what is refused is none."""
    assert set(compose.OTHER_NAMES.values()) <= NAMES
    assert not NAMES & set(compose.REFUSED)
    assert not NAMES & set(compose.OTHER_NAMES)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("mem_limit", "it is called memory_limit"),
        ("stop_grace_period", "it is called stop_timeout_seconds"),
        ("build", "images come from a registry: build and push it, then name it in image"),
    ],
)
def test_advice(key: str, expected: str) -> None:
    """It names the field, or what to do instead."""
    assert compose.advice(key) == expected
