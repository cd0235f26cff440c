"""Which move under way a container or a dataset is a part of, without a look at all of them.

As in `uses`, the answer is remembered and carried over: an edit costs the same however many
moves are under way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pyrsistent import PMap, pmap

from flocker_lite.model.records import Change, Configuration, DatasetId, Move


@dataclass(frozen=True, slots=True)
class OpenMoves:
    """The id of the move of each container, and of each dataset, that is under way."""

    containers: PMap[str, str] = field(default_factory=pmap)
    datasets: PMap[DatasetId, str] = field(default_factory=pmap)


class _Memory:
    """The map that was asked for last, and the answer."""

    moves: PMap[str, Move] = pmap()
    index = OpenMoves()


_memory = _Memory()


def move_of_container(configuration: Configuration, name: str) -> Move | None:
    """The move of this container that is under way."""
    return _found(configuration, _index(configuration.moves).containers.get(name))


def move_of_dataset(configuration: Configuration, dataset_id: DatasetId) -> Move | None:
    """The move under way that this dataset is a part of."""
    return _found(configuration, _index(configuration.moves).datasets.get(dataset_id))


def carry_over(before: PMap[str, Move], changes: Iterable[Change], after: PMap[str, Move]) -> None:
    """Make questions about `after` cheap; it is `before` with these changes carried out."""
    if after is before:
        return
    ids = {change.identity for change in changes if change.kind == "moves"}
    _memory.index = _evolved(
        _index(before),
        [before[move_id] for move_id in ids if move_id in before],
        [after[move_id] for move_id in ids if move_id in after],
    )
    _memory.moves = after


def _found(configuration: Configuration, move_id: str | None) -> Move | None:
    return None if move_id is None else configuration.moves[move_id]


def _index(moves: PMap[str, Move]) -> OpenMoves:
    if _memory.moves is not moves:
        _memory.index = _evolved(OpenMoves(), (), moves.values())
        _memory.moves = moves
    return _memory.index


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
