"""Failover: a standby takes over from a primary that may be dead, as a pure edit.

The grants of all datasets of the group move at once, each two epochs on, with the snapshot from
which the standby is promoted. `failover_prospects` decides whether that is allowed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from flocker_lite.errors import Conflict, Fact
from flocker_lite.model.editing import AlreadyDeleted, edited, existing_container, existing_dataset
from flocker_lite.model.failed_over import FailedOver
from flocker_lite.model.failover_prospects import EPOCHS_SKIPPED, Facts, Prospect, weigh
from flocker_lite.model.moves import SUPERSEDED, Moment, Subject, ending
from flocker_lite.model.open_moves import move_of_container, move_of_dataset
from flocker_lite.model.records import (
    Change,
    Configuration,
    Dataset,
    DatasetId,
    Edit,
    Grant,
    Move,
    NodeId,
)
from flocker_lite.model.uses import uses_of


def container_group(configuration: Configuration, name: str) -> Subject:
    """A container with its datasets; Conflict if it has none."""
    container = existing_container(configuration, name)
    if not container.volumes:
        raise Conflict(
            f"Container {name} has no data, so there is nothing to fail over: configure another "
            "host for it."
        )
    return Subject(name, tuple(volume.dataset_id for volume in container.volumes))


def dataset_group(configuration: Configuration, dataset_id: DatasetId) -> Subject:
    """A dataset by itself; Conflict if a container uses it."""
    if existing_dataset(configuration, dataset_id).deleted:
        raise AlreadyDeleted()
    user = uses_of(configuration).datasets.get(dataset_id)
    if user is not None:
        raise Conflict(
            f"The dataset is being used by the container {user}: fail over the container instead.",
            Fact(f"dataset {dataset_id} is used by container {user}", used_by=user),
        )
    return Subject(None, (dataset_id,))


def fail_over(
    configuration: Configuration,
    group: Subject,
    where: str | None,
    facts: Facts,
    moment: Moment,
    force: bool = False,
    automatic: bool = False,
) -> Edit:
    """Grant the group to a standby, as of two epochs later; Conflict if that is not allowed."""
    prospect = weigh(configuration, group, where, facts, moment.now)
    why = prospect.why_not or (None if force else prospect.needs_force)
    if why is not None:
        raise Conflict(why)
    assert prospect.destination is not None
    assert prospect.set is not None
    assert prospect.loses_seconds is not None
    lost = FailedOver(
        prospect.loses_seconds, prospect.set.taken_at, not prospect.proved_stopped, automatic
    )
    move = Move(
        moment.new_id(),
        prospect.old_primary,
        prospect.destination,
        moment.now,
        group.container,
        group.dataset_ids,
        failover=lost,
    )
    changes = list(_ended(configuration, group, moment))
    for dataset_id in group.dataset_ids:
        changes += _replaced(configuration, dataset_id, prospect)
    if group.container is not None:
        container = configuration.containers[group.container]
        changes.append(
            Change("containers", container.name, replace(container, node=prospect.destination))
        )
    return edited(configuration, [*changes, Change("moves", move.move_id, move)])


def _ended(configuration: Configuration, group: Subject, moment: Moment) -> Iterator[Change]:
    """The open moves of the group are over."""
    open_moves = [move_of_dataset(configuration, each) for each in group.dataset_ids]
    if group.container is not None:
        open_moves.append(move_of_container(configuration, group.container))
    for move in {each.move_id: each for each in open_moves if each is not None}.values():
        yield from ending(configuration, move, SUPERSEDED, moment)


def _replaced(
    configuration: Configuration, dataset_id: DatasetId, prospect: Prospect
) -> Iterator[Change]:
    """The dataset is granted to the destination; the pair of nodes stays a pair."""
    assert prospect.destination is not None
    assert prospect.set is not None
    grant = configuration.grants[dataset_id]
    yield Change(
        "grants",
        dataset_id,
        Grant(
            prospect.destination,
            grant.epoch + EPOCHS_SKIPPED,
            materialised=True,
            snapshot=prospect.set.snapshots[dataset_id],
        ),
    )
    dataset = configuration.datasets[dataset_id]
    yield Change("datasets", dataset_id, _moved(dataset, prospect.old_primary, prospect))
    lease = configuration.leases.get(dataset_id)
    if lease is not None and lease.node != prospect.destination:
        yield Change("leases", dataset_id, None)


def _moved(dataset: Dataset, old_primary: NodeId, prospect: Prospect) -> Dataset:
    assert prospect.destination is not None
    moved, replicas = replace(dataset, primary=prospect.destination), dataset.replicas
    if replicas is None or old_primary in replicas.nodes:
        return moved
    # The old primary stands by from now on; the list may name the new one.
    return replace(moved, replicas=replace(replicas, nodes=(*replicas.nodes, old_primary)))
