"""How a move that was struck ended, once all the rules were held."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """`taken_back` says whether the container ran at the source again before it was moved anew.

    `rolled_back` says whether the move ended with it there, since its trial did not end well.
    `gap_seconds` is the longest that the client went without an acknowledgement, and
    `recovery_seconds` how long after the strike all was at rest.
    """

    taken_back: bool
    gap_seconds: float
    recovery_seconds: float
    rolled_back: bool = False

    def __str__(self) -> str:
        ended = "stays" if self.rolled_back else "back" if self.taken_back else "on"
        return f"{ended}, {self.gap_seconds:.1f} s"
