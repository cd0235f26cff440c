"""By which names each container here finds those that run on other nodes; pure.

In a common network Docker's own name server knows the containers of this node. The names of all
others lead to this node, from where the routes of their ports lead on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import chain

from pyrsistent import PMap, pmap

from flocker_lite.model.container_fields.networks import Networks
from flocker_lite.model.records import NodeId
from flocker_lite.model.state import Member, NodeView
from flocker_lite.planner.changes import IStateChange, LeadNames
from flocker_lite.planner.groups import Local
from flocker_lite.planner.routing_plan import serving_here


def plan_names(me: NodeId, view: NodeView, local: Local) -> list[IStateChange]:
    """Lead all names anew where one container's file has others."""
    networked = {
        name: have.container.networks
        for name, have in local.containers.items()
        if have.container.networks
    }
    if not networked:
        return []
    here, members = serving_here(me, view, local), _by_network(view.members)
    desired: PMap[str, tuple[str, ...]] = pmap(
        {name: _elsewhere(name, networks, members, here) for name, networks in networked.items()}
    )
    stale = any(local.names.get(name, ()) != others for name, others in desired.items())
    return [LeadNames(desired)] if stale else []


def _by_network(members: Mapping[str, Member]) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """The names that each container has in each network: its own, and its aliases there."""
    found: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for name, member in members.items():
        for network, aliases in member.networks.items():
            found[network][name] = (name, *aliases)
    return found


def _elsewhere(
    name: str,
    networks: Networks,
    members: Mapping[str, Mapping[str, tuple[str, ...]]],
    here: frozenset[str],
) -> tuple[str, ...]:
    """The names of its neighbours that do not serve here, without those that others here have."""
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for network in networks:
        for other, names in members.get(network, {}).items():
            if other != name:
                found[other in here].update(names)
    own = {name, *chain.from_iterable(networks.values())}
    return tuple(sorted(found[False] - found[True] - own))
