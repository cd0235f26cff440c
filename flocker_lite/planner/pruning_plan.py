"""Which snapshots a node destroys by itself, because no push will; pure.

A push prunes at both ends as far as it gets, and the next one does the rest. Where none is to come,
the node does it: a primary that has no standby any more, and a replica at a node that is not among
the standbys. It waits until nobody has needed them for a while: after a restart of the control
service, say, the nodes tell one after the other which snapshot they need.
"""

from __future__ import annotations

from flocker_lite.model.increments import prunable
from flocker_lite.model.lease import Role
from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.model.replication import replication_key
from flocker_lite.model.state import DesiredDataset, Snapshot
from flocker_lite.planner.groups import Group, GroupDataset
from flocker_lite.planner.replication_changes import PruneSnapshots
from flocker_lite.planner.replication_plan import Copies, is_at_rest, standbys_of

UNNEEDED_SECONDS = 60.0
"""Nobody has needed a snapshot for so long before it is destroyed; a failure is repeated then."""


def plan_pruning(me: NodeId, group: Group, copies: Copies) -> list[PruneSnapshots]:
    """A change for each dataset of the group with snapshots that nobody needs."""
    if group.trouble is not None or group.tied:
        return []
    return [
        PruneSnapshots(dataset.dataset_id, found, _since(found, copies) + UNNEEDED_SECONDS)
        for dataset in group.datasets
        if (found := unneeded(me, dataset, copies))
    ]


def _since(snapshots: tuple[Snapshot, ...], copies: Copies) -> float:
    return max(copies.unneeded_since.get(each.guid, copies.now) for each in snapshots)


def unneeded(me: NodeId, dataset: GroupDataset, copies: Copies) -> tuple[Snapshot, ...]:
    """The snapshots of the copy here that nobody needs, if no push is to come that prunes them."""
    desired, local = dataset.desired, dataset.local
    if desired is None or local is None or not _is_left_alone(me, dataset):
        return ()
    if dataset.role is Role.PRIMARY:
        keep = needed(dataset.dataset_id, desired, local.snapshots, copies)
    else:
        # What it noted of its standbys, when it was the primary, is out of date.
        complete = copies.sets.get(dataset.dataset_id)
        own = complete.snapshots.values() if complete is not None else ()
        keep = frozenset({*desired.bases.values(), *own})
    return prunable(local.snapshots, keep)


def _is_left_alone(me: NodeId, dataset: GroupDataset) -> bool:
    """Whether no push from or to this node is to come, and all who need a snapshot are known."""
    desired, standbys = dataset.desired, standbys_of(dataset)
    if dataset.role is Role.PRIMARY:
        return not standbys and is_at_rest(me, dataset)
    if dataset.role is not Role.REPLICA or desired is None or desired.dataset.deleted:
        return False
    if desired.move is not None or me in (desired.grant.owner, desired.dataset.primary, *standbys):
        return False
    # What a standby needs that is away is known to the primary alone.
    return all(standby in desired.bases for standby in standbys)


def needed(
    dataset_id: DatasetId,
    desired: DesiredDataset | None,
    snapshots: tuple[Snapshot, ...],
    copies: Copies,
) -> frozenset[str]:
    """The guids of the `snapshots` from which increments to other nodes' copies start.

    They are those that other nodes report, and those that standbys are known to have, reachable or
    not, but for the ones that were let go of. A standby's report may be older than what is known.
    """
    replicas = desired.dataset.replicas if desired is not None else None
    keys = {
        node_id: replication_key(dataset_id, node_id)
        for node_id in (replicas.nodes if replicas is not None else ())
    }
    noted = {node: copies.bases[key] for node, key in keys.items() if key in copies.bases}
    places = {each.guid: place for place, each in enumerate(snapshots)}
    found = {guid for key in keys.values() for guid in copies.in_use.get(key, ())}
    found |= {base.guid for base in noted.values() if base.guid is not None}
    for node_id, guid in desired.bases.items() if desired is not None else ():
        known = noted.get(node_id)
        is_let_go = known is not None and known.guid is None
        known_place = places.get(known.guid or "", -1) if known is not None else -1
        if not is_let_go and places.get(guid, -1) >= known_place:
            found.add(guid)
    return frozenset(found)
