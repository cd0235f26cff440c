"""When the size of a copy is told anew."""

from __future__ import annotations

import pytest
from pyrsistent import pmap

from flocker_lite.model.copy_sizes import BYTES_MIN, with_told_sizes
from flocker_lite.model.state import LocalDataset

LARGE = 100 * BYTES_MIN


def copy(size_bytes: int | None) -> LocalDataset:
    """One of that size."""
    return LocalDataset("d", None, False, "/d", size_bytes=size_bytes)


@pytest.mark.parametrize(
    ("told", "now", "expected"),
    [
        (None, 10, 10),
        (10, None, None),
        (10, 24_000, 10),
        (10, 10 + BYTES_MIN, 10 + BYTES_MIN),
        (LARGE, LARGE + 4 * BYTES_MIN, LARGE),
        (LARGE, LARGE + 5 * BYTES_MIN, LARGE + 5 * BYTES_MIN),
        (LARGE, LARGE - 5 * BYTES_MIN, LARGE - 5 * BYTES_MIN),
    ],
)
def test_a_size_is_told_when_it_differs_by_more_than_a_little(
    told: int | None, now: int | None, expected: int | None
) -> None:
    """By a share of it, and by a mebibyte."""
    known = pmap({"d": copy(told)})
    (found,) = with_told_sizes(pmap({"d": copy(now)}), known).values()
    assert found.size_bytes == expected


def test_a_new_copy_tells_its_size() -> None:
    (found,) = with_told_sizes(pmap({"d": copy(7)}), pmap()).values()
    assert found.size_bytes == 7
