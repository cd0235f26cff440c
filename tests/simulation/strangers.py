"""Nodes whose keys are in the wrong hands: they ask for datasets that were never their own."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from twisted.internet.defer import Deferred

from flocker_lite.errors import PeerRefused
from flocker_lite.interfaces import IPeerService
from flocker_lite.interfaces.peer_requests import (
    Acquire,
    AcquireGroup,
    Copy,
    Lend,
    OfferLoan,
    Prune,
    Recall,
    Receive,
    Released,
    SetAside,
    SetProperties,
    TrialDataset,
)
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
            for target, service_for in list(cluster.network.services.items()):
                if target == peer:
                    continue
                configuration = cluster.disk.configuration
                asked = _requests(service_for(peer), by_id[target], dataset_id, configuration)
                for what, asking in asked.items():
                    outcome: list[Any] = []
                    Deferred.fromCoroutine(cast(Any, asking)).addBoth(outcome.append)
                    if [type(getattr(item, "value", None)) for item in outcome] == [PeerRefused]:
                        refused += 1
                    else:
                        found.append(f"{what} of {dataset_id} at {target} by {peer}: {outcome}")
    return refused, found


def _requests(
    service: IPeerService, node: MemoryNode, dataset_id: DatasetId, configuration: Configuration
) -> dict[str, Awaitable[Any]]:
    """What would do the most harm to the copy of the node, if there is one, as it is now."""
    copy = node.storage.copies.get(dataset_id)
    snapshots = copy.local.snapshots if copy is not None else ()
    guid = snapshots[-1].guid if snapshots else "none"
    held = copy.local.lease if copy is not None else None
    epoch = held.epoch if held is not None else 1
    released = Released(dataset_id, epoch + 1, guid)
    requests: dict[str, Awaitable[Any]] = {
        "copy": service.answer(Copy(dataset_id)),
        "receive": service.answer(Receive(dataset_id, epoch, guid if snapshots else None)),
        "set aside": service.answer(SetAside(dataset_id)),
        "prune": service.answer(Prune(dataset_id, frozenset())),
        "set properties": service.answer(SetProperties(dataset_id, {"sync": "disabled"})),
        "acquire": service.answer(Acquire(dataset_id, epoch + 1, guid)),
        "acquire group": service.answer(AcquireGroup(dataset_id, (released,))),
        "recall": service.answer(Recall((dataset_id,))),
    }
    for name, container in configuration.containers.items():
        if dataset_id in {volume.dataset_id for volume in container.volumes}:
            lent = (TrialDataset(dataset_id, epoch + 1, guid),)
            requests[f"offer {name}"] = service.answer(OfferLoan(name, (dataset_id,), 30))
            requests[f"lend {name}"] = service.answer(Lend(name, lent))
    return requests
