"""What a node does about a volume or a directory that becomes a dataset by itself; pure.

The dataset is planned as any other once the copy is complete. Until then no container may have it.
"""

from __future__ import annotations

from flocker_lite.model.adoption import ADOPTED, RETURNED, AdoptionNote
from flocker_lite.model.records import NodeId
from flocker_lite.model.state import NodeView
from flocker_lite.planner.changes import IStateChange, MountDataset, Sequence
from flocker_lite.planner.data_adoption_changes import (
    CopyData,
    ForgetDataAdoption,
    LeaveData,
    TakeFilesystem,
    adoption_of,
    filesystem_of,
)
from flocker_lite.planner.dataset_plan import plan_creation, plan_dataset
from flocker_lite.planner.groups import Group

NOT_WANTED = "it was cancelled"


def plan_data_adoption(
    me: NodeId, group: Group, view: NodeView, note: AdoptionNote | None
) -> list[IStateChange] | None:
    """The changes of a lone dataset that is adopted; None when it is planned as any other."""
    if group.name is not None or len(group.datasets) != 1:
        return None
    (dataset,) = group.datasets
    move = adoption_of(view, dataset.dataset_id)
    if note is not None and (move is None or note.move_id != move.move_id):
        return [ForgetDataAdoption(dataset.dataset_id)]
    if move is None or move.adoption is None or (note is not None and note.step == ADOPTED):
        return None
    if note is not None and note.step == RETURNED:
        return []
    filesystem = filesystem_of(move)
    # A filesystem that was renamed is the dataset: to undo that would be to destroy its data.
    is_taken = filesystem is not None and dataset.local is not None
    if move.adoption.cancelled and not is_taken:
        return [LeaveData(dataset.dataset_id, move.move_id, NOT_WANTED, filesystem)]
    made = plan_creation(me, dataset)
    if is_taken or (filesystem is not None and made):
        return [TakeFilesystem(dataset.dataset_id, move)]
    if group.trouble is not None or group.tied:
        return []
    if made:
        return list(made)
    if dataset.local is None:
        return []
    if not dataset.local.mounted:
        return [Sequence((MountDataset(dataset.dataset_id), CopyData(dataset.dataset_id, move)))]
    # Its user may have to make the dataset larger before the data fits.
    return [*plan_dataset(me, dataset, group), CopyData(dataset.dataset_id, move)]
