"""What all edits of the configuration share: their errors, and how one becomes an `Edit`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

from flocker_lite.errors import FlockerError
from flocker_lite.model import deltas, open_moves
from flocker_lite.model.records import (
    Change,
    Configuration,
    Container,
    Dataset,
    DatasetId,
    Edit,
    Node,
)
from flocker_lite.model.uses import carry_over


@dataclass(frozen=True, slots=True)
class Fact:
    """What stands in the way of an edit, in words for a person.

    Where the request has `value` under one of these `keys`, it is about that. `used_by` is the
    name of the container that has what is asked for. `known` are the names that there are: one of
    them may have been meant.
    """

    text: str
    keys: tuple[str, ...] = ()
    value: object = None
    used_by: str | None = None
    known: tuple[str, ...] = ()


NAMES_MAX = 1000
"""So many names that there are go with an error about one that there is not."""

NODES_TOLD_MAX = 10


class EditError(FlockerError):
    """The configuration cannot be edited in this way; the text is what the API says.

    The text is that of Flocker 0.4 where it had one; `facts` say who and what it is.
    """

    def __init__(self, text: str, *facts: Fact) -> None:
        super().__init__(text)
        self.facts = facts


class UnknownNode(EditError):
    """No node of the cluster has this address or UUID."""

    def __init__(self, where: str | None = None, nodes: Iterable[Node] = ()) -> None:
        super().__init__(
            "The provided primary node is not part of the cluster.",
            *(() if where is None else [_not_a_node(where, nodes)]),
        )


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
        raise Missing(
            "Dataset not found.",
            _no_such("dataset", "dataset_id", dataset_id, configuration.datasets),
        )
    return dataset


def existing_container(configuration: Configuration, name: str) -> Container:
    """The container; Missing when there is none."""
    container = configuration.containers.get(name)
    if container is None:
        raise Missing(
            "Container not found.", _no_such("container", "name", name, configuration.containers)
        )
    return container


def _no_such(what: str, key: str, identity: str, known: Iterable[str]) -> Fact:
    names = tuple(islice(known, NAMES_MAX))
    return Fact(f"there is no {what} {identity}", (key,), identity, known=names)


def _not_a_node(where: str, nodes: Iterable[Node]) -> Fact:
    known = [node.address for node in islice(nodes, NODES_TOLD_MAX + 1)]
    there_are = f": there are {', '.join(sorted(known))}" if len(known) <= NODES_TOLD_MAX else ""
    text = f"no node of the cluster has the address, host name or UUID {where}{there_are}"
    return Fact(text, ("host", "primary", "node_uuid", "owner"), where)
