"""Which snapshots a node destroys by itself, and when."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pyrsistent import pmap

from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Dataset, Grant, Move, Replicas
from flocker_lite.model.replication import StandbyBase, replication_key
from flocker_lite.model.snapshot_sets import SnapshotSet
from flocker_lite.model.state import DesiredDataset, LocalDataset, NodeView, Snapshot
from flocker_lite.planner.groups import Local
from flocker_lite.planner.plan import plan
from flocker_lite.planner.pruning_plan import UNNEEDED_SECONDS
from flocker_lite.planner.replication_changes import PruneSnapshots
from flocker_lite.planner.replication_plan import Copies
from flocker_lite.planner.resources import DatasetResource

ME, OWNER, OTHER = "node-a", "node-b", "node-c"
D = "d1"
SNAPSHOTS = tuple(Snapshot(f"flocker-lite-3-{number}", f"g{number}") for number in range(1, 5))
OLDER, BASE, NEWER, _NEWEST = SNAPSHOTS
DATASET = Dataset(D, ME)
MINE = DesiredDataset(DATASET, Grant(ME, 3, materialised=True), bases=pmap({OTHER: BASE.guid}))
OTHERS = replace(MINE, dataset=replace(DATASET, primary=OWNER), grant=Grant(OWNER, 3, True))
COPIES = Copies(now=100.0)


def planned(
    desired: DesiredDataset, role: Role = Role.PRIMARY, copies: Copies = COPIES
) -> tuple[PruneSnapshots, ...]:
    """What is planned to be destroyed."""
    here = LocalDataset(D, Lease(role, 3), True, "/flocker/d1", None, SNAPSHOTS)
    changes = plan(ME, NodeView(pmap({D: desired})), Local(pmap({D: here})), copies=copies)
    return tuple(change for change in changes if isinstance(change, PruneSnapshots))


def replicated(desired: DesiredDataset, *standbys: str) -> DesiredDataset:
    """The same with these standbys."""
    return replace(desired, dataset=replace(desired.dataset, replicas=Replicas(standbys)))


@pytest.mark.parametrize(
    ("desired", "role"),
    [
        (MINE, Role.PRIMARY),
        (replicated(MINE, ME), Role.PRIMARY),
        (OTHERS, Role.REPLICA),
        (replicated(OTHERS, OTHER), Role.REPLICA),
    ],
)
def test_no_push_is_to_come(desired: DesiredDataset, role: Role) -> None:
    """What is neither the newest nor the end of another copy goes, a while after that is seen."""
    [change] = planned(desired, role)
    assert change.snapshots == (OLDER, NEWER)
    assert change.due_at == 100.0 + UNNEEDED_SECONDS
    assert change.resources == {DatasetResource(D)}
    since = pmap({OLDER.guid: 20.0, NEWER.guid: 50.0})
    [later] = planned(desired, role, replace(COPIES, unneeded_since=since))
    assert later.due_at == 50.0 + UNNEEDED_SECONDS


@pytest.mark.parametrize(
    ("desired", "role"),
    [
        (replicated(MINE, OTHER), Role.PRIMARY),
        (replace(MINE, move=Move("m1", ME, OTHER, 0.0)), Role.PRIMARY),
        (replace(MINE, dataset=replace(DATASET, primary=OTHER)), Role.PRIMARY),
        (replace(MINE, dataset=replace(DATASET, deleted=True)), Role.PRIMARY),
        (replicated(OTHERS, ME), Role.REPLICA),
        (replace(OTHERS, move=Move("m1", OWNER, ME, 0.0)), Role.REPLICA),
        (replace(OTHERS, dataset=replace(DATASET, primary=ME)), Role.REPLICA),
        (replace(OTHERS, grant=Grant(ME, 4, True)), Role.REPLICA),
        (OTHERS, Role.DEPOSED),
    ],
)
def test_a_push_is_to_come(desired: DesiredDataset, role: Role) -> None:
    """A push prunes by itself."""
    assert planned(desired, role) == ()


def test_a_standby_that_is_not_heard_of() -> None:
    """Only the primary knows what such a standby needs, so a replica keeps all."""
    assert planned(replicated(replace(OTHERS, bases=pmap()), OTHER), Role.REPLICA) == ()


def test_own_notes() -> None:
    """The set that is complete here is kept; what it noted as a primary is of the past."""
    sets = pmap({D: SnapshotSet(3, 5.0, pmap({D: NEWER.guid}))})
    bases = pmap({replication_key(D, OTHER): StandbyBase(OLDER.guid, 5.0)})
    copies = replace(COPIES, sets=sets, bases=bases)
    [change] = planned(replicated(OTHERS, OTHER), Role.REPLICA, copies)
    assert change.snapshots == (OLDER,)


def test_a_standby_that_was_taken_out() -> None:
    """What was sent to it last is not in use any more, unless it says that it has that."""
    copies = replace(COPIES, in_use=pmap({replication_key(D, OTHER): frozenset({NEWER.guid})}))
    [change] = planned(MINE, copies=copies)
    assert change.snapshots == (OLDER, NEWER)
