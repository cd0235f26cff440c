"""When a move begins and when it is over, as pure functions of the configuration.

A dataset or group has one open move while the configuration puts it on another node than the owner
of its grant. The move of a container without datasets begins when another node is configured.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter

from pyrsistent import PMap, pmap

from flocker_lite.errors import Conflict, NotFound
from flocker_lite.model.editing import edited
from flocker_lite.model.move_progress import MoveProgress, pause_by_step, source_first, stop_seconds
from flocker_lite.model.open_moves import move_of_container, move_of_dataset
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
from flocker_lite.model.state import ContainerState
from flocker_lite.model.uses import uses_of

PAST_MOVES_MAX = 200
"""How many past moves we remember; the oldest is forgotten first."""

DONE = "done"
ROLLED_BACK = "rolled back"
CANCELLED = "cancelled"
SUPERSEDED = "superseded"

_VARIABLE_STEPS = ("send",)


@dataclass(frozen=True, slots=True)
class Moment:
    """What an edit of moves needs to know: seconds since 1970, new UUIDs, and moves' progress."""

    now: float
    new_id: Callable[[], str]
    progress_of: Callable[[str], Iterable[MoveProgress]] = lambda move_id: ()


@dataclass(frozen=True, slots=True)
class Subject:
    """What moves as one: a container with its datasets, or a lone dataset (`container` is None)."""

    container: str | None
    dataset_ids: tuple[DatasetId, ...] = ()


def followed(before: Configuration, edit: Edit, moment: Moment) -> Edit:
    """The edit of `before`, extended by the moves that it begins, redirects or ends."""
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
        raise Conflict(
            "Nothing moves: give `move` together with another node, or while a move is under way."
        )
    revised = replace(move, options=revise(move.options))
    return edited(configuration, [Change("moves", move.move_id, revised)])


def cancel(configuration: Configuration, move_id: str, moment: Moment) -> Edit:
    """Cancel an open move, so that its subject stays at the source; Conflict if it is too late."""
    move = configuration.moves.get(move_id)
    if move is None:
        past = configuration.past_moves.get(move_id)
        if past is None:
            raise NotFound("Move not found.")
        raise Conflict(f"The move is over: {past.verdict}.")
    if _is_committed(configuration, move, moment.progress_of(move_id)):
        raise Conflict("The data has been handed over: configure the source to move it back.")
    return call_back(configuration, move_id, CANCELLED, moment)


def call_back(configuration: Configuration, move_id: str, verdict: str, moment: Moment) -> Edit:
    """End an open move, and put its subject back at the source in the configuration.

    The subject stays where it is configured if a later edit put it elsewhere. No change when the
    move is over already.
    """
    move = configuration.moves.get(move_id)
    if move is None:
        return Edit(configuration)
    changes = _end(configuration, move, verdict, moment)
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


def end(configuration: Configuration, move_id: str, verdict: str, moment: Moment) -> Edit:
    """End an open move; no change when it is over already."""
    move = configuration.moves.get(move_id)
    if move is None:
        return Edit(configuration)
    return edited(configuration, _end(configuration, move, verdict, moment))


def outcome(
    configuration: Configuration,
    move: Move,
    sides: Iterable[MoveProgress],
    containers: Mapping[NodeId, ContainerState],
) -> str | None:
    """How an open move has ended, by what agents report; None when it goes on.

    `containers` are the reports about its container. The move is done when the data is at the
    destination, and the container serves there, or has run there and ended by itself, or is to be
    stopped. A container without data must also be gone from the source.
    """
    if any(item.phase == ROLLED_BACK and item.move_id == move.move_id for item in sides):
        return ROLLED_BACK
    if move.dataset_ids and not _has_arrived(configuration, move):
        return None
    if move.container is None:
        return DONE
    there, here = containers.get(move.destination), containers.get(move.source)
    desired = configuration.containers.get(move.container)
    is_stopped = desired is not None and not desired.running
    if there is None or not (there.serving or there.exit_code is not None or is_stopped):
        return None
    if not move.dataset_ids and here is not None and (here.running or here.paused):
        return None
    return DONE


