"""Tells the agent's service of changes to the agent's own records, which discovery cannot see."""

from __future__ import annotations

from collections.abc import Callable


class RecordObserver:
    """The observer of all records (move log, pins, trials, ...) that an agent keeps.

    The records are made before the agent's service, and get this object. The service registers
    itself here with `follow`.
    """

    def __init__(self) -> None:
        self._report: Callable[[], None] = _ignore
        self._plan_again: Callable[[], None] = _ignore

    def follow(self, report: Callable[[], None], plan_again: Callable[[], None]) -> None:
        """Call these from now on."""
        self._report, self._plan_again = report, plan_again

    def report(self) -> None:
        """There may be something new to report."""
        self._report()

    def plan_again(self) -> None:
        """The plan may be another one now."""
        self._plan_again()


def _ignore() -> None:
    """No service is registered yet."""
