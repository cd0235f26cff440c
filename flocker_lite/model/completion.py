"""Which configuration of a container has run to its end, as pure functions.

The configuration records that a job is done, and not the object that Docker has on some node. So
the record moves with the container, and outlives that object and the node. Changing what the
container is made of makes it run again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, replace
from operator import attrgetter
from typing import Any

from pyrsistent import pmap

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

_BESIDE: Mapping[str, Any] = {
    "node": "",
    "application": None,
    "depends_on": pmap(),
    "restart_policy": RestartPolicy(),
    "failover": None,
    "before_switch": None,
    "after_switch": None,
    "running": True,
    "restart_generation": 0,
    "retry_generation": 0,
    "ended": None,
}
"""The fields that say where, when and for what a container runs, and not of what it is made."""

_fields_made_of = attrgetter(*(each.name for each in fields(Container) if each.name not in _BESIDE))


def is_same(made_from: Container, desired: Container) -> bool:
    """Whether both are made of the same, so that the existing container needs no replacement."""
    return _fields_made_of(made_from) == _fields_made_of(desired)


def made_of(container: Container) -> Container:
    """The fields whose change requires a new container; all others are as in any other one."""
    return replace(container, **_BESIDE)


def digest(container: Container) -> str:
    """A short hash that differs for containers that are made of different things."""
    return hashlib.sha256(codec.dumps(made_of(container)).encode()).hexdigest()[:16]


def revised(before: Container, after: Container) -> Container:
    """The container after an edit, which forgets its end if it is to run anew.

    To run one that was stopped is a restart: so it runs again whatever it did meanwhile.
    """
    if after.running and not before.running:
        return restarted(after)
    return replace(after, ended=before.ended if is_same(before, after) else None)


def is_idle(container: Container) -> bool:
    """Whether nothing is to be started of the container: it is stopped, or has finished."""
    return not container.running or container.ended is not None


def restarted(container: Container) -> Container:
    """The container after a user asked for one more restart."""
    generation = container.restart_generation + 1
    return replace(container, restart_generation=generation, ended=None)


def news(configuration: Configuration, name: str, reported: ContainerState) -> bool:
    """Whether a node reports something about the container's end that we have not recorded yet."""
    container = configuration.containers.get(name)
    if container is None or not is_same(container, reported.container):
        return False
    if reported.container.restart_generation < container.restart_generation:
        return False  # it is about a run before the restart
    if reported.running:
        return container.ended is not None
    return reported.ended is not None and reported.ended != container.ended


def may_tell(configuration: Configuration, name: str, node_id: NodeId) -> bool:
    """Whether to believe this node about the container's end: it owns its data, or runs it."""
    container = configuration.containers.get(name)
    if container is None:
        return False
    grants = [configuration.grants.get(volume.dataset_id) for volume in container.volumes]
    if grants:
        return all(grant is not None and grant.owner == node_id for grant in grants)
    move = move_of_container(configuration, name)
    return node_id == container.node or (move is not None and node_id == move.source)


def noted(configuration: Configuration, name: str, reported: ContainerState) -> Edit:
    """Record how the container ended, or that it runs again; no change when we know it already."""
    if not news(configuration, name, reported):
        return Edit(configuration)
    ended: Ended | None = None if reported.running else reported.ended
    container = replace(configuration.containers[name], ended=ended)
    return edited(configuration, [Change("containers", name, container)])
