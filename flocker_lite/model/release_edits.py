"""What a release does to the configuration: at its end the container leaves it; pure.

An open release is a move from a node to itself (`Move.release`).
"""

from __future__ import annotations

from flocker_lite.errors import Conflict, NotFound
from flocker_lite.model.editing import edited
from flocker_lite.model.open_moves import move_of_container
from flocker_lite.model.records import Change, Configuration, Edit, Move, MoveOptions
from flocker_lite.model.releasing import Releasing


def begin(
    configuration: Configuration,
    move_id: str,
    now: float,
    name: str,
    releasing: Releasing,
    options: MoveOptions = MoveOptions(),  # noqa: B008
) -> Edit:
    """Open the release of a container; `now` is in seconds since 1970.

    NotFound when there is no such container; Conflict while it moves, or does not run.
    """
    container = configuration.containers.get(name)
    if container is None:
        raise NotFound("Container not found.")
    move = move_of_container(configuration, name)
    if move is not None:
        raise Conflict(
            f"Container {name} is moving: wait until that is done, or cancel it "
            f"(DELETE /v1/state/moves/{move.move_id})."
        )
    if not container.running:
        raise Conflict(f"Container {name} is stopped: start it first.")
    ids = tuple(volume.dataset_id for volume in container.volumes)
    move = Move(move_id, container.node, container.node, now, name, ids, options, release=releasing)
    return edited(configuration, [Change("moves", move_id, move)])


def done(move: Move) -> list[Change]:
    """The container leaves the configuration; its datasets stay, until a user deletes them."""
    return [Change("containers", move.container or "", None)]
