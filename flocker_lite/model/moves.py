"""When a move begins and when it is over, as pure functions of the configuration.

A dataset or group has one open move while the configuration puts it on another node than the owner
of its grant. The move of a container without datasets begins when another node is configured.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter

from pyrsistent import pmap

from flocker_lite.errors import Conflict, NotFound
from flocker_lite.model import adoption_edits, release_edits
from flocker_lite.model.editing import edited, in_turn
from flocker_lite.model.move_progress import MoveProgress, source_first
from flocker_lite.model.move_reports import CANCELLED as CANCELLED
from flocker_lite.model.move_reports import DONE as DONE
from flocker_lite.model.move_reports import ROLLED_BACK as ROLLED_BACK
from flocker_lite.model.move_reports import has_arrived
from flocker_lite.model.open_moves import move_of_container, move_of_dataset
from flocker_lite.model.pause_history import estimates, program_of
from flocker_lite.model.records import (
    Change,
    Configuration,
    Container,
    DatasetId,
    Edit,
    Move,
    MoveOptions,
    NodeId,
    PastMove,
)
from flocker_lite.model.subjects import Subject as Subject
from flocker_lite.model.uses import uses_of

PAST_MOVES_MAX = 200
"""How many past moves we remember; the oldest is forgotten first."""

SUPERSEDED = "superseded"

NOTHING_MOVES = (
    "Nothing moves: give `move` together with another node, or while a move is under way."
)


@dataclass(frozen=True, slots=True)
class Moment:
    """What an edit of moves needs to know: seconds since 1970, new UUIDs, and moves' progress."""

    now: float
    new_id: Callable[[], str]
    progress_of: Callable[[str], Iterable[MoveProgress]] = lambda move_id: ()


def followed(before: Configuration, edit: Edit, moment: Moment) -> Edit:
    """The edit of `before`, extended by the moves that it begins, redirects or ends.

    Conflict if it takes something away from an open adoption.
    """
    adoption_edits.require_untouched(before, edit)
    configuration, changes = edit.configuration, edit.changes
    for subject in _subjects(before, edit):
        following = edited(configuration, _following(before, configuration, subject, moment))
        configuration, changes = following.configuration, changes + following.changes
    return replace(edit, configuration=configuration, changes=changes)


def revise_options(
    configuration: Configuration, move: Move | None, revise: Callable[[MoveOptions], MoveOptions]
) -> Edit:
    """Change the options of an open move by `revise`; Conflict when there is no open move."""
    if move is None:
        raise Conflict(NOTHING_MOVES)
    revised = replace(move, options=revise(move.options))
    return edited(configuration, [Change("moves", move.move_id, revised)])


def cancel(configuration: Configuration, move_id: str, moment: Moment) -> Edit:
    """Cancel an open move, so that its subject stays at the source; Conflict if it is too late.

    An adoption or a release goes on until its node has put everything back, or says that it was too
    late.
    """
    move = configuration.moves.get(move_id)
    if move is None:
        past = configuration.past_moves.get(move_id)
        if past is None:
            raise NotFound("Move not found.")
        raise Conflict(f"The move is over: {past.verdict}.")
    if move.stays:
        return edited(configuration, [Change("moves", move_id, adoption_edits.cancelled(move))])
    if _is_committed(configuration, move, moment.progress_of(move_id)):
        raise Conflict("The data has been handed over: configure the source to move it back.")
    return call_back(configuration, move_id, CANCELLED, moment)


def call_back(configuration: Configuration, move_id: str, verdict: str, moment: Moment) -> Edit:
    """End an open move, and put its subject back at the source in the configuration.

    The subject stays where it is configured if a later edit put it elsewhere. What an adoption made
    is removed. No change when the move is over already.
    """
    move = configuration.moves.get(move_id)
    if move is None:
        return Edit(configuration)
    changes = ending(configuration, move, verdict, moment)
    if move.adoption is not None:
        return edited(configuration, [*changes, *adoption_edits.undone(configuration, move)])
    if move.release is not None:
        return edited(configuration, changes)
    subject = Subject(move.container, move.dataset_ids)
    if _place(configuration, subject) == move.destination:
        if move.container is not None:
            container = configuration.containers[move.container]
            changes.append(
                Change("containers", container.name, replace(container, node=move.source))
            )
            ids = tuple(volume.dataset_id for volume in container.volumes)
        else:
            ids = move.dataset_ids
        for dataset_id in ids:
            dataset = configuration.datasets[dataset_id]
            changes.append(Change("datasets", dataset_id, replace(dataset, primary=move.source)))
    return edited(configuration, changes)


def roll_back(configuration: Configuration, move_id: str, verdict: str, moment: Moment) -> Edit:
    """Call back a move that a node gave up, and those of its application that go the same way.

    What has been handed over already stays at the destination.
    """
    given_up = configuration.moves.get(move_id)
    together = [
        move.move_id
        for move in configuration.moves.values()
        if given_up is not None
        and not given_up.stays
        and _application(configuration, move) is not None
        and _application(configuration, move) == _application(configuration, given_up)
        and (move.source, move.destination) == (given_up.source, given_up.destination)
        and not _is_committed(configuration, move, moment.progress_of(move.move_id))
    ]
    return in_turn(
        configuration,
        *(
            partial(call_back, move_id=each, verdict=verdict, moment=moment)
            for each in dict.fromkeys([move_id, *together])
        ),
    )


