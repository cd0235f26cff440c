"""What a node may do to the configuration for volumes of its own Docker; pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from pyrsistent import pmap

from flocker_lite.errors import Conflict
from flocker_lite.model import dataset_names, edits, moves
from flocker_lite.model.draining import Reports
from flocker_lite.model.editing import EDIT_ERRORS
from flocker_lite.model.nodes import find_node
from flocker_lite.model.open_moves import move_of_dataset
from flocker_lite.model.records import Configuration, Dataset, DatasetId, Edit, NodeId
from flocker_lite.model.replica_edits import with_standbys
from flocker_lite.model.replicas import Replicas
from flocker_lite.model.uses import uses_of
from flocker_lite.model.volumes import FOLLOW, MARK, MARKED, VolumeRequest

ON_USE_STOP, ON_USE_ABORT, ON_USE_AWAIT = "stop", "abort", "await"
"""What a move does about Docker's containers that use its dataset: see `MoveOptions.on_use`."""


def called(configuration: Configuration, name: str) -> Dataset | None:
    """The volume of that name; None when there is none, Conflict when it may not be one."""
    found = [
        each
        for each in configuration.datasets.values()
        if not each.deleted and each.metadata.get(dataset_names.NAME) == name
    ]
    marked = [each for each in found if each.metadata.get(MARK) == MARKED]
    if len(marked) > 1 or (len(found) > 1 and not marked):
        ids = " and ".join(sorted(each.dataset_id for each in marked or found)[:3])
        raise Conflict(f"Datasets {ids} are all called {name}: rename all but one.")
    if not found:
        return None
    return marked[0] if marked else _require_marked(found[0])


def create_volume(
    configuration: Configuration,
    node_id: NodeId,
    request: VolumeRequest,
    new_id: DatasetId,
    reports: Reports,
) -> Edit:
    """Create the dataset of a volume on the node that asks, or make that a standby of it."""
    known = called(configuration, request.name)
    if known is not None:
        _require_unused(configuration, known)
        if request.maximum_size not in (None, known.maximum_size):
            has = "no limit" if known.maximum_size is None else f"{known.maximum_size} bytes"
            raise Conflict(f"Volume {request.name} exists, with the size {has}.")
        if known.failover is not None and request.failover not in (None, known.failover):
            raise Conflict(f"Volume {request.name} exists, with another failover.")
        copies = _with_copies(configuration, known, node_id, request, reports)
        return _with_failover(copies, known, request)
    metadata = pmap({dataset_names.NAME: request.name, MARK: MARKED})
    dataset = Dataset(new_id, node_id, metadata, request.maximum_size)
    made = edits.create_dataset(configuration, dataset)
    copies = _with_copies(made.configuration, dataset, node_id, request, reports)
    found = _with_failover(copies, dataset, request)
    return Edit(found.configuration, (*made.changes, *found.changes))


def _with_failover(copies: Edit, dataset: Dataset, request: VolumeRequest) -> Edit:
    """The edit, and the failover that the request has for a volume without one."""
    if request.failover is None or dataset.failover is not None:
        return copies
    given = edits.update_dataset(
        copies.configuration,
        dataset.dataset_id,
        lambda it: replace(it, failover=request.failover),
    )
    return Edit(given.configuration, (*copies.changes, *given.changes))


def _with_copies(
    configuration: Configuration,
    dataset: Dataset,
    node_id: NodeId,
    request: VolumeRequest,
    reports: Reports,
) -> Edit:
    """Have copies on the nodes that the request names, and on the one that asks.

    Where a user said how many copies there are to be, the node that asks gets none by itself. Nor
    does one that may not have one; it has the volume all the same, once it mounts it.
    """
    before = dataset.replicas
    named = tuple(find_node(configuration, each) for each in request.standbys)
    known = before.nodes if before is not None else ()
    nodes = tuple(dict.fromkeys((*known, dataset.primary, *named, node_id)))
    counts = before is not None and before.count is not None
    if counts or nodes == known or nodes == (dataset.primary,):
        return Edit(configuration)
    rpo_seconds = request.rpo_seconds or (before or Replicas()).rpo_seconds
    replicas = replace(before or Replicas(), nodes=nodes, rpo_seconds=rpo_seconds)
    wanted = replace(dataset, replicas=replicas)
    try:
        found = with_standbys(configuration, wanted, dataset, reports)
    except EDIT_ERRORS:
        if named:
            raise
        return Edit(configuration)
    return edits.update_dataset(configuration, dataset.dataset_id, lambda _: found)


