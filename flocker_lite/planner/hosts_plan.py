"""By which names each container here finds those that run on other nodes; pure.

In a common network Docker's own name server knows the containers of this node. The names of all
others lead to this node, from where the routes of their ports lead on.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyrsistent import PMap, pmap

from flocker_lite.model.container_fields.networks import Networks
from flocker_lite.model.records import NodeId
from flocker_lite.model.state import NodeView
from flocker_lite.planner.changes import IStateChange, LeadNames
from flocker_lite.planner.groups import Local
from flocker_lite.planner.routing_plan import serving_here


def plan_names(me: NodeId, view: NodeView, local: Local) -> list[IStateChange]:
    """Lead all names anew where one container's file has others."""
    here = serving_here(me, view, local)
    desired: PMap[str, tuple[str, ...]] = pmap(
        {
            name: _elsewhere(name, have.container.networks, view, here)
            for name, have in local.containers.items()
            if have.container.networks
        }
    )
    stale = any(local.names.get(name, ()) != others for name, others in desired.items())
    return [LeadNames(desired)] if stale else []


def _elsewhere(
    name: str, networks: Networks, view: NodeView, here: frozenset[str]
) -> tuple[str, ...]:
    """The names of its neighbours that do not serve here, without those that others here have."""
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for other, member in view.members.items():
        if other != name:
            found[other in here] |= _names(other, member.networks, networks)
    own = _names(name, networks, networks)
    return tuple(sorted(found[False] - found[True] - own))


def _names(
    name: str, networks: Mapping[str, tuple[str, ...]], common: Mapping[str, tuple[str, ...]]
) -> set[str]:
    shared = networks.keys() & common.keys()
    return {each for network in shared for each in (name, *networks[network])}
