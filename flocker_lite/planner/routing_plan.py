"""Which routes this node should have, and which it cannot have; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pyrsistent import PMap, pmap

from flocker_lite.model.container_fields.ports import port_key
from flocker_lite.model.records import NodeId
from flocker_lite.model.state import (
    Listener,
    LocalContainer,
    NodeView,
    PortState,
    Relayed,
    Route,
    Rule,
    key_of,
)
from flocker_lite.planner.changes import IStateChange, ReplaceRoutes
from flocker_lite.planner.groups import Local, is_handed_out, is_on_trial


def plan_routes(me: NodeId, view: NodeView, local: Local) -> list[IStateChange]:
    """Replace all routes when one differs.

    A port has no route where a container here publishes it, or where a foreign listener uses it:
    that keeps its connections. The port of a container on trial keeps its rule, unless the cluster
    routes it elsewhere.
    """
    desired: frozenset[Rule] = frozenset(
        route for route in _routes(me, view, local) if key_of(route) not in local.listeners
    )
    desired |= _kept_away(local, {key_of(route) for route in desired})
    return [ReplaceRoutes(desired)] if desired != local.routes else []


def ports(
    me: NodeId, view: NodeView, local: Local, counts: Mapping[int, PortState]
) -> PMap[str, PortState]:
    """The reported state of external ports; `counts` are the connections that are held there."""
    found = {port_key(port): state for port, state in counts.items() if state != PortState()}
    for route in _routes(me, view, local):
        key = key_of(route)
        listener = local.listeners.get(key)
        if listener is not None and view.serving.get(route.container) != me:
            count = found.get(key, PortState())
            found[key] = PortState(
                count.held, count.held_total, count.refused_total, _in_use(route, listener)
            )
    return pmap(found)


def foreign_listeners(
    listeners: Mapping[str, Listener], ours: Iterable[LocalContainer]
) -> PMap[str, Listener]:
    """The listeners at ports of no container of ours; Docker listens at the published ports."""
    published = {port.key for have in ours for port in have.container.ports}
    return pmap(
        {
            port: listener
            for port, listener in listeners.items()
            if port not in published or not (listener.is_docker or listener.process is None)
        }
    )


def serving_here(me: NodeId, view: NodeView, local: Local) -> frozenset[str]:
    """The containers that this node leads to itself."""
    return frozenset(
        name
        for name, have in local.containers.items()
        if have.has_begun
        and not _is_leaving(me, view, name)
        and not is_on_trial(local, have.container)
    )


def _routes(me: NodeId, view: NodeView, local: Local) -> Iterator[Route]:
    """The routes to other nodes, without the ports that containers here publish.

    A container that is being adopted is nowhere else, whatever the cluster makes of its trial.
    """
    names = {*serving_here(me, view, local), *(local.containers.keys() & local.adoptions.keys())}
    here = {port.key for name in names for port in local.containers[name].container.ports}
    return (route for route in view.routes.values() if key_of(route) not in here)


def _kept_away(local: Local, led: set[str]) -> frozenset[Rule]:
    """The rules that keep connections from containers on trial, unless the port has a route.

    A plain container that a release tries out is in the place of one of ours.
    """
    on_trial = {
        port.key
        for name, have in local.containers.items()
        if (have.has_begun and is_on_trial(local, have.container)) or is_handed_out(local, name)
        for port in have.container.ports
    }
    kept = on_trial - led
    return frozenset(
        rule for rule in local.routes if key_of(rule) in kept and not isinstance(rule, Relayed)
    )


def _is_leaving(me: NodeId, view: NodeView, name: str) -> bool:
    """Whether the container belongs to another node and is seen to serve there."""
    desired = view.containers.get(name)
    return desired is not None and desired.node != me and view.serving.get(name) not in (None, me)


def _in_use(route: Route, listener: Listener) -> str:
    return (
        f"connections to port {key_of(route)} of this node do not reach container "
        f"{route.container}, because {listener} uses the port here: stop that, or give the "
        "container another external port"
    )
