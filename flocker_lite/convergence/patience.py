"""What has been so for longer than it should."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Patience:
    """Since when it is so of each name, by `clock`, which provides IReactorTime."""

    def __init__(self, clock: Any, seconds: float) -> None:
        self.seconds = seconds
        self._clock = clock
        self._since: dict[str, float] = {}

    def see(self, names: Iterable[str]) -> None:
        """It is so of these now, and of no others."""
        now = self._clock.seconds()
        self._since = {name: self._since.get(name, now) for name in names}

    @property
    def over(self) -> frozenset[str]:
        """Those of which it has been so for too long."""
        now = self._clock.seconds()
        return frozenset(name for name, since in self._since.items() if now - since >= self.seconds)

    @property
    def due_seconds(self) -> tuple[float, ...]:
        """In how many seconds each of the others will be one of them."""
        now = self._clock.seconds()
        due = (since + self.seconds - now for since in self._since.values())
        return tuple(seconds for seconds in due if seconds > 0)
