"""What a failover would be like: who can take over, what is lost, and what speaks against it; pure.

A standby can take over with a whole snapshot set of the group. Without a person's word it may only
when nobody else can write to the data any more: a durable step of the old primary's lease, which
its connected agent reports, proves that, or a fencing deadline that has passed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from flocker_lite.errors import Conflict, NotFound
from flocker_lite.model.allowance import require_allowed
from flocker_lite.model.lease import Lease, Role, held_epoch
from flocker_lite.model.moves import Subject
from flocker_lite.model.node_edits import require_schedulable
from flocker_lite.model.nodes import find_node, is_placeholder, require_known_where_it_is
from flocker_lite.model.open_moves import move_of_container, move_of_dataset
from flocker_lite.model.records import Configuration, DatasetId, Grant, NodeId
from flocker_lite.model.replicas import REPLICAS_PROTOCOL
from flocker_lite.model.state import DatasetState, SnapshotSet

EPOCHS_SKIPPED = 2
"""A promotion is so many epochs later: a release that may be under way has the one in between."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What agents report, as far as it matters for a failover.

    `datasets` has the copies of each dataset by node. `is_away` tells which agents are not
    connected. `is_served` tells whether a connected node reports that a container serves there.
    `is_fenced` tells whether a node's fencing deadline for a dataset is known to have passed.
    """

    datasets: Mapping[DatasetId, Mapping[NodeId, DatasetState]] = field(default_factory=dict)
    is_away: Callable[[NodeId], bool] = lambda _: True
    is_served: Callable[[str, NodeId], bool] = lambda name, node_id: False
    is_fenced: Callable[[DatasetId, NodeId], bool] = lambda dataset_id, node_id: False

    def lease(self, dataset_id: DatasetId, node_id: NodeId) -> Lease | None:
        """The lease that a node last reported for its copy."""
        state = self.datasets.get(dataset_id, {}).get(node_id)
        return state.lease if state is not None else None


@dataclass(frozen=True, slots=True)
class Prospect:
    """What a failover to `destination` would be like if it happened now.

    `old_primary` is the node that is replaced. `set` is the snapshot set that is promoted.
    `why_not` says why it is not possible, `needs_force` why only a person can want it. The others
    are None where it is not possible.
    """

    old_primary: NodeId
    destination: NodeId | None = None
    set: SnapshotSet | None = None
    loses_seconds: float | None = None
    proved_stopped: bool = False
    why_not: str | None = None
    needs_force: str | None = None

    @property
    def loses_since(self) -> float | None:
        return self.set.taken_at if self.set is not None else None


def weigh(
    configuration: Configuration, group: Subject, where: str | None, facts: Facts, now: float
) -> Prospect:
    """What a failover of the group would be like; to the node `where`, or to the freshest standby.

    Raises UnknownNode if there is no such node.
    """
    case = _Case(configuration, group, facts)
    if (why := case.why_not_now()) is not None:
        return Prospect(case.owner, why_not=why)
    if where is not None:
        destination = find_node(configuration, where)
        found = case.set_at(destination)
        if isinstance(found, str):
            return Prospect(case.owner_but(destination), destination, why_not=found)
    else:
        best = case.best()
        if isinstance(best, str):
            return Prospect(case.owner, why_not=best)
        destination, found = best
    old = case.owner_but(destination)
    proved = case.is_proved(destination)
    return Prospect(
        old,
        destination,
        found,
        max(0.0, now - found.taken_at),
        proved,
        needs_force=None if proved else case.why_force(old),
    )


@dataclass(frozen=True)
class _Case:
    """One group, and everything that is known of it."""

    configuration: Configuration
    group: Subject
    facts: Facts

    @property
    def owner(self) -> NodeId:
        """The node that has the group; where its handoff went half way, the one it leaves."""
        return self._grants()[self.group.dataset_ids[0]].owner

    def owner_but(self, destination: NodeId) -> NodeId:
        """The node that would be replaced by this one."""
        owners = (grant.owner for grant in self._grants().values() if grant.owner != destination)
        return next(owners, destination)

    def why_not_now(self) -> str | None:
        """Why nothing can take over from the primary now, whichever the standby."""
        ids, name = self.group.dataset_ids, self.group.container
        moves = [move_of_dataset(self.configuration, each) for each in ids]
        moves.append(move_of_container(self.configuration, name) if name is not None else None)
        if any(move is not None and move.stays for move in moves):
            return "It is being adopted or released: wait for that, or cancel it."
        for dataset_id in ids:
            grant = self.configuration.grants[dataset_id]
            for node_id, state in self.facts.datasets.get(dataset_id, {}).items():
                lease = state.lease
                if lease is None or self.facts.is_away(node_id):
                    continue
                epoch = held_epoch(lease)
                if epoch is not None and epoch > grant.epoch and node_id != grant.owner:
                    return (
                        f"{self._address(node_id)} says that it holds dataset {dataset_id} as of "
                        f"epoch {epoch}: see the claims in state/datasets."
                    )
        return self._why_wait_for_move()

    def _why_wait_for_move(self) -> str | None:
        """Its handoff is committed or on trial, and its destination can finish it."""
        for dataset_id in self.group.dataset_ids:
            grant = self.configuration.grants[dataset_id]
            lease = self.facts.lease(dataset_id, grant.owner)
            is_going = lease is not None and lease.role in (Role.RELEASED, Role.LENT)
            if lease is None or not is_going or lease.peer is None or lease.epoch <= grant.epoch:
                continue
            if not self.facts.is_away(lease.peer):
                return (
                    f"Its move to {self._address(lease.peer)} is about to end, and that node "
                    "answers: wait for it."
                )
        return None

    def set_at(self, node_id: NodeId) -> SnapshotSet | str:
        """What the node would be promoted from; or why it cannot be, in words."""
        node, where = self.configuration.nodes[node_id], self._address(node_id)
        if self.facts.is_away(node_id):
            return f"The agent of {where} is away."
        if node.protocol < REPLICAS_PROTOCOL and not is_placeholder(node):
            return (
                f"The agent of {where} is too old: it speaks protocol {node.protocol}, and knows "
                f"failovers since protocol {REPLICAS_PROTOCOL}."
            )
        if (why := self._why_not_placed(node_id)) is not None:
            return why
        copies = {
            each: self.facts.datasets.get(each, {}).get(node_id) for each in self.group.dataset_ids
        }
        for dataset_id, copy in copies.items():
            if copy is None or copy.lease is None:
                return f"{where} has no copy of dataset {dataset_id}."
            grant = self.configuration.grants[dataset_id]
            if copy.lease.role is Role.PRIMARY and grant.owner == node_id:
                if self.owner_but(node_id) == node_id:
                    return f"{where} is the primary already."
                continue
            if copy.lease.role is not Role.REPLICA:
                return f"The copy of dataset {dataset_id} at {where} is {copy.lease.role.value}."
        return self._complete_set(node_id, copies)

    def _complete_set(
        self, node_id: NodeId, copies: Mapping[DatasetId, DatasetState | None]
    ) -> SnapshotSet | str:
        where = self._address(node_id)
        sets = [copy.complete_set for copy in copies.values() if copy is not None]
        found = sets[0]
        if found is None or any(each != found for each in sets):
            return f"{where} has no complete snapshot set of all of its data yet."
        if not found.snapshots.keys() >= set(self.group.dataset_ids):
            return f"The snapshot set at {where} lacks data that was added since."
        first = min(self.group.dataset_ids)
        if found.epoch < self._oldest_epoch(self.configuration.grants[first], node_id):
            return (
                f"The snapshot set at {where} is of epoch {found.epoch}, from before another node "
                "took over."
            )
        return found

    def _oldest_epoch(self, grant: Grant, node_id: NodeId) -> int:
        """What was taken in an earlier epoch may be from another line than the owner's.

        A handoff goes on with the line, a promotion may leave a part of it behind. A node that was
        granted the dataset, and could not be promoted from one set, may be promoted from another.
        """
        if grant.snapshot is None:
            return grant.epoch - 1
        return grant.epoch - EPOCHS_SKIPPED - 1 if grant.owner == node_id else grant.epoch

    def _why_not_placed(self, node_id: NodeId) -> str | None:
        """Why the container may not run on the node, as for any other way to put it there."""
        try:
            require_schedulable(self.configuration, node_id)
            if self.group.container is not None:
                container = self.configuration.containers[self.group.container]
                there = replace(container, node=node_id)
                require_known_where_it_is(self.configuration, there)
                if container.node != node_id:
                    require_allowed(self.configuration.nodes[node_id], there)
        except (Conflict, NotFound) as error:
            return str(error)
        return None

    def best(self) -> tuple[NodeId, SnapshotSet] | str:
        """The standby with the freshest set; or why there is none, in words."""
        found: list[tuple[int, float, NodeId, SnapshotSet]] = []
        why: dict[NodeId, str] = {}
        for node_id in self._standbys():
            kept = self.set_at(node_id)
            if isinstance(kept, str):
                why[node_id] = kept
            else:
                found.append((kept.epoch, kept.taken_at, node_id, kept))
        if not found:
            return " ".join(why.values()) or "No other node has a copy: there is no standby."
        _, _, node_id, kept = max(found, key=lambda each: each[:3])
        return node_id, kept

    def _standbys(self) -> list[NodeId]:
        """The nodes that are to stand by, and the others that have a copy of the first dataset."""
        first = self.group.dataset_ids[0]
        replicas, owner = self.configuration.datasets[first].replicas, self.owner
        named = replicas.nodes if replicas is not None else ()
        holders = sorted(self.facts.datasets.get(first, {}))
        known = (node_id for node_id in (*named, *holders) if node_id in self.configuration.nodes)
        pending = self._is_pending(owner)
        return [each for each in dict.fromkeys(known) if each != owner or pending]

    def _is_pending(self, owner: NodeId) -> bool:
        """Whether the owner was granted the group, and is not promoted yet."""
        first = self.group.dataset_ids[0]
        lease = self.facts.lease(first, owner)
        is_granted = self.configuration.grants[first].snapshot is not None
        return is_granted and lease is not None and lease.role is Role.REPLICA

    def is_proved(self, destination: NodeId) -> bool:
        """Whether nobody but the destination can write to any of the datasets, for certain."""
        return all(self._is_stopped(each, destination) for each in self.group.dataset_ids)

    def _is_stopped(self, dataset_id: DatasetId, destination: NodeId) -> bool:
        grant = self.configuration.grants[dataset_id]
        if grant.owner == destination:
            return True
        if self.facts.is_fenced(dataset_id, grant.owner):
            return True
        lease = self.facts.lease(dataset_id, grant.owner)
        if self.facts.is_away(grant.owner) or lease is None:
            return False
        if lease.role is Role.DEPOSED:
            return True
        # A later epoch is another node's; and who was just promoted may not have said so yet.
        is_own = lease.epoch <= grant.epoch and grant.snapshot is None
        return lease.role is Role.REPLICA and is_own

    def why_force(self, old: NodeId) -> str:
        """Why only a person can want it, in words."""
        where, name = self._address(old), self.group.container
        if not self.facts.is_away(old) and self._is_healthy(old):
            return (
                f"{where} is connected and has it: move it instead, so that nothing is lost. With "
                '"force" it fails over all the same.'
            )
        what = f"container {name}" if name is not None else f"dataset {self.group.dataset_ids[0]}"
        state = "away" if self.facts.is_away(old) else "connected, but has trouble"
        return (
            f"Nothing proves that {what} is stopped at {where}, whose agent is {state}: two nodes "
            "could write at once, and what clients are acknowledged there is lost here. Make sure "
            'that it is off, then say "force".'
        )

    def _is_healthy(self, old: NodeId) -> bool:
        states = [self.facts.datasets.get(each, {}).get(old) for each in self.group.dataset_ids]
        has_it = all(state is not None and state.error is None for state in states)
        name = self.group.container
        if name is None or not self.configuration.containers[name].running:
            return has_it
        return has_it and self.facts.is_served(name, old)

    def _grants(self) -> Mapping[DatasetId, Grant]:
        return {each: self.configuration.grants[each] for each in self.group.dataset_ids}

    def _address(self, node_id: NodeId) -> str:
        node = self.configuration.nodes.get(node_id)
        return node.address if node is not None else f"node {node_id}"
