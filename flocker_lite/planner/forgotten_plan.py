"""What a node still does that the cluster has forgotten: it stops what runs there; pure.

Its containers may be stale writers by now: their datasets belong to others, or to nobody. Whoever
lets the node in again finds everything else as it was.
"""

from __future__ import annotations

from flocker_lite.planner.changes import ChangeKey, HaltContainer, IStateChange, key
from flocker_lite.planner.groups import Local


def plan_forgotten(
    local: Local, waiting: frozenset[ChangeKey] = frozenset()
) -> tuple[IStateChange, ...]:
    """Stop each container of ours, also a paused one; remove nothing, and touch no dataset.

    `waiting` has the keys of the failed changes that back off.
    """
    running = (name for name, have in local.containers.items() if have.has_processes)
    stops = (HaltContainer(name, is_exit=False) for name in sorted(running))
    return tuple(change for change in stops if key(change) not in waiting)
