"""What becomes of volumes of Docker's whose container is not here any more; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pyrsistent import PMap, pmap
from zope.interface import implementer

from flocker_lite.convergence.changes import ContainerChange, Doors, IStateChange
from flocker_lite.convergence.groups import Local
from flocker_lite.model.state import Kept, KeptVolume, LocalContainer, NodeView


@implementer(IStateChange)
@dataclass(frozen=True)
class RemoveKeptVolumes(ContainerChange):
    """Remove the volumes of Docker's that are kept for a container which the user deleted."""

    name: str

    async def run(self, doors: Doors) -> None:
        await doors.containers.remove_kept(self.name)


def plan_kept(view: NodeView, local: Local) -> list[IStateChange]:
    """Remove what is kept for containers that are said to be deleted.

    That a node is not told of a container any more says nothing: it may be wanted elsewhere.
    """
    return [
        RemoveKeptVolumes(name)
        for name in sorted(local.kept)
        if name in view.deleted and name not in view.containers and name not in local.containers
    ]


def kept_by_container(volumes: Iterable[KeptVolume]) -> PMap[str, Kept]:
    """The same, by the names of the containers that they are kept for."""
    found: dict[str, list[KeptVolume]] = {}
    for each in volumes:
        found.setdefault(each.container, []).append(each)
    return pmap({name: Kept(tuple(each)) for name, each in found.items()})


def may_be_kept(names: Iterable[str], before: Local, now: PMap[str, LocalContainer]) -> bool:
    """Whether what is kept may have changed with these containers, which were looked at."""
    return any(_had_volumes(name, before) != _has_volumes(name, now) for name in names) or any(
        name in before.kept for name in names
    )


def _had_volumes(name: str, before: Local) -> bool:
    return _has_volumes(name, before.containers)


def _has_volumes(name: str, containers: PMap[str, LocalContainer]) -> bool:
    container = containers.get(name)
    return container is not None and bool(container.stays_behind)
