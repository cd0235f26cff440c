"""Which asides a node destroys: those that a user gave up, and no others; pure."""

from __future__ import annotations

from flocker_lite.model.state import NodeView
from flocker_lite.planner.changes import DestroyAside, IStateChange
from flocker_lite.planner.groups import Local


def plan_asides(view: NodeView, local: Local) -> list[IStateChange]:
    """Destroy each aside that is here and that the user wants destroyed."""
    return [DestroyAside(name) for name in sorted(local.asides) if name in view.discards]
