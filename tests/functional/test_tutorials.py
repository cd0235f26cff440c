"""Every command of the tutorials is run as it stands there, and shows what the text says."""

from __future__ import annotations

from tests.functional.console import CHECKOUT, play

TUTORIALS = CHECKOUT / "docs/tutorials"


def test_first_move() -> None:
    """The data is there after the move."""
    printed = play(TUTORIALS / "first-move.rst")
    assert "hello" in printed
    assert "10.77.0.12" in printed


def test_with_curl() -> None:
    """The service refuses nothing, and the container is where it was moved to."""
    printed = play(TUTORIALS / "with-curl.rst")
    assert '"description"' not in printed
    assert "flocker--redis" in printed


def test_your_own_postgresql() -> None:
    """What was written before the last complete set is there after all of it."""
    printed = play(TUTORIALS / "your-own-postgresql.rst")
    assert printed.count("a boat") >= 2
    assert "a plane" in printed
