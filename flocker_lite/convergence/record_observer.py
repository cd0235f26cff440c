"""Tells the agent's service of changes to the agent's own records, which discovery cannot see."""

from __future__ import annotations

from collections.abc import Callable

from flocker_lite.planner.resources import Resource


class RecordObserver:
    """The observer of all records (move log, pins, trials, ...) that an agent keeps.

    The records are made before the agent's service, and get this object. The service registers
    itself here with `follow`.
    """

    def __init__(self) -> None:
        self._report: Callable[[], None] = _ignore
        self._plan_again: Callable[[], None] = _ignore
        self._look_again: Callable[[frozenset[Resource]], None] = _ignore
        self._health_changed: Callable[[], None] = _ignore

    def follow(
        self,
        report: Callable[[], None],
        plan_again: Callable[[], None],
        look_again: Callable[[frozenset[Resource]], None],
        health_changed: Callable[[], None],
    ) -> None:
        """Call these from now on."""
        self._report, self._plan_again, self._look_again = report, plan_again, look_again
        self._health_changed = health_changed

    def report(self) -> None:
        """There may be something new to report."""
        self._report()

    def plan_again(self) -> None:
        """The plan may be another one now."""
        self._plan_again()

    def health_changed(self) -> None:
        """A container began to answer, or its health is another."""
        self._health_changed()

    def look_again(self, resources: frozenset[Resource]) -> None:
        """Something is to be written down of these at the next discovery, which should be soon."""
        self._look_again(resources)


def _ignore(*_: object) -> None:
    """No service is registered yet."""