def is_complete(move: Move, sides: Iterable[MoveProgress], starts: bool = True) -> bool:
    """Whether both sides have reported everything, for each dataset.

    Where nothing `starts`, because the container is stopped, the destination has no more to report.
    """
    told = {(item.dataset_id, item.source is None) for item in sides if _is_told(move, item)}
    wanted = (True, False) if starts else (False,)
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


def pause_costs(last: PastMove | None, container: Container | None = None) -> PMap[str, float]:
    """How long each step of the pause, except the sending, took in the subject's last move.

    `container` is what moves: it takes no longer to stop than its time-out, and all of that when it
    had to be killed.
    """
    if last is None:
        return pmap()
    pause = pause_by_step(last.accounts)
    if container is not None and "stop" in pause:
        is_killed = any(progress.killed for progress in last.accounts)
        most = container.stop_timeout_seconds
        pause["stop"] = most if is_killed else min(pause["stop"], most)
    return pmap({name: took for name, took in pause.items() if name not in _VARIABLE_STEPS})


def seconds_of_the_stop(last: PastMove | None) -> PMap[DatasetId, float]:
    """How long the subject's last move took to send what the container wrote when it stopped."""
    sides = last.accounts if last is not None else ()
    return pmap({each.dataset_id: stop_seconds(each) for each in sides if each.source is not None})


def last_alike(configuration: Configuration, move: Move) -> PastMove | None:
    """The subject's last move that was done, and of which both sides reported everything."""
    subject = Subject(move.container, () if move.container else move.dataset_ids)
    alike = (
        past
        for past in configuration.past_moves.values()
        if past.verdict == DONE
        and subject == Subject(past.move.container, subject.dataset_ids and past.move.dataset_ids)
        and is_complete(past.move, past.accounts)
    )
    return max(alike, key=attrgetter("ended_at"), default=None)


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
        if same and (source is not None or _has_arrived(after, move)):
            goes_on = True
            changes.append(
                Change("moves", move.move_id, replace(move, source=source or move.source))
            )
        elif moves:
            changes += _end(after, move, SUPERSEDED, moment)
        else:
            arrived = place is None and _has_arrived(after, move)
            changes += _end(after, move, DONE if arrived else CANCELLED, moment)
    if moves and not goes_on:
        assert source is not None
        assert place is not None
        move_id = moment.new_id()
        ids = subject.dataset_ids
        begun = Move(move_id, source, place, moment.now, subject.container, ids)
        changes.append(Change("moves", move_id, begun))
    return changes


def _open_moves(configuration: Configuration, subject: Subject) -> list[Move]:
    found = [move_of_dataset(configuration, each) for each in subject.dataset_ids]
    if subject.container is not None:
        found.append(move_of_container(configuration, subject.container))
    return list({move.move_id: move for move in found if move is not None}.values())


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


def _has_arrived(configuration: Configuration, move: Move) -> bool:
    grants = [configuration.grants.get(dataset_id) for dataset_id in move.dataset_ids]
    return bool(grants) and all(
        grant is not None and grant.owner == move.destination for grant in grants
    )


def _is_committed(configuration: Configuration, move: Move, sides: Iterable[MoveProgress]) -> bool:
    """Whether we know that any part of the move has been handed over."""
    grants = [configuration.grants.get(dataset_id) for dataset_id in move.dataset_ids]
    return any(grant is not None and grant.owner == move.destination for grant in grants) or any(
        progress.phase == DONE for progress in sides
    )


def _is_told(move: Move, progress: MoveProgress) -> bool:
    # A lone dataset has no container at the destination that would end the pause.
    lone = progress.source is None and move.container is None
    return progress.phase == DONE or (lone and bool(progress.steps))


def _end(configuration: Configuration, move: Move, verdict: str, moment: Moment) -> list[Change]:
    epochs = {
        dataset_id: configuration.grants[dataset_id].epoch
        for dataset_id in move.dataset_ids
        if dataset_id in configuration.grants
    }
    sides = source_first(moment.progress_of(move.move_id))
    past = PastMove(move, verdict, moment.now, pmap(epochs), sides)
    surplus = len(configuration.past_moves) + 1 - PAST_MOVES_MAX
    oldest = heapq.nsmallest(surplus, configuration.past_moves.values(), attrgetter("ended_at"))
    return [
        Change("moves", move.move_id, None),
        Change("past_moves", move.move_id, past),
        *(Change("past_moves", each.move_id, None) for each in oldest),
    ]
