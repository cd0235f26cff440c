"""A line of the table of fields: what is asked for, and what is seen of it on a real Docker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

FIRST = "11111111-0000-4000-8000-000000000001"
SECOND = "11111111-0000-4000-8000-000000000002"
THIRD = "11111111-0000-4000-8000-000000000003"
FOURTH = "11111111-0000-4000-8000-000000000004"
FIFTH = "11111111-0000-4000-8000-000000000005"
SIXTH = "11111111-0000-4000-8000-000000000006"
SEVENTH = "11111111-0000-4000-8000-000000000007"
EIGHTH = "11111111-0000-4000-8000-000000000008"
NINTH = "11111111-0000-4000-8000-000000000009"
TENTH = "11111111-0000-4000-8000-00000000000a"
ELEVENTH = "11111111-0000-4000-8000-00000000000b"
DATASETS = (*(FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH, SEVENTH, EIGHTH, NINTH, TENTH, ELEVENTH),)
"""Datasets that are there for them; each has one user and a name."""


def name_of(dataset_id: str) -> str:
    """What the metadata of one of them calls it."""
    return f"data-{dataset_id[-1]}"


@dataclass(frozen=True)
class Field:
    """A body that has the field, and what is `expected` where one looks for it.

    `look` takes what `docker inspect` says; or is a shell's command line, whose output inside the
    container is what is expected. `asked` is what the state shows of what was written otherwise.
    """

    body: dict[str, Any]
    look: Callable[[Any], Any] | str
    expected: Any
    asked: dict[str, Any] = field(default_factory=dict)

    @property
    def shown(self) -> dict[str, Any]:
        """What the state says of it."""
        return {**self.body, **self.asked}