def end(configuration: Configuration, move_id: str, verdict: str, moment: Moment) -> Edit:
    """End an open move; no change when it is over already.

    A container whose release is done leaves the configuration.
    """
    move = configuration.moves.get(move_id)
    if move is None:
        return Edit(configuration)
    changes = ending(configuration, move, verdict, moment)
    if move.release is not None and verdict == DONE:
        changes += release_edits.done(move)
    return edited(configuration, changes)


def _subjects(before: Configuration, edit: Edit) -> list[Subject]:
    """The subjects that the edit may have set off, each once; subjects with data come first."""
    after = edit.configuration
    datasets: dict[DatasetId, None] = {}
    containers: dict[str, None] = {}
    for change in edit.changes:
        if change.kind in ("datasets", "grants"):
            datasets[change.identity] = None
        elif change.kind == "containers":
            containers[change.identity] = None
            for configuration in (before, after):
                known = configuration.containers.get(change.identity)
                datasets |= dict.fromkeys(_datasets(known))
    users = uses_of(after).datasets
    found: dict[Subject, None] = {}
    for dataset_id in datasets:
        user = users.get(dataset_id)
        if user is None:
            found[Subject(None, (dataset_id,))] = None
        else:
            containers[user] = None
    for name in containers:
        found[Subject(name, _datasets(after.containers.get(name)))] = None
    return sorted(found, key=lambda subject: not subject.dataset_ids)


def _datasets(container: Container | None) -> tuple[DatasetId, ...]:
    return tuple(volume.dataset_id for volume in container.volumes) if container else ()


def _following(
    before: Configuration, after: Configuration, subject: Subject, moment: Moment
) -> list[Change]:
    """The changes to the open moves of this subject, and the move that it needs now."""
    changes: list[Change] = []
    open_moves = _open_moves(after, subject)
    place, source = _place(after, subject), _source(before, after, subject, open_moves)
    moves = place is not None and source is not None
    goes_on = False
    for move in open_moves:
        same = (move.container, frozenset(move.dataset_ids), move.destination) == (
            subject.container,
            frozenset(subject.dataset_ids),
            place,
        )
        stays = move.stays or has_arrived(after, move)
        if same and (source is not None or stays):
            goes_on = True
            changes.append(
                Change("moves", move.move_id, replace(move, source=source or move.source))
            )
        elif moves:
            changes += ending(after, move, SUPERSEDED, moment)
        else:
            arrived = place is None and not move.stays and has_arrived(after, move)
            changes += ending(after, move, DONE if arrived else CANCELLED, moment)
    if moves and not goes_on:
        assert source is not None
        assert place is not None
        move_id = moment.new_id()
        ids = subject.dataset_ids
        begun = Move(move_id, source, place, moment.now, subject.container, ids)
        begun = replace(begun, estimates=estimates(after, begun, _container(after, begun)))
        changes.append(Change("moves", move_id, begun))
    return changes


def _open_moves(configuration: Configuration, subject: Subject) -> list[Move]:
    found = [move_of_dataset(configuration, each) for each in subject.dataset_ids]
    if subject.container is not None:
        found.append(move_of_container(configuration, subject.container))
    return list({move.move_id: move for move in found if move is not None}.values())


def _application(configuration: Configuration, move: Move) -> str | None:
    container = configuration.containers.get(move.container or "")
    if container is None or container.application is None:
        return None
    return container.application.name


def _place(configuration: Configuration, subject: Subject) -> NodeId | None:
    """Where the configuration puts the subject; None when it was deleted."""
    if subject.container is not None:
        container = configuration.containers.get(subject.container)
        return container.node if container is not None else None
    dataset = configuration.datasets.get(subject.dataset_ids[0])
    return dataset.primary if dataset is not None and not dataset.deleted else None


def _source(
    before: Configuration, after: Configuration, subject: Subject, open_moves: list[Move]
) -> NodeId | None:
    """The node from which the subject has to move; None when it is where it should be."""
    place = _place(after, subject)
    if subject.dataset_ids:
        owners = [after.grants[each].owner for each in subject.dataset_ids if each in after.grants]
        return next((owner for owner in owners if owner != place), None)
    known = before.containers.get(subject.container or "")
    node = open_moves[0].source if open_moves else known.node if known is not None else None
    # A container that was put on a node whose agent had not announced itself was never there.
    return node if node != place and node in after.nodes else None


def _is_committed(configuration: Configuration, move: Move, sides: Iterable[MoveProgress]) -> bool:
    """Whether we know that any part of the move has been handed over."""
    grants = [configuration.grants.get(dataset_id) for dataset_id in move.dataset_ids]
    return any(grant is not None and grant.owner == move.destination for grant in grants) or any(
        progress.phase == DONE for progress in sides
    )


def _container(configuration: Configuration, move: Move) -> Container | None:
    return configuration.containers.get(move.container or "")


def ending(configuration: Configuration, move: Move, verdict: str, moment: Moment) -> list[Change]:
    """The changes by which an open move becomes a past one."""
    epochs = {
        dataset_id: configuration.grants[dataset_id].epoch
        for dataset_id in move.dataset_ids
        if dataset_id in configuration.grants
    }
    sides = source_first(moment.progress_of(move.move_id))
    program = program_of(_container(configuration, move))
    past = PastMove(move, verdict, moment.now, pmap(epochs), sides, program)
    surplus = len(configuration.past_moves) + 1 - PAST_MOVES_MAX
    oldest = heapq.nsmallest(surplus, configuration.past_moves.values(), attrgetter("ended_at"))
    return [
        Change("moves", move.move_id, None),
        Change("past_moves", move.move_id, past),
        *(Change("past_moves", each.move_id, None) for each in oldest),
    ]
