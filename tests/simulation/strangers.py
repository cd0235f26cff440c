"""Nodes whose keys are in the wrong hands: they ask for datasets that were never their own."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from twisted.internet.defer import Deferred

from flocker_lite.errors import PeerRefused
from flocker_lite.interfaces import IGate, Lent, Released
from flocker_lite.model.lease import Role
from flocker_lite.model.records import Configuration, DatasetId, NodeId
from flocker_lite.testing.cluster import MemoryCluster, MemoryNode


@dataclass
class Owners:
    """Which nodes ever held each dataset, or were granted it."""

    known: dict[DatasetId, set[NodeId]] = field(default_factory=dict)

    def note(self, nodes: Iterable[MemoryNode], configuration: Configuration) -> None:
        """As it is at this instant."""
        for dataset_id, grant in configuration.grants.items():
            self.known.setdefault(dataset_id, set()).add(grant.owner)
        for node in nodes:
            for dataset_id, copy in node.storage.copies.items():
                if copy.local.lease is not None and copy.local.lease.role is not Role.REPLICA:
                    self.known.setdefault(dataset_id, set()).add(node.node_id)


def ask_all(cluster: MemoryCluster, owners: Owners) -> tuple[int, list[str]]:
    """Every node asks every other for all of each dataset that was never its own.

    Returns how often that was refused, and, in words, what was not.
    """
    refused, found = 0, []
    by_id = {node.node_id: node for node in cluster.nodes}
    for dataset_id, known in owners.known.items():
        for peer in by_id.keys() - known:
            for target, gate_for in list(cluster.network.gates.items()):
                if target == peer:
                    continue
                configuration = cluster.disk.configuration
                asked = _requests(gate_for(peer), by_id[target], dataset_id, configuration)
                for what, asking in asked.items():
                    outcome: list[Any] = []
                    Deferred.fromCoroutine(cast(Any, asking)).addBoth(outcome.append)
                    if [type(getattr(item, "value", None)) for item in outcome] == [PeerRefused]:
                        refused += 1
                    else:
                        found.append(f"{what} of {dataset_id} at {target} by {peer}: {outcome}")
    return refused, found


def _requests(
    gate: IGate, node: MemoryNode, dataset_id: DatasetId, configuration: Configuration
) -> dict[str, Awaitable[Any]]:
    """What would do the most harm to the copy of the node, if there is one, as it is now."""
    copy = node.storage.copies.get(dataset_id)
    snapshots = copy.local.snapshots if copy is not None else ()
    guid = snapshots[-1].guid if snapshots else "none"
    held = copy.local.lease if copy is not None else None
    epoch = held.epoch if held is not None else 1
    requests: dict[str, Awaitable[Any]] = {
        "copy": gate.copy(dataset_id),
        "receive": gate.may_receive(dataset_id, epoch, guid if snapshots else None),
        "set aside": gate.set_aside(dataset_id),
        "prune": gate.prune(dataset_id, frozenset()),
        "set properties": gate.set_properties(dataset_id, {"sync": "disabled"}),
        "acquire": gate.acquire(dataset_id, epoch + 1, guid),
        "acquire group": gate.acquire_group(dataset_id, (Released(dataset_id, epoch + 1, guid),)),
        "recall": gate.recall((dataset_id,)),
    }
    for name, container in configuration.containers.items():
        if dataset_id in {volume.dataset_id for volume in container.volumes}:
            lent = (Lent(dataset_id, epoch + 1, guid),)
            requests[f"offer {name}"] = gate.offer_loan(name, (dataset_id,), 30)
            requests[f"lend {name}"] = gate.lend(name, lent)
    return requests
