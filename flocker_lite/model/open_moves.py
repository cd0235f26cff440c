"""Which open move a container or a dataset is a part of, without searching all moves.

As in `uses`, a configuration keeps an index, and an edit updates it for the next configuration. So
the cost does not grow with the number of open moves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pyrsistent import PMap, pmap

from flocker_lite.model.records import Change, Configuration, DatasetId, Move


@dataclass(frozen=True, slots=True)
class OpenMoves:
    """The id of the open move of each container and of each dataset."""

    containers: PMap[str, str] = field(default_factory=pmap)
    datasets: PMap[DatasetId, str] = field(default_factory=pmap)


def move_of_container(configuration: Configuration, name: str) -> Move | None:
    """The open move of this container; None when there is none."""
    return _found(configuration, configuration.derived(_index).containers.get(name))


def move_of_dataset(configuration: Configuration, dataset_id: DatasetId) -> Move | None:
    """The open move that this dataset is a part of; None when there is none."""
    return _found(configuration, configuration.derived(_index).datasets.get(dataset_id))


def open_by_dataset(configuration: Configuration) -> PMap[DatasetId, str]:
    """The id of the open move of each dataset that is a part of one."""
    return configuration.derived(_index).datasets


def carry_over(before: Configuration, changes: Iterable[Change], after: Configuration) -> None:
    """Update the index of `before` for `after`, which is `before` with these changes applied."""
    ids = {change.identity for change in changes if change.kind == "moves"}
    index = _evolved(
        before.derived(_index),
        [before.moves[move_id] for move_id in ids if move_id in before.moves],
        [after.moves[move_id] for move_id in ids if move_id in after.moves],
    )
    after.derives(_index, index)


def _found(configuration: Configuration, move_id: str | None) -> Move | None:
    return None if move_id is None else configuration.moves[move_id]


def _index(configuration: Configuration) -> OpenMoves:
    return _evolved(OpenMoves(), (), configuration.moves.values())


def _evolved(index: OpenMoves, gone: Iterable[Move], come: Iterable[Move]) -> OpenMoves:
    containers, datasets = index.containers.evolver(), index.datasets.evolver()
    for move in gone:
        if move.container is not None:
            del containers[move.container]
        for dataset_id in move.dataset_ids:
            del datasets[dataset_id]
    for move in come:
        if move.container is not None:
            containers[move.container] = move.move_id
        for dataset_id in move.dataset_ids:
            datasets[dataset_id] = move.move_id
    return OpenMoves(containers.persistent(), datasets.persistent())
