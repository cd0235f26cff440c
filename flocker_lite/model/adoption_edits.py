"""What an adoption does to the configuration: it begins as one edit, and its end may undo that.

An open adoption is a move from a node to itself (`Move.adoption`), and so is a release. Until it is
over, its container and its datasets stay where they are: whoever wants them otherwise cancels it
first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from pyrsistent import pmap

from flocker_lite.errors import Conflict
from flocker_lite.model import edits
from flocker_lite.model.adoption import Adopting
from flocker_lite.model.editing import edited
from flocker_lite.model.open_moves import move_of_container, move_of_dataset
from flocker_lite.model.records import (
    Change,
    Configuration,
    Container,
    Dataset,
    Edit,
    Move,
    MoveOptions,
)


def begin(
    configuration: Configuration,
    move_id: str,
    now: float,
    adopting: Adopting,
    datasets: Iterable[Dataset],
    container: Container,
    options: MoveOptions = MoveOptions(),  # noqa: B008
) -> Edit:
    """Create the datasets and the container, and open their adoption; `now` is since 1970.

    Raises what the creations raise.
    """

    def open_move(before: Configuration) -> Edit:
        made = before.containers[container.name]
        ids = tuple(volume.dataset_id for volume in made.volumes)
        move = Move(move_id, made.node, made.node, now, made.name, ids, options, adopting)
        return edited(before, [Change("moves", move_id, move)])

    return edits.in_turn(
        configuration,
        *(partial(edits.create_dataset, dataset=each) for each in datasets),
        partial(edits.create_container, container=container),
        open_move,
    )


def cancelled(move: Move) -> Move:
    """The adoption or release, which its node is to undo if it has not committed itself yet."""
    if move.adoption is not None:
        move = replace(move, adoption=replace(move.adoption, cancelled=True))
    if move.release is not None:
        move = replace(move, release=replace(move.release, cancelled=True))
    return move


def begin_data(
    configuration: Configuration,
    move_id: str,
    now: float,
    adopting: Adopting,
    dataset: Dataset,
    options: MoveOptions,
) -> Edit:
    """Create the dataset, and open the adoption that fills it; `now` is since 1970."""

    def open_move(before: Configuration) -> Edit:
        node, ids = before.datasets[dataset.dataset_id].primary, (dataset.dataset_id,)
        move = Move(move_id, node, node, now, None, ids, options, adopting)
        return edited(before, [Change("moves", move_id, move)])

    return edits.in_turn(configuration, partial(edits.create_dataset, dataset=dataset), open_move)


def undone(configuration: Configuration, move: Move) -> list[Change]:
    """Remove what the adoption made; its datasets have nothing but a copy."""
    changes = [Change("containers", move.container or "", None)]
    for dataset_id in move.dataset_ids:
        dataset = configuration.datasets.get(dataset_id)
        if dataset is not None:
            changes.append(Change("datasets", dataset_id, replace(dataset, deleted=True)))
    return changes


def require_untouched(before: Configuration, edit: Edit) -> None:
    """Conflict if the edit takes something away from an adoption or release that stays open."""
    for change in edit.changes:
        if change.kind == "containers":
            _require_not_filled(before, edit.configuration, change)
            move = move_of_container(edit.configuration, change.identity)
            if _is_held(before, move) and not _may_become(before, move, change):
                raise _conflict(move, f"Container {change.identity}")
        elif change.kind == "datasets":
            move = move_of_dataset(edit.configuration, change.identity)
            known = before.datasets.get(change.identity)
            wanted = change.record
            is_same = (
                known is not None
                and isinstance(wanted, Dataset)
                and (wanted.primary, wanted.deleted) == (known.primary, known.deleted)
            )
            if _is_held(before, move) and not is_same:
                raise _conflict(move, f"Dataset {change.identity}")


def _is_held(before: Configuration, move: Move | None) -> bool:
    return move is not None and move.stays and move.move_id in before.moves


def _require_not_filled(before: Configuration, after: Configuration, change: Change) -> None:
    """No container may have a dataset that is adopted by itself, until that is done."""
    if not isinstance(change.record, Container):
        return
    for volume in change.record.volumes:
        move = move_of_dataset(after, volume.dataset_id)
        if _is_held(before, move) and move is not None and move.container is None:
            raise _conflict(move, f"Dataset {volume.dataset_id}")


def _may_become(before: Configuration, move: Move | None, change: Change) -> bool:
    """A container whose move is cancelled may go at once, because its node may be gone."""
    known, wanted = before.containers.get(change.identity), change.record
    if not isinstance(wanted, Container):
        return move is not None and move.is_cancelled
    if known is None:
        return False
    if move is not None and move.release is not None and not move.is_cancelled:
        return _as_asked(wanted) == _as_asked(known)
    return (wanted.node, wanted.volumes) == (known.node, known.volumes)


def _as_asked(container: Container) -> Container:
    """The container without what follows from something else than its own fields."""
    return replace(container, ended=None, retry_generation=0, secret_versions=pmap())


def _conflict(move: Move | None, what: str) -> Conflict:
    move_id = move.move_id if move is not None else ""
    doing = "released" if move is not None and move.release is not None else "adopted"
    return Conflict(
        f"{what} is being {doing}: wait until that is done, or cancel it "
        f"(DELETE /v1/state/moves/{move_id})."
    )