def forget_volume(configuration: Configuration, node_id: NodeId, dataset_id: DatasetId) -> Edit:
    """The node that asks stands by no more; the copy that it has stays."""
    dataset = configuration.datasets.get(dataset_id)
    if dataset is None or dataset.deleted or dataset.replicas is None:
        return Edit(configuration)
    known = dataset.replicas
    if known.count is not None or node_id not in known.standbys(dataset.primary):
        return Edit(configuration)
    left = replace(known, nodes=tuple(each for each in known.nodes if each != node_id))
    found = replace(dataset, replicas=left if left.standbys(dataset.primary) else None)
    return edits.update_dataset(configuration, dataset_id, lambda _: found)


def have_volume(
    configuration: Configuration,
    node_id: NodeId,
    request: VolumeRequest,
    asked: Collection[NodeId] = (),
) -> Edit:
    """Have a volume on the node that asks: no change where it is there or on its way.

    `asked` are the nodes that were found not to use it. Conflict if it is another's by now.
    """
    dataset = volume(configuration, request.dataset_ids[0])
    _require_unused(configuration, dataset)
    others = nodes_to_ask(configuration, node_id, dataset) - set(asked)
    if others:
        where = " and ".join(sorted(configuration.nodes[each].address for each in others))
        raise Conflict(f"The volume has just gone to {where}: start again.")
    if dataset.primary == node_id:
        return Edit(configuration)
    return edits.move_dataset(configuration, dataset.dataset_id, node_id)


def with_on_use(configuration: Configuration, request: VolumeRequest, awaits: bool) -> Edit:
    """Tell the open move of a volume what to do about containers that use it at its source.

    It `awaits` the end of those that Swarm is stopping.
    """
    move = move_of_dataset(configuration, request.dataset_ids[0])
    if move is None:
        return Edit(configuration)
    on_use = ON_USE_STOP if request.conflict == FOLLOW else ON_USE_ABORT
    on_use = ON_USE_AWAIT if awaits else on_use
    return moves.revise_options(
        configuration, move, lambda options: replace(options, on_use=on_use)
    )


def nodes_to_ask(configuration: Configuration, node_id: NodeId, dataset: Dataset) -> set[NodeId]:
    """The other nodes that may use a volume: who has it, and who it is on its way to."""
    named = {dataset.primary, configuration.grants[dataset.dataset_id].owner}
    return {each for each in named - {node_id} if each in configuration.nodes}


def destroy_volume(configuration: Configuration, dataset_id: DatasetId) -> Edit:
    """Delete the dataset of a volume; no change when that was done."""
    known = configuration.datasets.get(dataset_id)
    if known is None or known.deleted:
        return Edit(configuration)
    volume(configuration, dataset_id)
    return edits.delete_dataset(configuration, dataset_id)


def volume(configuration: Configuration, dataset_id: DatasetId) -> Dataset:
    """The dataset of a volume; Conflict when it was deleted, or is no volume."""
    known = configuration.datasets.get(dataset_id)
    if known is None or known.deleted:
        raise Conflict(
            f"Dataset {dataset_id} has been deleted: remove the volume with `docker volume rm`."
        )
    return _require_marked(known)


def _require_marked(dataset: Dataset) -> Dataset:
    if dataset.metadata.get(MARK) != MARKED:
        name = dataset.metadata.get(dataset_names.NAME, dataset.dataset_id)
        raise Conflict(
            f'Dataset {name} is no volume of Docker\'s: write "{MARK}": "{MARKED}" into its '
            "metadata to let every node of the cluster have it as one."
        )
    return dataset


def _require_unused(configuration: Configuration, dataset: Dataset) -> None:
    user = uses_of(configuration).datasets.get(dataset.dataset_id)
    if user is not None:
        raise Conflict(f"The dataset is used by container {user} of flocker_lite.")
