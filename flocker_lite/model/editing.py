"""What all edits of the configuration share: their errors, and how one becomes an `Edit`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from flocker_lite.errors import FlockerError
from flocker_lite.model import deltas, open_moves
from flocker_lite.model.records import (
    Change,
    Configuration,
    Container,
    Dataset,
    DatasetId,
    Edit,
)
from flocker_lite.model.uses import carry_over


class EditError(FlockerError):
    """The configuration cannot be edited in this way; the text is what the API says."""


class UnknownNode(EditError):
    """No node of the cluster has this address or UUID."""

    def __init__(self) -> None:
        super().__init__("The provided primary node is not part of the cluster.")


class Missing(EditError):
    """There is no dataset, container or lease of that name."""


class AlreadyDeleted(EditError):
    """The dataset is still known, but deleted for ever."""

    def __init__(self) -> None:
        super().__init__("The dataset has been deleted.")


class Clash(EditError):
    """It would contradict something else in the configuration."""


class StaleGrant(EditError):
    """A grant only ever moves forward: the epoch, or else `materialised`."""


def edited(configuration: Configuration, changes: Iterable[Change]) -> Edit:
    """The configuration after these changes, and those of them that change anything."""
    effective = tuple(
        change
        for change in changes
        if getattr(configuration, change.kind).get(change.identity) != change.record
    )
    after = deltas.apply(configuration, effective)
    carry_over(configuration.containers, effective, after.containers)
    open_moves.carry_over(configuration.moves, effective, after.moves)
    return Edit(after, effective)


def in_turn(configuration: Configuration, *functions: Callable[[Configuration], Edit]) -> Edit:
    """Each edit on the outcome of the one before, as one edit; all of them or none."""
    changes: tuple[Change, ...] = ()
    for function in functions:
        edit = function(configuration)
        configuration = edit.configuration
        changes += edit.changes
    return Edit(configuration, changes)


def existing_dataset(configuration: Configuration, dataset_id: DatasetId) -> Dataset:
    """The dataset; Missing when there is none."""
    dataset = configuration.datasets.get(dataset_id)
    if dataset is None:
        raise Missing("Dataset not found.")
    return dataset


def existing_container(configuration: Configuration, name: str) -> Container:
    """The container; Missing when there is none."""
    container = configuration.containers.get(name)
    if container is None:
        raise Missing("Container not found.")
    return container
