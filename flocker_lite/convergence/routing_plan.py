"""Which routes this node should have, and which it cannot have; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pyrsistent import PMap, pmap

from flocker_lite.convergence.changes import IStateChange, ReplaceRoutes
from flocker_lite.convergence.groups import Local, is_on_trial
from flocker_lite.model.records import NodeId
from flocker_lite.model.state import (
    Listener,
    LocalContainer,
    NodeView,
    PortState,
    Relayed,
    Route,
    Rule,
)


def plan_routes(me: NodeId, view: NodeView, local: Local) -> list[IStateChange]:
    """Replace all of them when one differs; a port that a container here publishes has none.

    Nor has one at which other software of this node listens: that keeps its connections. The port
    of a container on trial keeps what it has when the cluster leads it nowhere else.
    """
    wanted: frozenset[Rule] = frozenset(
        route for route in _routes(me, view, local) if route.port not in local.listeners
    )
    wanted |= _kept_away(local, {route.port for route in wanted})
    return [ReplaceRoutes(wanted)] if wanted != local.routes else []


def ports(
    me: NodeId, view: NodeView, local: Local, counts: Mapping[int, PortState]
) -> PMap[str, PortState]:
    """What there is to say of external ports at this node; `counts` are of what is held there."""
    found = {str(port): state for port, state in counts.items() if state != PortState()}
    for route in _routes(me, view, local):
        listener = local.listeners.get(route.port)
        if listener is not None and view.serving.get(route.container) != me:
            count = counts.get(route.port, PortState())
            found[str(route.port)] = PortState(
                count.held, count.held_total, count.refused_total, _in_use(route, listener)
            )
    return pmap(found)


def strangers(
    listeners: Mapping[int, Listener], ours: Iterable[LocalContainer]
) -> PMap[int, Listener]:
    """Those who listen for nobody of ours: Docker does at the ports of our containers."""
    published = {port.external for have in ours for port in have.container.ports}
    return pmap(
        {
            port: listener
            for port, listener in listeners.items()
            if port not in published or not (listener.is_docker or listener.process is None)
        }
    )


def _routes(me: NodeId, view: NodeView, local: Local) -> Iterator[Route]:
    """Those to other nodes, to ports that no container here publishes."""
    here = {
        port.external
        for name, have in local.containers.items()
        if have.has_begun
        and not _is_leaving(me, view, name)
        and not is_on_trial(local, have.container)
        for port in have.container.ports
    }
    return (route for route in view.routes.values() if route.port not in here)


def _kept_away(local: Local, led: set[int]) -> frozenset[Rule]:
    """What keeps connections from containers on trial, where no route `led` them elsewhere."""
    on_trial = {
        port.external
        for have in local.containers.values()
        if have.has_begun and is_on_trial(local, have.container)
        for port in have.container.ports
    }
    kept = on_trial - led
    return frozenset(
        rule for rule in local.routes if rule.port in kept and not isinstance(rule, Relayed)
    )


def _is_leaving(me: NodeId, view: NodeView, name: str) -> bool:
    """One that is wanted elsewhere and is seen to serve there is on its way out."""
    wanted = view.containers.get(name)
    return wanted is not None and wanted.node != me and view.serving.get(name) not in (None, me)


def _in_use(route: Route, listener: Listener) -> str:
    return (
        f"connections to port {route.port} of this node do not get to container "
        f"{route.container}, since the port is in use by {listener} here: stop that, or give the "
        "container another external port"
    )
