"""Which configuration of a container has run to its end, as pure functions.

That a job is done belongs to what was asked for, and not to an object that Docker has on some node:
it moves along, and stays known when that object, or the node, is gone. Whoever wants the container
in another way has it begin anew.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from flocker_lite.model import codec
from flocker_lite.model.editing import edited
from flocker_lite.model.open_moves import move_of_container
from flocker_lite.model.records import (
    Change,
    Configuration,
    Container,
    Edit,
    Ended,
    NodeId,
    RestartPolicy,
)
from flocker_lite.model.state import ContainerState


def is_same(made_from: Container, wanted: Container) -> bool:
    """Whether a container needs no replacement: what it is made of is equal."""
    return made_of(made_from) == made_of(wanted)


def made_of(container: Container) -> Container:
    """What a new container would be needed for: all but its node, restart policy and end."""
    return replace(container, node="", restart_policy=RestartPolicy(), ended=None)


def digest(container: Container) -> str:
    """What tells containers apart that are made of something else."""
    return hashlib.sha256(codec.dumps(made_of(container)).encode()).hexdigest()[:16]


def revised(before: Container, after: Container) -> Container:
    """The container after an edit: one that is made of something else has not run yet."""
    return replace(after, ended=before.ended if is_same(before, after) else None)


def news(configuration: Configuration, name: str, reported: ContainerState) -> bool:
    """Whether the configuration does not know yet what a node reports of its end."""
    container = configuration.containers.get(name)
    if container is None or not is_same(container, reported.container):
        return False
    if reported.running:
        return container.ended is not None
    return reported.ended is not None and reported.ended != container.ended


def may_tell(configuration: Configuration, name: str, node_id: NodeId) -> bool:
    """Whether what this node says of the container's end counts: it has its data, or has it run."""
    container = configuration.containers.get(name)
    if container is None:
        return False
    grants = [configuration.grants.get(volume.dataset_id) for volume in container.volumes]
    if grants:
        return all(grant is not None and grant.owner == node_id for grant in grants)
    move = move_of_container(configuration, name)
    return node_id == container.node or (move is not None and node_id == move.source)


def noted(configuration: Configuration, name: str, reported: ContainerState) -> Edit:
    """Keep how it ended, or that it runs again; nothing when that is no news."""
    if not news(configuration, name, reported):
        return Edit(configuration)
    ended: Ended | None = None if reported.running else reported.ended
    container = replace(configuration.containers[name], ended=ended)
    return edited(configuration, [Change("containers", name, container)])
