"""Containers whose start gate should open, and that still wait there."""

from __future__ import annotations

from collections.abc import Iterable

from flocker_lite.planner.changes import IStateChange, StartContainer, steps_of

GATE_SECONDS_MAX = 5.0
"""Opening the gate takes milliseconds, starting a container a second."""

STUCK = (
    f"has waited at its start gate for {GATE_SECONDS_MAX:g} s or more: see the log of this "
    "node's agent; after `docker rm -f` the agent recreates it"
)


def gates_to_open(planned: Iterable[IStateChange]) -> frozenset[str]:
    """The names of the containers whose gate these changes open."""
    return frozenset(
        step.name
        for change in planned
        for step in steps_of(change)
        if isinstance(step, StartContainer) and step.is_prestarted
    )
