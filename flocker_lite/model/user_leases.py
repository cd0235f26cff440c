"""Users' leases: a leased dataset stays where it is, whatever the configuration says.

The configuration may change meanwhile; agents carry it out once the lease is over.
"""

from __future__ import annotations

from dataclasses import replace

from flocker_lite.errors import Conflict, Fact, NotFound
from flocker_lite.model.editing import (
    AlreadyDeleted,
    edited,
    existing_dataset,
)
from flocker_lite.model.nodes import find_node
from flocker_lite.model.records import (
    Change,
    Configuration,
    Container,
    Dataset,
    DatasetId,
    Edit,
    NodeId,
    UserLease,
)
from flocker_lite.model.uses import uses_of


def is_over(lease: UserLease, now: float) -> bool:
    """Whether the lease has ended; `now` is in seconds since 1970."""
    return lease.expires_at is not None and lease.expires_at <= now


def current_lease(
    configuration: Configuration, dataset_id: DatasetId, now: float
) -> UserLease | None:
    """The dataset's lease, unless it has ended; None when there is none."""
    lease = configuration.leases.get(dataset_id)
    return None if lease is None or is_over(lease, now) else lease


def acquire_lease(configuration: Configuration, lease: UserLease, now: float) -> Edit:
    """Lease a dataset to a node, or renew the lease; its expiry is replaced.

    `lease.node` may be an address. Conflict when another node has a lease on the dataset.
    """
    if existing_dataset(configuration, lease.dataset_id).deleted:
        raise AlreadyDeleted()
    lease = replace(lease, node=find_node(configuration, lease.node))
    current = current_lease(configuration, lease.dataset_id, now)
    if current is not None and current.node != lease.node:
        holder = configuration.nodes.get(current.node)
        where = current.node if holder is None else holder.address
        raise Conflict(
            "Lease already held.",
            Fact(f"{where} has the lease: release it first", ("node_uuid",), lease.node),
        )
    return edited(configuration, [Change("leases", lease.dataset_id, lease)])


def release_lease(configuration: Configuration, dataset_id: DatasetId, now: float) -> Edit:
    """End a lease, whoever has it; NotFound when there is none."""
    if current_lease(configuration, dataset_id, now) is None:
        raise NotFound("Lease not found.")
    return edited(configuration, [Change("leases", dataset_id, None)])


def drop_lease_when_over(configuration: Configuration, dataset_id: DatasetId, now: float) -> Edit:
    """Remove a lease that has ended; no change when it was renewed or released."""
    if current_lease(configuration, dataset_id, now) is not None:
        return Edit(configuration)
    return edited(configuration, [Change("leases", dataset_id, None)])


def held_dataset(configuration: Configuration, dataset: Dataset) -> Dataset:
    """The dataset as agents should treat it now: it stays where it is while a lease holds it."""
    node = _held_at(configuration, datasets_along_with(configuration, dataset.dataset_id))
    return dataset if node is None else replace(dataset, primary=node, deleted=False)


def held_container(configuration: Configuration, container: Container) -> Container:
    """The container as agents should treat it now: it stays with a dataset that a lease holds."""
    node = _held_at(configuration, tuple(volume.dataset_id for volume in container.volumes))
    return container if node is None else replace(container, node=node)


def datasets_along_with(
    configuration: Configuration, dataset_id: DatasetId
) -> tuple[DatasetId, ...]:
    """The dataset, and the other datasets of its container, which move along with it."""
    name = uses_of(configuration).datasets.get(dataset_id)
    if name is None:
        return (dataset_id,)
    return tuple(volume.dataset_id for volume in configuration.containers[name].volumes)


def _held_at(configuration: Configuration, together: tuple[DatasetId, ...]) -> NodeId | None:
    """Where a lease holds these datasets; a lease for a node that is not owner holds nothing."""
    for dataset_id in together:
        lease = configuration.leases.get(dataset_id)
        grant = configuration.grants.get(dataset_id)
        if lease is not None and grant is not None and lease.node == grant.owner:
            return grant.owner
    return None
