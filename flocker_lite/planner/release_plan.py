"""What a node does about a container that it is to release; pure.

While it is being released nothing else starts our container: once it was stopped, the data that
counts may be in the plain one. From the commit point on ours is never started again.
"""

from __future__ import annotations

from flocker_lite.model.adoption import COPYING, RETURNED, AdoptionNote
from flocker_lite.model.container_fields.ports import held
from flocker_lite.model.records import Move, NodeId
from flocker_lite.model.releasing import COMMITTED, RELEASED
from flocker_lite.model.state import NodeView
from flocker_lite.planner.adoption_changes import ForgetAdoption
from flocker_lite.planner.adoption_plan import CUT_OFF, NOT_WANTED, ids_of
from flocker_lite.planner.changes import IStateChange, MountDataset, RemoveContainer, Sequence
from flocker_lite.planner.dataset_plan import plan_dataset
from flocker_lite.planner.groups import Group
from flocker_lite.planner.release_changes import (
    CompleteRelease,
    CopyOut,
    GiveBack,
    ResumeOurs,
    is_wanted,
)

NO_LONGER_KNOWN = (
    "this node has released it, and the control service no longer knows of that: the plain "
    "container of Docker's has its data now. Delete the container here"
)


def plan_release(
    me: NodeId, group: Group, view: NodeView, note: AdoptionNote | None
) -> list[IStateChange] | None:
    """The changes of a group whose container is released; None when it is planned as any other."""
    name = group.name
    move = view.adoptions.get(name or "")
    is_release = note.release is not None if note is not None else _is_release(move)
    if name is None or not is_release:
        return None
    if note is not None and (move is None or note.move_id != move.move_id):
        return _end(group, name, note)
    if note is not None and note.step == COMMITTED:
        return [_complete(group, name)]
    if note is not None and note.step == RELEASED:
        return []
    if note is not None and note.step == RETURNED:
        return None
    if note is not None and (note.step != COPYING or note.why is not None):
        return [_back(group, name, note, note.why or CUT_OFF)]
    assert move is not None
    if not is_wanted(view, name, move.move_id):
        started = note or AdoptionNote(move.move_id, "", release=move.release)
        return [_back(group, name, started, NOT_WANTED)]
    if group.trouble is not None or group.desired is None:
        return None
    if group.have is None or not group.have.running:
        return None  # it has to run first
    ids = ids_of(group)
    sizes = [change for dataset in group.datasets for change in plan_dataset(me, dataset, group)]
    steps = (CopyOut(name, ids, move), GiveBack(name, ids, move, group.desired))
    return [*sizes, Sequence(steps)]


def problem(group: Group, view: NodeView, note: AdoptionNote | None) -> str | None:
    """Why a container is not started here, in words; None where nothing is wrong."""
    is_over = note is not None and note.release is not None and note.step == RELEASED
    return NO_LONGER_KNOWN if is_over and _is_left(group, view) else None


def _is_release(move: Move | None) -> bool:
    return move is not None and move.release is not None


def _is_left(group: Group, view: NodeView) -> bool:
    """Whether the container is configured as it was before its release was done."""
    if group.desired is None or group.have is None or (group.name or "") in view.adoptions:
        return False
    return group.have.container.volumes == group.desired.volumes


def _end(group: Group, name: str, note: AdoptionNote) -> list[IStateChange] | None:
    """The release that this node noted is over, or the control service has forgotten it."""
    if note.step == COMMITTED:
        return [_complete(group, name)]
    if note.step == RETURNED:
        return [ForgetAdoption(name, ids_of(group))]
    if note.step != RELEASED:
        return [_back(group, name, note, note.why or NOT_WANTED)]
    if group.have is None:
        return [ForgetAdoption(name, ids_of(group))]
    if group.desired is not None and group.have.container.volumes == group.desired.volumes:
        return []
    return [RemoveContainer(name)]


def _back(group: Group, name: str, note: AdoptionNote, why: str) -> IStateChange:
    container = group.desired or (group.have.container if group.have is not None else None)
    ports = held(container.ports) if container is not None else ()
    check = container.health_check if container is not None else None
    starts = group.desired is not None and group.have is not None
    back = ResumeOurs(name, ids_of(group), note, why, ports, check, starts)
    mounts = [
        MountDataset(dataset.dataset_id)
        for dataset in group.datasets
        if starts and dataset.local is not None and not dataset.local.mounted
    ]
    return Sequence((*mounts, back)) if mounts else back


def _complete(group: Group, name: str) -> IStateChange:
    container = group.desired or (group.have.container if group.have is not None else None)
    ports = held(container.ports) if container is not None else ()
    return CompleteRelease(name, ids_of(group), ports)
