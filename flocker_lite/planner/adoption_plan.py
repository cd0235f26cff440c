"""What a node does about a container that it is to adopt; pure.

The container is planned as any other once its adoption is committed. Until then nothing else may
start it: the other container has the data that counts.
"""

from __future__ import annotations

from flocker_lite.model.adoption import ADOPTED, COPYING, RETURNED, AdoptionNote
from flocker_lite.model.container_fields.ports import held
from flocker_lite.model.records import Container, DatasetId, Move, NodeId
from flocker_lite.model.state import NodeView
from flocker_lite.planner.adoption_changes import (
    CopyForeign,
    ForgetAdoption,
    ReturnForeign,
    TakeOver,
    is_wanted,
)
from flocker_lite.planner.changes import (
    IStateChange,
    MountDataset,
    RemoveContainer,
    Sequence,
)
from flocker_lite.planner.dataset_plan import plan_creation, plan_dataset
from flocker_lite.planner.groups import Group

NOT_WANTED = "it was cancelled"
CUT_OFF = "the agent ended before the adoption was done"
NO_LONGER_KNOWN = (
    "this node was adopting it, and the control service no longer knows of that: delete the "
    "container; what it had before is as it was"
)


def plan_adoption(
    me: NodeId, group: Group, view: NodeView, note: AdoptionNote | None
) -> list[IStateChange] | None:
    """The changes of a group whose container is adopted; None when it is planned as any other."""
    name = group.name
    move = view.adoptions.get(name or "")
    if move is not None and move.release is not None:
        move = None
    if note is not None and note.release is not None:
        note = None
    if name is None or (move is None and note is None):
        return None
    if note is not None and (move is None or note.move_id != move.move_id):
        return _end(group, name, note, is_known=move is not None)
    if move is None:
        return None
    ids = ids_of(group)
    if note is not None and note.step == ADOPTED:
        return None
    if note is not None and note.step == RETURNED:
        return []
    if note is not None and (note.step != COPYING or note.why is not None):
        return [_back(group, name, note.move_id, note.why or CUT_OFF)]
    if not is_wanted(view, name, move.move_id):
        return [_back(group, name, move.move_id, NOT_WANTED)]
    if group.trouble is not None or group.desired is None:
        return []
    made = [change for dataset in group.datasets for change in plan_creation(me, dataset)]
    if made:
        return [*made]
    # Its user may have to make a dataset larger before the data fits.
    sizes = [change for dataset in group.datasets for change in plan_dataset(me, dataset, group)]
    return [*sizes, _adopt(group, group.desired, move, ids)]


def ids_of(group: Group) -> tuple[DatasetId, ...]:
    """The datasets of the group."""
    return tuple(dataset.dataset_id for dataset in group.datasets)


def problem(group: Group, view: NodeView, note: AdoptionNote | None) -> str | None:
    """Why a container is not started here, in words; None where nothing is wrong."""
    is_over = note is not None and note.release is None and note.step == RETURNED
    is_left = group.name not in view.adoptions and group.desired is not None
    return NO_LONGER_KNOWN if is_over and is_left else None


def _adopt(
    group: Group, desired: Container, move: Move, ids: tuple[DatasetId, ...]
) -> IStateChange:
    mounts = [
        MountDataset(dataset.dataset_id)
        for dataset in group.datasets
        if dataset.local is not None and not dataset.local.mounted
    ]
    return Sequence(
        (
            *mounts,
            CopyForeign(desired.name, ids, move, desired),
            TakeOver(desired.name, ids, move, desired),
        )
    )


def _back(group: Group, name: str, move_id: str, why: str) -> IStateChange:
    container = group.desired or (group.have.container if group.have is not None else None)
    ports = held(container.ports) if container is not None else ()
    return ReturnForeign(name, ids_of(group), move_id, why, ports)


def _end(group: Group, name: str, note: AdoptionNote, is_known: bool) -> list[IStateChange] | None:
    """The adoption that this node noted is not wanted any more, or over.

    With `is_known` another adoption of a container of this name is wanted.
    """
    if note.step == ADOPTED:
        return [ForgetAdoption(name, ids_of(group))]
    if note.step != RETURNED:
        return [_back(group, name, note.move_id, note.why or NOT_WANTED)]
    if group.have is not None:
        return [RemoveContainer(name)]
    if is_known or group.desired is None:
        return [ForgetAdoption(name, ids_of(group))]
    return []
