"""Notices when a condition has held for too long."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.interfaces import IReactorTime


class Overdue:
    """Knows since when a condition holds for each name, and for which it holds too long."""

    def __init__(self, clock: IReactorTime, seconds: float) -> None:
        self.seconds = seconds
        self._clock = clock
        self._since: dict[str, float] = {}

    def see(self, names: Iterable[str]) -> None:
        """The condition holds for exactly these now."""
        now = self._clock.seconds()
        self._since = {name: self._since.get(name, now) for name in names}

    @property
    def over(self) -> frozenset[str]:
        """The names for which the condition has held for `seconds` or more."""
        now = self._clock.seconds()
        return frozenset(name for name, since in self._since.items() if now - since >= self.seconds)

    @property
    def due_seconds(self) -> tuple[float, ...]:
        """In how many seconds each other name will be among them."""
        now = self._clock.seconds()
        due = (since + self.seconds - now for since in self._since.values())
        return tuple(seconds for seconds in due if seconds > 0)
