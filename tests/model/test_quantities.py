"""Sizes and times as requests may write them."""

from __future__ import annotations

import pytest

from flocker_lite.model.quantities import duration_seconds, size_bytes


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (1000, 1000),
        (1e9, 10**9),
        ("1000", 1000),
        ("512m", 512 * 2**20),
        ("1g", 2**30),
        ("1.5GiB", 3 * 2**29),
        ("64 MB", 64 * 2**20),
        ("2tb", 2**41),
        ("9007199254740993", 9007199254740993),
    ],
)
def test_sizes(given: float | str, expected: int) -> None:
    """They are numbers of bytes, or what Docker takes: each step is 1024."""
    assert size_bytes(given) == expected


@pytest.mark.parametrize("given", ["", "m", "-1", "1x", "1,5g", "1 g b", "one", "0x10", "\u0661"])
def test_no_sizes(given: str) -> None:
    """Anything else is none."""
    with pytest.raises(ValueError, match="is no size"):
        size_bytes(given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (2, 2.0),
        (0.5, 0.5),
        ("2.5", 2.5),
        ("1e2", 100.0),
        ("90s", 90.0),
        ("1m30s", 90.0),
        ("1h1m1s", 3661.0),
        ("1d", 86400.0),
        ("500ms", 0.5),
        ("0.5s", 0.5),
        ("250us", 0.00025),
    ],
)
def test_times(given: float | str, expected: float) -> None:
    """They are numbers of seconds, or what Compose takes."""
    assert duration_seconds(given) == expected


@pytest.mark.parametrize("given", ["", "s", "-1s", "1 s", "1x", "1m30", "nan", "inf", "1s,"])
def test_no_times(given: str) -> None:
    """Anything else is none."""
    with pytest.raises(ValueError, match="is no time"):
        duration_seconds(given)
