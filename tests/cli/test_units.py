"""Sizes and times as people write and read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.cli.units import seconds, shown_bytes, shown_day, shown_seconds, size_bytes


@pytest.mark.parametrize(
    ("text", "count"),
    [("0", 0), ("1000", 1000), ("512m", 512 * 1024**2), ("1.5GiB", 1536 * 1024**2), ("2KB", 2048)],
)
def test_sizes(text: str, count: int) -> None:
    """The letters are Docker's: powers of 1024."""
    assert size_bytes(text) == count


@pytest.mark.parametrize("text", ["", "m", "-1", "1x", "1 m m", "1e3"])
def test_what_is_no_size(text: str) -> None:
    """The error shows how one is written."""
    with pytest.raises(ValueError, match="write 1000, 512m"):
        size_bytes(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [("2", 2.0), ("0.5s", 0.5), ("250ms", 0.25), ("1h30m", 5400.0), ("1d", 86400)],
)
def test_times(text: str, count: float) -> None:
    """A bare number is seconds."""
    assert seconds(text) == count


@pytest.mark.parametrize("text", ["", "s", "1x", "1s1", "one"])
def test_what_is_no_time(text: str) -> None:
    """The error shows how one is written."""
    with pytest.raises(ValueError, match=r"write 0\.5s"):
        seconds(text)


@given(st.floats(min_value=0, max_value=1e18, allow_nan=False))
def test_everything_can_be_shown(value: float) -> None:
    """In a few characters, whatever it is."""
    assert len(shown_bytes(value)) <= 16
    assert len(shown_seconds(value)) <= 24


def test_what_is_not_known() -> None:
    """Is a dash."""
    assert shown_bytes(None) == shown_day(None) == shown_seconds(None) == "-"
