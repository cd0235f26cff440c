"""Moves in the REST API: the collection, dry runs, options and cancelling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pyrsistent import pmap

from flocker_lite.control.http import bodies, move_bodies
from flocker_lite.control.http.bodies import Body
from flocker_lite.control.http.request_response import Request, Response, written
from flocker_lite.control.interfaces import EditFunction, IControl
from flocker_lite.errors import Conflict
from flocker_lite.model import moves
from flocker_lite.model.move_progress import MoveProgress
from flocker_lite.model.open_moves import move_of_container, move_of_dataset
from flocker_lite.model.records import Configuration, DatasetId, Edit, Move, NodeId
from flocker_lite.model.state import Forecast


async def cancel(control: IControl, request: Request) -> Response:
    """Cancel a move: everything stays at the source; an adoption or release is open until then."""
    identity = request.parameters["move_id"].lower()
    of_dataset = move_of_dataset(control.configuration, identity)
    move_id = identity if of_dataset is None else of_dataset.move_id
    edit = await control.cancel_move(move_id, request.tags)
    if move_id in edit.configuration.moves:
        return written(202, items(control, move_id, request.now)[0], edit)
    past = edit.configuration.past_moves[move_id]
    return written(200, move_bodies.past_body(edit.configuration, past), edit)


async def dry_run(
    control: IControl,
    function: EditFunction,
    then: EditFunction,
    container: str | None = None,
    dataset_id: DatasetId | None = None,
) -> Response:
    """Forecast the move that these edits would start."""
    configuration = control.planned(function, then).configuration
    move = _move_of(configuration, container, dataset_id)
    if move is None:
        raise Conflict("Nothing would move: it is already on this node.")
    # Without data there is nothing to ask the source about.
    forecast = await control.forecast(move) if move.dataset_ids else Forecast(0, push_seconds=0.0)
    away = control.absences.of_node(move.source) or control.absences.of_node(move.destination)
    waits = f"{away}: the move waits for it" if away is not None else None
    said = [each for each in (forecast.warning, waits, _too_full(control, move, forecast)) if each]
    forecast = replace(forecast, warning="; ".join(said) or None)
    left = stays_behind(control, move)
    return Response(200, move_bodies.forecast_body(configuration, move, forecast, left))


def _too_full(control: IControl, move: Move, forecast: Forecast) -> str | None:
    """That the destination has no room for what is sent, by what it told last; None if it has."""
    machine = control.node_records.machines.get(move.destination)
    capacity = machine.capacity if machine is not None else None
    if capacity is None or (forecast.expected_bytes or 0) <= capacity.free_bytes:
        return None
    host = bodies.address(control.configuration, move.destination)
    return (
        f"the pool of {host} has {capacity.free_bytes} bytes free, and {forecast.expected_bytes} "
        "would be sent: make room there first"
    )


def stays_behind(control: IControl, move: Move) -> list[str]:
    """The paths in the container that do not move with it, as its source reports them."""
    reports = control.cluster.containers.get(move.container or "", pmap())
    reported = reports.get(move.source)
    return bodies.staying(reported) if reported is not None else []


def options(
    body: Any, container: str | None = None, dataset_id: DatasetId | None = None
) -> EditFunction:
    """The edit that sets the options in the request's body on the open move."""
    desired = body.get("move")
    if desired is None:
        return Edit

    def revise(configuration: Configuration) -> Edit:
        move = _move_of(configuration, container, dataset_id)
        return moves.revise_options(
            configuration, move, lambda known: bodies.revised_move_options(known, desired)
        )

    return revise


def ids(control: IControl) -> list[str]:
    """All moves, newest first; at the end the moves that only the agents know."""
    configuration = control.configuration
    known = [*configuration.moves.values()]
    known += [past.move for past in configuration.past_moves.values()]
    known.sort(key=lambda move: (move.requested_at, move.move_id), reverse=True)
    strays = {each.dataset_id for _, each in _strays(control)}
    return [*(move.move_id for move in known), *sorted(strays)]


def items(control: IControl, identity: str, now: float) -> list[Body]:
    """The move of this id."""
    configuration, identity = control.configuration, identity.lower()
    if identity in configuration.moves:
        sides = control.progress_of(identity)
        absence = control.absences.words("moves", identity)
        move = configuration.moves[identity]
        return [move_bodies.open_body(configuration, move, sides, now, absence)]
    if identity in configuration.past_moves:
        return [move_bodies.past_body(configuration, configuration.past_moves[identity])]
    strays = [item for item in _strays(control) if identity == item[1].dataset_id]
    return move_bodies.stray_bodies(configuration, strays)


def meant(control: IControl, identity: str) -> str:
    """The id of a move; a dataset's id stands for its newest move."""
    newest = _newest(control.configuration, identity.lower())
    return identity if newest is None else newest.move_id


def _move_of(
    configuration: Configuration, container: str | None, dataset_id: DatasetId | None
) -> Move | None:
    if container is not None:
        return move_of_container(configuration, container)
    return move_of_dataset(configuration, dataset_id or "")


def _newest(configuration: Configuration, dataset_id: DatasetId) -> Move | None:
    move = move_of_dataset(configuration, dataset_id)
    past = [each.move for each in configuration.past_moves.values()]
    with_it = [each for each in past if dataset_id in each.dataset_ids]
    return move or max(with_it, key=lambda each: each.requested_at, default=None)


def _strays(control: IControl) -> Iterator[tuple[NodeId, MoveProgress]]:
    """What agents report of moves of datasets for which no move is stored."""
    configuration = control.configuration
    past = configuration.past_moves.values()
    known = {dataset_id for each in past for dataset_id in each.move.dataset_ids}
    for node_id, node in control.cluster.nodes.items():
        for dataset_id, progress in node.moves.items():
            if dataset_id not in known and move_of_dataset(configuration, dataset_id) is None:
                yield node_id, progress
