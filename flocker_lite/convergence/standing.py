"""Containers that are to be let go and still stand at their start gate: told when it takes long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flocker_lite.convergence.changes import IStateChange, Sequence, StartContainer

STANDING_SECONDS_MAX = 5.0
"""To let one go takes milliseconds; to start it, a second."""


class Standing:
    """Since when which of them stand there, in seconds of `clock`, which provides IReactorTime."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._since: dict[str, float] = {}

    def see(self, planned: Iterable[IStateChange]) -> None:
        """These changes are to be made now; one that is under way is among them."""
        now = self._clock.seconds()
        names = {start.name for change in planned for start in _starts(change) if start.is_poised}
        self._since = {name: self._since.get(name, now) for name in names}

    @property
    def due_seconds(self) -> tuple[float, ...]:
        """In how many seconds the next of them stand there for too long."""
        now = self._clock.seconds()
        due = (since + STANDING_SECONDS_MAX - now for since in self._since.values())
        return tuple(seconds for seconds in due if seconds > 0)

    @property
    def troubles(self) -> Mapping[str, str]:
        """What to say of those that do so for too long."""
        now = self._clock.seconds()
        return {
            name: f"has stood at its start gate for {STANDING_SECONDS_MAX:g} s or more and is not "
            "let go: see the log of this node's agent; `docker rm -f` has it made anew"
            for name, since in self._since.items()
            if now - since >= STANDING_SECONDS_MAX
        }


def _starts(change: IStateChange) -> Iterable[StartContainer]:
    parts = change.changes if isinstance(change, Sequence) else (change,)
    return (part for part in parts if isinstance(part, StartContainer))
