"""What the reports of agents say of an open move: whether it is over, and how; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from pyrsistent import pmap

from flocker_lite.model.adoption import ADOPTED, RETURNED, AdoptionState
from flocker_lite.model.lease import Role
from flocker_lite.model.move_progress import MoveProgress
from flocker_lite.model.records import Configuration, DatasetId, Move, NodeId
from flocker_lite.model.releasing import RELEASED
from flocker_lite.model.state import ContainerState, DatasetState

DatasetReports: TypeAlias = Mapping[DatasetId, Mapping[NodeId, DatasetState]]
"""The copies of each dataset, by the node that reports them."""

DONE = "done"
ROLLED_BACK = "rolled back"
CANCELLED = "cancelled"


def outcome(
    configuration: Configuration,
    move: Move,
    sides: Iterable[MoveProgress],
    containers: Mapping[NodeId, ContainerState],
    adoption: AdoptionState | None = None,
    datasets: DatasetReports = pmap(),  # noqa: B008
) -> str | None:
    """How an open move has ended, by what agents report; None when it goes on.

    `containers` are the reports about its container. The move is done when the data is at the
    destination, and the container serves there, or has run there and ended by itself, or is to be
    stopped. A container without data must also be gone from the source. A failover is done once the
    destination also reports, in `datasets`, that it is promoted. An adoption or a release
    ends as its node says, by `adoption`.
    """
    if move.stays:
        step = adoption.step if adoption is not None else None
        if step == RETURNED:
            return CANCELLED if move.is_cancelled else ROLLED_BACK
        if move.release is not None:
            return DONE if step == RELEASED else None
        return DONE if step == ADOPTED and _goes_on(configuration, move, containers) else None
    if any(item.phase == ROLLED_BACK and item.move_id == move.move_id for item in sides):
        return ROLLED_BACK
    if move.dataset_ids and not has_arrived(configuration, move):
        return None
    if move.failover is not None and not _is_promoted(configuration, move, datasets):
        return None
    if move.container is None:
        return DONE
    here = containers.get(move.source)
    if not _serves(configuration, move, containers):
        return None
    if not move.dataset_ids and here is not None and (here.running or here.paused):
        return None
    return DONE


def is_complete(move: Move, sides: Iterable[MoveProgress], starts: bool = True) -> bool:
    """Whether both sides have reported everything, for each dataset.

    Where nothing `starts`, because the container is stopped, the destination has no more to report.
    """
    starts = starts and not move.stays
    # The source of a failover has nothing to tell.
    sides_told = () if move.failover is not None else (False,)
    told = {(item.dataset_id, item.source is None) for item in sides if _is_told(move, item)}
    wanted = (True, *sides_told) if starts else sides_told
    return all((each, side) in told for each in move.dataset_ids for side in wanted)


def belongs(
    configuration: Configuration, move: Move, node_id: NodeId, progress: MoveProgress
) -> bool:
    """Whether this node's progress is about this move; the node may not have known the move's id.

    Only the two ends of a move count.
    """
    if node_id not in (move.source, move.destination):
        return False
    if progress.move_id is not None:
        return progress.move_id == move.move_id
    grant = configuration.grants.get(progress.dataset_id)
    if grant is None or progress.dataset_id not in move.dataset_ids:
        return False
    epoch = grant.epoch if grant.owner == move.destination else grant.epoch + 1
    destination = progress.destination if progress.source is not None else node_id
    return progress.epoch == epoch and destination == move.destination


def has_arrived(configuration: Configuration, move: Move) -> bool:
    """Whether all of its datasets are granted to the destination."""
    grants = [configuration.grants.get(dataset_id) for dataset_id in move.dataset_ids]
    return bool(grants) and all(
        grant is not None and grant.owner == move.destination for grant in grants
    )


def _is_promoted(configuration: Configuration, move: Move, datasets: DatasetReports) -> bool:
    """Whether the destination of a failover reports that it is the primary of all of it."""
    for dataset_id in move.dataset_ids:
        state = datasets.get(dataset_id, {}).get(move.destination)
        lease = state.lease if state is not None else None
        epoch = configuration.grants[dataset_id].epoch
        if lease is None or lease.role is not Role.PRIMARY or lease.epoch < epoch:
            return False
    return True


def _goes_on(
    configuration: Configuration, move: Move, containers: Mapping[NodeId, ContainerState]
) -> bool:
    """Whether the container of an adoption serves; a volume by itself has none."""
    return move.container is None or _serves(configuration, move, containers)


def _serves(
    configuration: Configuration, move: Move, containers: Mapping[NodeId, ContainerState]
) -> bool:
    """Whether its container serves at the destination, or needs to serve no more."""
    there = containers.get(move.destination)
    desired = configuration.containers.get(move.container or "")
    is_stopped = desired is not None and not desired.running
    return there is not None and (there.serving or there.exit_code is not None or is_stopped)


def _is_told(move: Move, progress: MoveProgress) -> bool:
    # A lone dataset has no container at the destination that would end the pause.
    lone = progress.source is None and move.container is None
    return progress.phase == DONE or (lone and bool(progress.steps))
