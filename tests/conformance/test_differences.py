"""The documentation lists every difference from Flocker 0.4, and no other."""

from __future__ import annotations

from tests.conformance.differences import PATH, with_table


def test_documented() -> None:
    """`python -m tests.conformance.differences` has been run since the rows were changed."""
    text = PATH.read_text("utf-8")
    assert text == with_table(text)
