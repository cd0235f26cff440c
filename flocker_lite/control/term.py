"""The term of a leader: its number, and whether it still goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """Later terms have larger numbers. `goes_on` looks at the clock, whatever else hangs."""

    number: int
    goes_on: Callable[[], bool]


ENDLESS = Term(0, lambda: True)
"""That of a control service which is the only one."""
