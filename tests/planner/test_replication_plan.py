"""When copies at standbys are due, and what is reported of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pyrsistent import pmap

from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Dataset, Grant, Move, NodeId, Replicas
from flocker_lite.model.replication import Replication, StandbyBase, replication_key
from flocker_lite.model.state import DesiredDataset, LocalDataset, NodeView, Snapshot
from flocker_lite.planner.backoff import Failed
from flocker_lite.planner.groups import Local, groups
from flocker_lite.planner.move_changes import Moved
from flocker_lite.planner.plan import plan
from flocker_lite.planner.replication_changes import ReplicateDatasets, ReviewBases
from flocker_lite.planner.replication_plan import (
    FIRST_SECONDS,
    FORGET_FACTOR,
    MARGIN_FACTOR,
    MARGIN_SECONDS,
    Copies,
    CopyProgress,
    learnt_seconds,
)
from flocker_lite.planner.replication_status import AWAY, LET_GO, replications
from flocker_lite.planner.resources import CopyResource, Resource

ME, STANDBY, OTHER = "node-a", "node-b", "node-c"
D, E = "d1", "d2"
LEASE = Lease(Role.PRIMARY, 3)
KEY = replication_key(D, STANDBY)
RPO = 30.0
DATASET = Dataset(D, ME, replicas=Replicas((STANDBY,), RPO))
DESIRED = DesiredDataset(
    DATASET,
    Grant(ME, 3, materialised=True),
    addresses=pmap({node: f"{node}.example.com" for node in (ME, STANDBY, OTHER)}),
)
HERE = LocalDataset(D, LEASE, True, "/flocker/d1", None, (Snapshot("flocker-lite-3-1", "g1"),))
VIEW = NodeView(pmap({D: DESIRED}))
LOCAL = Local(pmap({D: HERE}))
COPIES = Copies(pmap({KEY: StandbyBase("g1", 100.0)}), now=110.0)


def with_dataset(**changed: Any) -> NodeView:
    """The view in which the dataset is configured otherwise."""
    return NodeView(pmap({D: replace(DESIRED, dataset=replace(DATASET, **changed))}))


def planned(
    view: NodeView = VIEW, local: Local = LOCAL, copies: Copies = COPIES
) -> list[ReplicateDatasets]:
    """What is planned towards standbys."""
    changes = plan(ME, view, local, copies=copies)
    return [change for change in changes if isinstance(change, ReplicateDatasets)]


def test_due_before_the_rpo() -> None:
    """The next set is due so early that it is complete in time; it has resources of its own."""
    [change] = planned()
    assert change.datasets == (Moved(D, LEASE),)
    assert change.address == "node-b.example.com"
    assert change.resources == {CopyResource(D, STANDBY)}
    assert change.due_at == 100.0 + RPO - FIRST_SECONDS * MARGIN_FACTOR - MARGIN_SECONDS
    assert not change.is_seed


def test_learns() -> None:
    """What the last one took counts; a slow one is forgotten bit by bit."""
    [change] = planned(copies=replace(COPIES, took_seconds=pmap({KEY: 8.0})))
    assert change.due_at == 100.0 + RPO - 8.0 * MARGIN_FACTOR - MARGIN_SECONDS
    [late] = planned(copies=replace(COPIES, took_seconds=pmap({KEY: 100.0})))
    assert late.due_at == 100.0
    assert learnt_seconds(None, 3.0) == 3.0
    assert learnt_seconds(10.0, 3.0) == 10.0 * FORGET_FACTOR
    assert learnt_seconds(1.0, 3.0) == 3.0


def test_a_clock_that_was_set_back() -> None:
    """A set that seems to be of the future counts as of now."""
    [change] = planned(copies=replace(COPIES, now=50.0))
    assert change.due_at < 50.0 + RPO


def test_seed() -> None:
    """A standby without a copy gets one at once."""
    [change] = planned(copies=Copies())
    assert change.is_seed
    assert change.due_at == 0.0
    [again] = planned(copies=Copies(pmap({KEY: StandbyBase(None, 100.0, 200.0)})))
    assert again.is_seed


def test_several_standbys_together() -> None:
    """Standbys that are due at about the same time get the same set, so they are due together."""
    view = with_dataset(replicas=Replicas((STANDBY, OTHER), RPO))
    bases = pmap({KEY: StandbyBase("g1", 100.0), replication_key(D, OTHER): StandbyBase("g1", 97)})
    one, other = planned(view, copies=Copies(bases))
    assert one.due_at == other.due_at < 97 + RPO
    apart = bases.set(KEY, StandbyBase("g1", 120.0))
    first, second = planned(view, copies=Copies(apart))
    assert (first.destination, second.destination) == (OTHER, STANDBY)
    assert first.due_at < second.due_at


@pytest.mark.parametrize(
    "view",
    [
        with_dataset(deleted=True),
        with_dataset(primary=STANDBY),
        with_dataset(replicas=None),
        with_dataset(replicas=Replicas((ME,))),
        NodeView(pmap({D: replace(DESIRED, grant=Grant(ME, 2, materialised=True))})),
        NodeView(pmap({D: replace(DESIRED, grant=Grant(OTHER, 4, materialised=True))})),
        NodeView(pmap({D: replace(DESIRED, move=Move("m1", OTHER, ME, 0.0))})),
        NodeView(pmap({D: replace(DESIRED, addresses=pmap())})),
    ],
)
def test_not_now(view: NodeView) -> None:
    """Nothing is sent of what is deleted, moves, or is not known to be this node's; a running
    increment ends.
    """
    assert planned(view) == []
    [going_on] = planned()
    assert going_on.withdrawn_by(view) or view.datasets[D].addresses == pmap() or _is_older(view)
    assert not going_on.withdrawn_by(VIEW)


def _is_older(view: NodeView) -> bool:
    """A grant that is behind only means that the control service does not know yet."""
    return view.datasets[D].grant.epoch < LEASE.epoch


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.PRIMARY])
def test_only_a_primary(role: Role) -> None:
    """No other role sends anything to standbys."""
    going = role in (Role.RELEASING, Role.RELEASED, Role.LENT)
    lease = Lease(role, 3, STANDBY if going else None, 30 if role is Role.LENT else None)
    assert planned(local=Local(pmap({D: replace(HERE, lease=lease)}))) == []


def test_away() -> None:
    """Nothing goes towards a node that is away; the base that is kept for it is looked at."""
    view = replace(VIEW, away=pmap({STANDBY: True}))
    changes = plan(ME, view, LOCAL, copies=COPIES)
    assert [type(change) for change in changes] == [ReviewBases]
    assert plan(ME, view, LOCAL, copies=Copies()) == ()


def reported(
    copies: Copies, away: NodeId | None = None, failed: Failed | None = None
) -> Replication:
    """What is reported of the one copy."""
    view = replace(VIEW, away=pmap({away: True} if away is not None else {}))
    failures: dict[Resource, Failed] = {}
    if failed is not None:
        failures[CopyResource(D, STANDBY)] = failed
    found = replications(ME, groups(view, LOCAL), view, copies, failures)
    return found[KEY]


def test_reports() -> None:
    """The phase says what goes on; the error what keeps it, and when it is tried again."""
    fresh = reported(COPIES)
    assert (fresh.phase, fresh.taken_at) == ("waiting", 100.0)
    seeding = reported(Copies(going_on=pmap({KEY: CopyProgress(True, 5, 100)})))
    assert seeding == replace(
        fresh, phase="seeding", sent_bytes=5, expected_bytes=100, taken_at=None
    )
    failed = reported(COPIES, failed=Failed(2, "no route", 150.0, 4.0))
    assert failed == replace(fresh, phase="blocked", last_error="no route", next_try_at=150.0)
    away = reported(COPIES, away=STANDBY, failed=Failed(2, "no route", 150.0, 4.0))
    assert away == replace(fresh, phase="blocked", last_error=AWAY)
    let_go = reported(Copies(pmap({KEY: StandbyBase(None, 100.0, 200.0)})), away=STANDBY)
    assert let_go.last_error == f"{AWAY}; {LET_GO}"
