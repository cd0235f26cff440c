"""Looks at the containers of a node, at as few as will do."""

from __future__ import annotations

from pyrsistent import PMap

from flocker_lite.convergence.aside_plan import ANY_ASIDE
from flocker_lite.convergence.kept_plan import kept_by_container
from flocker_lite.interfaces import IContainers, IStorage
from flocker_lite.model.state import AsideCopy, Kept, LocalContainer

ONE_BY_ONE_MAX = 4
"""Up to so many containers that changed are looked at each alone; of more, at all in one go."""


async def containers(
    door: IContainers, names: list[str], known: PMap[str, LocalContainer]
) -> PMap[str, LocalContainer]:
    """All containers, of which these may have changed since the rest was `known`."""
    if len(names) > ONE_BY_ONE_MAX:
        return await door.discover()
    for name in names:
        found = await door.look(name)
        known = known.discard(name) if found is None else known.set(name, found)
    return known


async def kept(door: IContainers) -> PMap[str, Kept]:
    """The volumes that are kept, by the containers that they are kept for."""
    return kept_by_container(await door.kept())


async def asides(
    door: IStorage, resources: frozenset[str], known: PMap[str, AsideCopy]
) -> PMap[str, AsideCopy]:
    """What is set aside, of which some may have changed since the rest was `known`."""
    concerned = any(each.startswith(ANY_ASIDE) for each in resources)
    return await door.asides() if concerned else known


def named(prefix: str, resources: frozenset[str]) -> list[str]:
    """What the resources of one kind are called."""
    return sorted(each.removeprefix(prefix) for each in resources if each.startswith(prefix))
