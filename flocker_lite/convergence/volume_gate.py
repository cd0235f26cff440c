"""Whether a dataset may be mounted here, by the fencing deadline of the volume that it is."""

from __future__ import annotations

from flocker_lite.convergence.context import AgentContext
from flocker_lite.errors import FlockerError
from flocker_lite.model.fencing.names import volume_unit
from flocker_lite.model.records import DatasetId


def is_fenced(context: AgentContext, dataset_id: DatasetId) -> bool:
    """Whether the dataset is a volume that is used here only under a deadline.

    While the control service has told nothing, what this node counted last says so.
    """
    name, view = volume_unit(dataset_id), context.desired.view
    return name in (context.renewals.countings if view is None else view.fencings)


def why_barred(context: AgentContext, dataset_id: DatasetId) -> str | None:
    """Why it must not be mounted now: no fence would end in time what uses it; None if it may."""
    if not is_fenced(context, dataset_id):
        return None
    name = volume_unit(dataset_id)
    return context.renewals.barred([name]).get(name)


def require_open(context: AgentContext, dataset_id: DatasetId) -> None:
    """FlockerError, which says why, if it must not be mounted now."""
    why = why_barred(context, dataset_id)
    if why is not None:
        raise FlockerError(f"dataset {dataset_id} is not mounted: {why}")
