"""Caches what follows from a value, such as an index, for as long as the value lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Outcome = TypeVar("Outcome")


class Derives:
    """Base of a frozen record with such a cache; the cache is no field, so equality ignores it."""

    __slots__ = ("_derived",)

    def derived(self, make: Callable[[Any], Outcome]) -> Outcome:
        """The result of a pure function of this record; we call the function at most once."""
        known = self._known()
        if make not in known:
            known[make] = make(self)
        outcome: Outcome = known[make]
        return outcome

    def derives(self, make: Callable[[Any], Outcome], outcome: Outcome) -> None:
        """Set what `derived(make)` answers; for a caller that computed it more cheaply."""
        self._known()[make] = outcome

    def _known(self) -> dict[Any, Any]:
        known: dict[Any, Any] | None = getattr(self, "_derived", None)
        if known is None:
            known = {}
            object.__setattr__(self, "_derived", known)
        return known
