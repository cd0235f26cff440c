"""What a node must change now, as a pure function of its view and its discovery."""

from __future__ import annotations

from flocker_lite.model.completion import is_idle
from flocker_lite.model.records import NodeId
from flocker_lite.model.state import NodeView
from flocker_lite.planner.adoption_plan import plan_adoption
from flocker_lite.planner.aside_plan import plan_asides
from flocker_lite.planner.changes import ChangeKey, IStateChange, key
from flocker_lite.planner.container_plan import (
    is_to_stop,
    plan_container,
    plan_lost_data,
    plan_release_of_datasets,
    why_left_alone,
)
from flocker_lite.planner.data_adoption_plan import plan_data_adoption
from flocker_lite.planner.dataset_plan import plan_creation, plan_dataset
from flocker_lite.planner.failover_plan import plan_promotion, plan_replaced
from flocker_lite.planner.groups import Group, Local, groups
from flocker_lite.planner.hosts_plan import plan_names
from flocker_lite.planner.image_plan import plan_images
from flocker_lite.planner.kept_plan import plan_kept
from flocker_lite.planner.move_plan import plan_move, plan_unfinished_handoff, postponed
from flocker_lite.planner.pruning_plan import plan_pruning
from flocker_lite.planner.release_plan import plan_release
from flocker_lite.planner.replication_changes import PruneSnapshots, TowardsStandby
from flocker_lite.planner.replication_plan import Copies, plan_copies
from flocker_lite.planner.routing_plan import plan_routes


def plan(
    me: NodeId,
    view: NodeView,
    local: Local,
    waiting: frozenset[ChangeKey] = frozenset(),
    resting: frozenset[str] = frozenset(),
    unreported: frozenset[str] = frozenset(),
    due: frozenset[str] = frozenset(),
    held_back: frozenset[str] = frozenset(),
    copies: Copies = Copies(),  # noqa: B008
) -> tuple[IStateChange, ...]:
    """The changes that the node needs; the changes of one group are in order of precedence.

    `waiting` has the keys of the failed changes that back off: while a move waits, its container
    keeps running here. `resting` names the containers that ended by themselves and must not be
    started now. The cluster must learn how the `unreported` containers ended before they move:
    otherwise they would run once more at their destination. The containers in `due` are to be
    restarted; those in `held_back` wait for others before their first start. Where two changes
    work on one resource, the first takes precedence. The changes that keep `copies` fresh are there
    before they are due, in the order in which they are; so are those that destroy snapshots.
    """
    changes: list[IStateChange] = list(plan_routes(me, view, local))
    changes += plan_names(me, view, local)
    changes += plan_images(view, local)
    changes += plan_kept(view, local)
    changes += plan_asides(view, local)
    towards_standbys: list[TowardsStandby] = []
    pruning: list[PruneSnapshots] = []
    for group in groups(view, local):
        note = local.adoptions.get(group.name or group.datasets[0].dataset_id)
        changed = plan_release(me, group, view, note)
        if changed is None:
            changed = plan_adoption(me, group, view, note)
        if changed is None:
            changed = plan_data_adoption(me, group, view, note)
        if changed is not None:
            changes += changed
            continue
        changes += _plan_group(me, group, waiting, resting, unreported, due, held_back)
        towards_standbys += plan_copies(me, group, view, copies)
        pruning += plan_pruning(me, group, copies)
    towards_standbys.sort(key=lambda change: change.due_at)
    changes += towards_standbys
    changes += pruning
    return tuple(change for change in changes if key(change) not in waiting)


def _plan_group(
    me: NodeId,
    group: Group,
    waiting: frozenset[ChangeKey],
    resting: frozenset[str],
    unreported: frozenset[str],
    due: frozenset[str],
    held_back: frozenset[str],
) -> list[IStateChange]:
    if group.trouble is not None:
        return []
    if (replaced := plan_replaced(me, group)) is not None:
        return replaced
    if group.tied:
        return []
    # A container that ended during its move was stopped by us, unless it is known to be finished.
    is_over = group.name in unreported or (group.desired is not None and is_idle(group.desired))
    unfinished = plan_unfinished_handoff(
        group, starts_again=not (is_over and group.name in resting)
    )
    if unfinished:
        return unfinished
    if (promotion := plan_promotion(me, group)) is not None:
        return promotion
    if group.shared:
        return plan_release_of_datasets(group)
    if group.lost is not None and (lost := plan_lost_data(group, resting)) is not None:
        return lost
    made = [change for dataset in group.datasets for change in plan_creation(me, dataset)]
    if any(key(change) not in waiting for change in made):
        return [*made]
    move = plan_move(me, group) if group.name not in unreported else None
    why = why_left_alone(me, group)
    going = move if move is None or why is None else postponed(move, why)
    if going is not None and why is None and is_to_stop(me, group):
        return plan_container(me, group, resting, due, held_back)
    if going is not None and key(going) not in waiting:
        return [going]
    return [
        *(change for dataset in group.datasets for change in plan_dataset(me, dataset, group)),
        *plan_container(me, group, resting, due, held_back),
    ]
