"""Containers that are to be let go, and still stand at their start gate."""

from __future__ import annotations

from collections.abc import Iterable

from flocker_lite.convergence.changes import IStateChange, Sequence, StartContainer

STANDING_SECONDS_MAX = 5.0
"""To let one go takes milliseconds; to start it, a second."""

TROUBLE = (
    f"has stood at its start gate for {STANDING_SECONDS_MAX:g} s or more and is not let go: see "
    "the log of this node's agent; `docker rm -f` has it made anew"
)


def standing(planned: Iterable[IStateChange]) -> frozenset[str]:
    """The names of those of which these changes, made or under way, open the gate."""
    return frozenset(
        start.name for change in planned for start in _starts(change) if start.is_poised
    )


def _starts(change: IStateChange) -> Iterable[StartContainer]:
    parts = change.changes if isinstance(change, Sequence) else (change,)
    return (part for part in parts if isinstance(part, StartContainer))
