"""What runs under one fencing deadline: a container with its data, or a volume of Docker's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pyrsistent import pmap

from flocker_lite.model.fencing.control import Ownership
from flocker_lite.model.fencing.names import volume_of
from flocker_lite.model.open_moves import move_of_container, move_of_dataset
from flocker_lite.model.records import Configuration, DatasetId, Move, NodeId
from flocker_lite.model.subjects import Subject
from flocker_lite.model.uses import uses_of


@dataclass(frozen=True, slots=True)
class FencedUnit:
    """What is ended as one, and fails over as one; `after_seconds` as in `Failover`."""

    name: str
    subject: Subject
    after_seconds: int
    max_lag_seconds: int


def fenced_unit(configuration: Configuration, name: str) -> FencedUnit | None:
    """The unit of that name; None if there is none, or nothing ends it at a deadline.

    While a container of ours uses a dataset, that container's failover counts, and not its own.
    """
    dataset_id = volume_of(name)
    if dataset_id is not None:
        return _fenced_volume(configuration, name, dataset_id)
    container = configuration.containers.get(name)
    failover = container.failover if container is not None else None
    if container is None or failover is None:
        return None
    if not failover.is_automatic or not container.volumes:
        return None
    subject = Subject(name, tuple(volume.dataset_id for volume in container.volumes))
    return FencedUnit(name, subject, failover.after_seconds, failover.max_lag_seconds)


def _fenced_volume(
    configuration: Configuration, name: str, dataset_id: DatasetId
) -> FencedUnit | None:
    dataset = configuration.datasets.get(dataset_id)
    failover = dataset.failover if dataset is not None else None
    if dataset is None or dataset.deleted or failover is None:
        return None
    if dataset_id in uses_of(configuration).datasets:
        return None
    subject = Subject(None, (dataset_id,))
    return FencedUnit(name, subject, failover.after_seconds, failover.max_lag_seconds)


def common_standbys(
    configuration: Configuration, dataset_ids: tuple[DatasetId, ...]
) -> tuple[NodeId, ...]:
    """The nodes that stand by for all of these datasets, in order."""
    several = [list(_standbys(configuration, each)) for each in dataset_ids]
    first = several[0] if several else []
    return tuple(node for node in first if all(node in others for others in several))


def ownership(configuration: Configuration, name: str) -> Ownership | None:
    """Who owns the data of a container, or a volume, by its grants; None if it has none.

    While its datasets are handed over one by one, those that arrived are the destination's.
    """
    dataset_ids, move = _data_and_move(configuration, name)
    if not dataset_ids or any(each not in configuration.grants for each in dataset_ids):
        return None
    grants = {each: configuration.grants[each] for each in dataset_ids}
    destination = move.destination if move is not None and not move.stays else None
    arrived = {each for each, grant in grants.items() if grant.owner == destination}
    if len(arrived) == len(grants):
        destination, arrived = None, set()
    owners = {grant.owner for each, grant in grants.items() if each not in arrived}
    if len(owners) != 1:
        return None
    epochs = pmap({each: grant.epoch for each, grant in grants.items()})
    return Ownership(owners.pop(), epochs, destination, frozenset(arrived))


def _data_and_move(
    configuration: Configuration, name: str
) -> tuple[tuple[DatasetId, ...], Move | None]:
    dataset_id = volume_of(name)
    if dataset_id is not None:
        return (dataset_id,), move_of_dataset(configuration, dataset_id)
    container = configuration.containers.get(name)
    volumes = container.volumes if container is not None else ()
    return tuple(each.dataset_id for each in volumes), move_of_container(configuration, name)


def _standbys(configuration: Configuration, dataset_id: DatasetId) -> Iterator[NodeId]:
    dataset, grant = configuration.datasets.get(dataset_id), configuration.grants.get(dataset_id)
    if dataset is not None and grant is not None and dataset.replicas is not None:
        yield from dataset.replicas.standbys(grant.owner)
