"""What all edits of the configuration share: their errors, and how changes become an `Edit`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from flocker_lite.errors import Conflict, ErrorWithFacts, Fact, NotFound
from flocker_lite.model import deltas, node_index, open_moves, uses
from flocker_lite.model.records import (
    Change,
    Configuration,
    Container,
    Dataset,
    DatasetId,
    Edit,
    Node,
)

NAMES_MAX = 1000
"""How many existing names an error lists when the requested name does not exist."""

NODES_TOLD_MAX = 10


class EditError(ErrorWithFacts):
    """The configuration cannot be edited in this way; the text is what the API answers.

    We use the text of Flocker 0.4 where it had one. `facts` name the records that are concerned.
    """


class UnknownNode(EditError):
    """No node of the cluster has this address or UUID."""

    def __init__(self, where: str | None = None, nodes: Iterable[Node] = ()) -> None:
        super().__init__(
            "The provided primary node is not part of the cluster.",
            *(() if where is None else [_not_a_node(where, nodes)]),
        )


class AlreadyDeleted(EditError):
    """The dataset's record is still there, but the dataset was deleted for good."""

    def __init__(self) -> None:
        super().__init__("The dataset has been deleted.")


class StaleGrant(EditError):
    """The new grant is not newer: a grant may only raise its epoch, or become `materialised`."""


EDIT_ERRORS = (EditError, NotFound, Conflict)
"""Every error that an edit raises when it is refused."""


def edited(configuration: Configuration, changes: Iterable[Change]) -> Edit:
    """The configuration after these changes, with the ones that made a difference."""
    effective = tuple(
        change
        for change in changes
        if getattr(configuration, change.kind).get(change.identity) != change.record
    )
    after = deltas.apply(configuration, effective)
    uses.carry_over(configuration, effective, after)
    open_moves.carry_over(configuration, effective, after)
    node_index.carry_over(configuration, after)
    return Edit(after, effective)


def in_turn(configuration: Configuration, *functions: Callable[[Configuration], Edit]) -> Edit:
    """Several edits, each applied to the result of the one before, as a single edit."""
    changes: tuple[Change, ...] = ()
    for function in functions:
        edit = function(configuration)
        configuration = edit.configuration
        changes += edit.changes
    return Edit(configuration, changes)


def existing_dataset(configuration: Configuration, dataset_id: DatasetId) -> Dataset:
    """The dataset; NotFound when there is none."""
    dataset = configuration.datasets.get(dataset_id)
    if dataset is None:
        raise NotFound(
            "Dataset not found.",
            _no_such("dataset", "dataset_id", dataset_id, configuration.datasets),
        )
    return dataset


def existing_container(configuration: Configuration, name: str) -> Container:
    """The container; NotFound when there is none."""
    container = configuration.containers.get(name)
    if container is None:
        raise NotFound(
            "Container not found.", _no_such("container", "name", name, configuration.containers)
        )
    return container


def _no_such(what: str, key: str, identity: str, known: Iterable[str]) -> Fact:
    names = tuple(islice(known, NAMES_MAX))
    return Fact(f"there is no {what} {identity}", (key,), identity, known=names)


def _not_a_node(where: str, nodes: Iterable[Node]) -> Fact:
    known = [node.address for node in islice(nodes, NODES_TOLD_MAX + 1)]
    told = f"there are {', '.join(sorted(known))}" if known else "no agent has announced itself yet"
    there_are = f": {told}" if len(known) <= NODES_TOLD_MAX else ""
    text = f"no node of the cluster has the address, host name or UUID {where}{there_are}"
    return Fact(text, ("host", "primary", "node_uuid", "owner"), where)
