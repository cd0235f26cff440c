"""Which containers of an application leave a node together, and in which order; pure.

An application moves as one: its containers on one node that go to the same other node stop at one
instant, so that their data fits together, and have one pause. Each is still a group of its own,
whose handoff is undone or completed by itself after a crash. A container without data serves where
it did until the data of the others has left.
"""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

from flocker_lite.model.records import Container, NodeId
from flocker_lite.model.state import NodeView


def companions(view: NodeView, name: str) -> frozenset[str]:
    """The other containers of its application whose data is on the same way, from node to node."""
    container = view.containers.get(name)
    if container is None or container.application is None:
        return frozenset()
    way = _way(view, container)
    if way is None:
        return frozenset()
    return frozenset(
        other.name
        for other in view.containers.values()
        if other.application is not None
        and other.application.name == container.application.name
        and other.name != name
        and _way(view, other) == way
    )


def awaited(me: NodeId, view: NodeView, name: str) -> str | None:
    """The first container of its application, by name, whose data still comes here from elsewhere.

    None for a container with data, for one that serves nowhere else, and for one that goes
    elsewhere.
    """
    container = view.containers.get(name)
    if container is None or container.application is None or container.volumes:
        return None
    serving = view.serving.get(name)
    if container.node != me or serving in (None, me):
        return None
    arriving = (
        other.name
        for other in view.containers.values()
        if other.application is not None
        and other.application.name == container.application.name
        and _way(view, other) == (serving, me)
    )
    return min(arriving, default=None)


def ranks(view: NodeView, names: Iterable[str]) -> dict[str, int]:
    """How many of these come before each one by `depends_on`, one after the other; 0 for the first.

    They stop in descending order, and start in ascending order. Where they depend on each other in
    a circle, there is no order: all are first.
    """
    among = frozenset(names)
    needs = {
        name: among.intersection(
            view.containers[name].depends_on if name in view.containers else ()
        )
        for name in among
    }
    found: dict[str, int] = {}
    try:
        for name in TopologicalSorter(needs).static_order():
            found[name] = max((found[other] + 1 for other in needs[name]), default=0)
    except CycleError:
        return dict.fromkeys(among, 0)
    return found


def follows_others(view: NodeView, name: str) -> bool:
    """Whether it can be judged only once a companion serves at the destination."""
    container = view.containers.get(name)
    if container is None or not container.depends_on:
        return False
    together = companions(view, name)
    return bool(together) and ranks(view, {name, *together})[name] > 0


def _way(view: NodeView, container: Container) -> tuple[NodeId, NodeId] | None:
    """From where to where the data of a container goes; None when none of it moves."""
    for volume in container.volumes:
        desired = view.datasets.get(volume.dataset_id)
        if desired is not None and desired.grant.owner != desired.dataset.primary:
            return desired.grant.owner, desired.dataset.primary
    return None
