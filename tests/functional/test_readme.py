"""Every command of the README is run as it stands there."""

from __future__ import annotations

from tests.functional.console import CHECKOUT, play


def test_commands() -> None:
    """They succeed one after the other, and the redis is where they moved it."""
    printed = play(CHECKOUT / "README.rst")
    assert "total pause" in printed
    assert "10.77.0.12" in printed
