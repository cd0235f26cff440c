"""What a node must change now, as a pure function of what it is told and what it sees."""

from __future__ import annotations

from flocker_lite.convergence.aside_plan import plan_asides
from flocker_lite.convergence.changes import IStateChange, key
from flocker_lite.convergence.container_plan import (
    plan_container,
    plan_lost,
    plan_parting,
    why_left_alone,
)
from flocker_lite.convergence.dataset_plan import plan_creation, plan_dataset
from flocker_lite.convergence.groups import Group, Local, groups
from flocker_lite.convergence.image_plan import plan_images
from flocker_lite.convergence.kept_plan import plan_kept
from flocker_lite.convergence.move_plan import plan_handed_over, plan_move, wait_to_move
from flocker_lite.convergence.routing_plan import plan_routes
from flocker_lite.model.records import NodeId
from flocker_lite.model.state import NodeView


def plan(
    me: NodeId,
    view: NodeView,
    local: Local,
    waiting: frozenset[str] = frozenset(),
    resting: frozenset[str] = frozenset(),
    untold: frozenset[str] = frozenset(),
) -> tuple[IStateChange, ...]:
    """The changes that the node needs; those in one group are in order of precedence.

    `waiting` has the keys of changes that failed and are not to be tried again yet: a move that
    waits leaves its container running here meanwhile. `resting` names the containers that ended
    by themselves and are not to be started (yet); `untold` those whose end has to be known to the
    cluster before they move, or they would run once more there. Where two changes work on one
    resource, the first goes ahead.
    """
    changes: list[IStateChange] = list(plan_routes(me, view, local))
    changes += plan_images(view, local)
    changes += plan_kept(view, local)
    changes += plan_asides(view, local)
    for group in groups(view, local):
        changes += _plan_group(me, group, waiting, resting, untold)
    return tuple(change for change in changes if key(change) not in waiting)


def _plan_group(
    me: NodeId,
    group: Group,
    waiting: frozenset[str],
    resting: frozenset[str],
    untold: frozenset[str],
) -> list[IStateChange]:
    if group.trouble is not None or group.tied:
        return []
    # One that ended on its way was stopped by us, unless that it ended for good is known.
    is_over = group.name in untold or (group.wanted is not None and group.wanted.ended is not None)
    unfinished = plan_handed_over(group, starts_again=not (is_over and group.name in resting))
    if unfinished:
        return unfinished
    if group.shared:
        return plan_parting(group)
    if group.lost is not None and (lost := plan_lost(group, resting)) is not None:
        return lost
    made = [change for dataset in group.datasets for change in plan_creation(me, dataset)]
    if any(key(change) not in waiting for change in made):
        return [*made]
    move = plan_move(me, group) if group.name not in untold else None
    why = why_left_alone(me, group)
    going = move if move is None or why is None else wait_to_move(move, why)
    if going is not None and key(going) not in waiting:
        return [going]
    return [
        *(change for dataset in group.datasets for change in plan_dataset(me, dataset, group)),
        *plan_container(me, group, resting),
    ]
