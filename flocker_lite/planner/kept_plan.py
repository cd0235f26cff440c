"""What to do with Docker volumes that were kept when their container was removed; pure."""

from __future__ import annotations

from collections.abc import Iterable

from pyrsistent import PMap, pmap

from flocker_lite.model.state import Kept, KeptVolume, LocalContainer, NodeView
from flocker_lite.planner.changes import IStateChange, RemoveKeptVolumes
from flocker_lite.planner.groups import Local


def plan_kept(view: NodeView, local: Local) -> list[IStateChange]:
    """Remove the volumes of containers that the user deleted.

    A container that is only missing from the view is no reason: it may have moved away.
    """
    return [
        RemoveKeptVolumes(name)
        for name in sorted(local.kept)
        if name in view.deleted and name not in view.containers and name not in local.containers
    ]


def kept_by_container(volumes: Iterable[KeptVolume]) -> PMap[str, Kept]:
    """The volumes by the name of the container that they are kept for."""
    found: dict[str, list[KeptVolume]] = {}
    for each in volumes:
        found.setdefault(each.container, []).append(each)
    return pmap({name: Kept(tuple(each)) for name, each in found.items()})


def may_be_kept(names: Iterable[str], before: Local, now: PMap[str, LocalContainer]) -> bool:
    """Whether the kept volumes may have changed, now that discovery inspected these containers."""
    return any(_had_volumes(name, before) != _has_volumes(name, now) for name in names) or any(
        name in before.kept for name in names
    )


def _had_volumes(name: str, before: Local) -> bool:
    return _has_volumes(name, before.containers)


def _has_volumes(name: str, containers: PMap[str, LocalContainer]) -> bool:
    container = containers.get(name)
    return container is not None and bool(container.stays_behind)
