"""Forgetting a node by force, with what is only there, as one pure edit that says what is lost.

Data that another node could go on with is never lost by this: that is failed over first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from flocker_lite.errors import Conflict
from flocker_lite.model.editing import edited, in_turn
from flocker_lite.model.failover_prospects import Facts, weigh
from flocker_lite.model.lease import Role
from flocker_lite.model.machine import Machine
from flocker_lite.model.moves import CANCELLED, DONE, SUPERSEDED, Moment, Subject, call_back, ending
from flocker_lite.model.node_edits import existing_node, forget_node, require_away
from flocker_lite.model.nodes import address_of, is_placeholder
from flocker_lite.model.records import Change, Configuration, DatasetId, Edit, Move, Node, NodeId
from flocker_lite.model.state import DatasetState
from flocker_lite.model.uses import uses_of

_SPARE = (None, Role.REPLICA, Role.DEPOSED)
"""The roles of copies that nobody writes to."""


@dataclass(frozen=True, slots=True)
class LostDataset:
    """A dataset that is lost with a node.

    `other` is the node with the newest other copy, which is destroyed as well; `other_at` is when
    that was as its primary's, in seconds since 1970, as far as known.
    """

    dataset_id: DatasetId
    name: str | None = None
    other: NodeId | None = None
    other_at: float | None = None


@dataclass(frozen=True, slots=True)
class Losses:
    """What is lost with a node."""

    containers: tuple[str, ...] = ()
    datasets: tuple[LostDataset, ...] = ()


def forget_by_force(
    configuration: Configuration,
    where: str,
    connected: Collection[NodeId],
    facts: Facts,
    moment: Moment,
    machines: Mapping[NodeId, Machine] | None = None,
) -> tuple[Edit, Losses]:
    """Forget a node with its containers, and with the datasets that it owns.

    What was to move there stays where it is. Conflict if its agent is connected, or if another node
    can go on with a dataset, or may turn out to.
    """
    node = existing_node(configuration, where)
    require_away(node, connected)
    for move in configuration.moves.values():
        if move.failover is not None and move.source == node.node_id:
            raise Conflict(f"A failover from {node.address} is under way: wait until it is over.")
    lost = frozenset(_owned(configuration, node.node_id))
    _require_nobody_goes_on(configuration, node, lost, facts)
    edit = in_turn(
        configuration,
        partial(_without_moves, node_id=node.node_id, lost=lost, moment=moment),
        partial(_without_what_it_has, node_id=node.node_id, lost=lost),
        lambda before: forget_node(
            before, node.node_id, connected, facts.datasets, moment.now, machines
        ),
    )
    gone = configuration.containers.keys() - edit.configuration.containers.keys()
    datasets = (
        _lost_dataset(configuration, node.node_id, dataset_id, facts) for dataset_id in sorted(lost)
    )
    return edit, Losses(tuple(sorted(gone)), tuple(datasets))


def _owned(configuration: Configuration, node_id: NodeId) -> Iterator[DatasetId]:
    for dataset_id, dataset in configuration.datasets.items():
        if not dataset.deleted and configuration.grants[dataset_id].owner == node_id:
            yield dataset_id


def _require_nobody_goes_on(
    configuration: Configuration, node: Node, lost: Collection[DatasetId], facts: Facts
) -> None:
    for dataset_id in sorted(lost):
        _require_no_other(configuration, node, dataset_id, facts)
    for dataset_id, dataset in configuration.datasets.items():
        owner = configuration.grants[dataset_id].owner
        lease = facts.lease(dataset_id, owner)
        if dataset.deleted or dataset_id in lost or lease is None:
            continue
        if lease.role in (Role.RELEASED, Role.LENT) and lease.peer == node.node_id:
            raise Conflict(
                f"{configuration.nodes[owner].address} has handed dataset {dataset_id} over to "
                f"{node.address}: delete the dataset by name, if it is to be lost."
            )


def _require_no_other(
    configuration: Configuration, node: Node, dataset_id: DatasetId, facts: Facts
) -> None:
    """Conflict if another node has the dataset, or stands by for it."""
    copies = _others(facts, dataset_id, node.node_id)
    for other, copy in copies.items():
        if (copy.lease.role if copy.lease is not None else None) not in _SPARE:
            raise Conflict(
                f"{address_of(configuration, other)} has dataset {dataset_id} as well, and is to "
                "go on with it: wait for its move, or see its claims in state/datasets."
            )
    user = uses_of(configuration).datasets.get(dataset_id)
    what = user or dataset_id
    ready = [each for each, copy in copies.items() if copy.complete_set is not None]
    if ready:
        hosts = ", ".join(sorted(address_of(configuration, each) for each in ready))
        why = weigh(configuration, _group(configuration, dataset_id), None, facts, 0.0).why_not
        but = f" At the moment it cannot: {why} Or delete it by name." if why is not None else ""
        raise Conflict(
            f"{hosts} can go on with {what}: fail over first: flockerctl failover {what} "
            f"--force.{but}"
        )
    replicas = configuration.datasets[dataset_id].replicas
    for standby in replicas.standbys(node.node_id) if replicas is not None else ():
        known = configuration.nodes[standby]
        if standby not in copies and facts.is_away(standby) and not is_placeholder(known):
            raise Conflict(
                f"{known.address} stands by for {what}, and is away as well: wait for it, or "
                "forget it first."
            )


def _group(configuration: Configuration, dataset_id: DatasetId) -> Subject:
    user = uses_of(configuration).datasets.get(dataset_id)
    if user is None:
        return Subject(None, (dataset_id,))
    volumes = configuration.containers[user].volumes
    return Subject(user, tuple(volume.dataset_id for volume in volumes))


def _without_moves(
    configuration: Configuration, node_id: NodeId, lost: Collection[DatasetId], moment: Moment
) -> Edit:
    """End the open moves from the node and to it; what was to come there stays at its source."""
    moves = [m for m in configuration.moves.values() if node_id in (m.source, m.destination)]
    return in_turn(
        configuration,
        *(partial(_without_move, move=m, node_id=node_id, lost=lost, moment=moment) for m in moves),
    )


def _without_move(
    configuration: Configuration,
    move: Move,
    node_id: NodeId,
    lost: Collection[DatasetId],
    moment: Moment,
) -> Edit:
    is_lost = any(dataset_id in lost for dataset_id in move.dataset_ids)
    goes_back = move.destination == node_id and not is_lost and move.source in configuration.nodes
    if move.stays or goes_back:
        return call_back(configuration, move.move_id, CANCELLED, moment)
    # A container without data just starts at its destination.
    verdict = CANCELLED if is_lost or move.destination == node_id else SUPERSEDED
    return edited(configuration, ending(configuration, move, verdict, moment))


def _without_what_it_has(
    configuration: Configuration, node_id: NodeId, lost: Collection[DatasetId]
) -> Edit:
    changes: list[Change] = []
    for container in configuration.containers.values():
        uses_lost = any(volume.dataset_id in lost for volume in container.volumes)
        if container.node == node_id or uses_lost:
            changes.append(Change("containers", container.name, None))
    for dataset_id, dataset in configuration.datasets.items():
        owner = configuration.grants[dataset_id].owner
        if dataset_id in lost:
            gone = replace(dataset, primary=node_id, deleted=True)
            changes.append(Change("datasets", dataset_id, gone))
        elif dataset.primary == node_id and not dataset.deleted:
            changes.append(Change("datasets", dataset_id, replace(dataset, primary=owner)))
    for lease in configuration.leases.values():
        if lease.node == node_id:
            changes.append(Change("leases", lease.dataset_id, None))
    return edited(configuration, changes)


def _lost_dataset(
    configuration: Configuration, node_id: NodeId, dataset_id: DatasetId, facts: Facts
) -> LostDataset:
    name = configuration.datasets[dataset_id].metadata.get("name")
    found = {
        other: _copied_at(configuration, dataset_id, other)
        for other in _others(facts, dataset_id, node_id)
    }
    if not found:
        return LostDataset(dataset_id, name)
    other = max(sorted(found), key=lambda each: found[each] or 0.0)
    return LostDataset(dataset_id, name, other, found[other])


def _copied_at(
    configuration: Configuration, dataset_id: DatasetId, node_id: NodeId
) -> float | None:
    """When the dataset last left the node by a move, which left this copy there."""
    left = (
        past.ended_at
        for past in configuration.past_moves.values()
        if past.verdict == DONE
        and past.move.source == node_id
        and past.move.destination != node_id
        and dataset_id in past.move.dataset_ids
    )
    return max(left, default=None)


def _others(facts: Facts, dataset_id: DatasetId, node_id: NodeId) -> Mapping[NodeId, DatasetState]:
    """The copies of a dataset at other nodes."""
    copies = facts.datasets.get(dataset_id, {})
    return {other: copy for other, copy in copies.items() if other != node_id}
