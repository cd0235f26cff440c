"""Which ranges of protocol versions go together, and what the others are told."""

from __future__ import annotations

import re

import pytest

from flocker_lite.model.versions import Versions, told_versions, why_strange

HERE, THERE = "this control service", "the agent"


@pytest.mark.parametrize(
    ("mine", "version", "oldest"),
    [
        (Versions(1, 1), 1, None),
        (Versions(1, 1), 2, 1),
        (Versions(1, 2), 1, None),
        (Versions(2, 3), 4, 3),
    ],
)
def test_neighbours(mine: Versions, version: int, oldest: int | None) -> None:
    """Two ranges that meet go together, whichever side is the newer."""
    assert why_strange(HERE, mine, THERE, told_versions(version, oldest)) is None


@pytest.mark.parametrize(
    ("mine", "version", "oldest", "reason"),
    [
        (Versions(2, 3), 1, None, "speaks protocol 1, .* protocols 2 to 3: upgrade the agent"),
        (Versions(1, 1), 3, 2, "protocols 2 to 3, .* protocol 1: upgrade this control service"),
        (Versions(1, 1), 2, None, "speaks protocol 2, .*: upgrade this control service"),
    ],
)
def test_strangers(mine: Versions, version: int, oldest: int | None, reason: str) -> None:
    """Others are told what each speaks, and which of the two is to be upgraded."""
    said = why_strange(HERE, mine, THERE, told_versions(version, oldest))
    assert said is not None
    assert re.search(reason, said)
