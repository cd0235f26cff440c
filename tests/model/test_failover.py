"""Failovers as edits: who may take over, what proves that the old primary stopped, what follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pyrsistent import pmap

from flocker_lite.errors import Conflict
from flocker_lite.model.failover_edits import container_group, dataset_group, fail_over
from flocker_lite.model.failover_prospects import Facts, Prospect, weigh
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.moves import Moment
from flocker_lite.model.records import (
    Configuration,
    Container,
    Dataset,
    Grant,
    Node,
    UserLease,
    Volume,
)
from flocker_lite.model.replicas import Replicas
from flocker_lite.model.state import DatasetState, SnapshotSet

A, B, C = "node-a", "node-b", "node-c"
D = "d1"
NOW = 1000.0
REPLICA = Lease(Role.REPLICA, 7)
OWNED = Grant(A, 7, True)
SHOP = Container("shop", A, "shop:1", volumes=(Volume(D, "/data"),))


def configuration(grant: Grant = OWNED, **changed: Any) -> Configuration:
    """Three nodes, and a container with a dataset on the first."""
    nodes = {A: "10.0.0.1", B: "10.0.0.2", C: "10.0.0.3"}
    return Configuration(
        nodes=pmap({each: Node(each, address, protocol=2) for each, address in nodes.items()}),
        datasets=pmap({D: Dataset(D, A, replicas=Replicas((A, B)))}),
        containers=pmap({"shop": SHOP}),
        grants=pmap({D: grant}),
        **changed,
    )


def taken(seconds_ago: float, epoch: int = 7, guid: str = "g") -> SnapshotSet:
    return SnapshotSet(epoch, NOW - seconds_ago, pmap({D: guid}))


def facts(away: str = "", fenced: str = "", **copies: tuple[Lease, SnapshotSet | None]) -> Facts:
    """What the nodes report, by their letters; the agents of `away` are not connected."""
    reports: Mapping[str, DatasetState] = {
        f"node-{letter}": DatasetState(D, lease, complete_set=found)
        for letter, (lease, found) in copies.items()
    }
    return Facts(
        {D: reports},
        lambda node_id: node_id[-1] in away,
        lambda name, node_id: True,
        lambda dataset_id, node_id: node_id[-1] in fenced,
    )


def weighed(known: Facts, where: str | None = None, grant: Grant = OWNED) -> Prospect:
    found = configuration(grant)
    return weigh(found, container_group(found, "shop"), where, known, NOW)


PRIMARY = (Lease(Role.PRIMARY, 7), None)


def test_the_freshest_set() -> None:
    """Of the standbys, and of whoever else has a copy, the one that loses least."""
    known = facts("a", a=PRIMARY, b=(REPLICA, taken(9)), c=(REPLICA, taken(3)))
    assert weighed(known).destination == C
    assert weighed(known).loses_seconds == 3
    assert weighed(known, B).loses_seconds == 9
    later = facts("a", a=PRIMARY, b=(REPLICA, taken(9)), c=(REPLICA, taken(3, epoch=6)))
    assert weighed(later).destination == B
    without_c = facts("ac", a=PRIMARY, b=(REPLICA, taken(9)), c=(REPLICA, taken(3)))
    assert weighed(without_c).destination == B


def test_no_standby() -> None:
    """Then it says why, for each that could be one."""
    why = weighed(facts("a", a=PRIMARY, b=(REPLICA, None))).why_not
    assert why == "10.0.0.2 has no complete snapshot set of all of its data yet."


@pytest.mark.parametrize(
    ("lease", "grant", "is_proof"),
    [
        (Lease(Role.DEPOSED, 9), Grant(A, 7, True), True),
        (Lease(Role.REPLICA, 7), Grant(A, 7, True), True),
        # It was granted this epoch, and may be primary by now.
        (Lease(Role.REPLICA, 5), Grant(A, 7, True, "g"), False),
        # Somebody else has a later epoch.
        (Lease(Role.REPLICA, 8), Grant(A, 7, True), False),
        (Lease(Role.RELEASED, 8, C), Grant(A, 7, True), False),
        (Lease(Role.LENT, 8, C, 45), Grant(A, 7, True), False),
        (Lease(Role.RELEASING, 7, C), Grant(A, 7, True), False),
        (Lease(Role.PRIMARY, 7), Grant(A, 7, True), False),
    ],
)
def test_what_proves_that_it_stopped(lease: Lease, grant: Grant, is_proof: bool) -> None:
    """A durable step of the lease, told by its connected agent; never one that was told once."""
    known: dict[str, Any] = {"a": (lease, None), "b": (REPLICA, taken(1))}
    assert weighed(facts("c", **known), B, grant).proved_stopped == is_proof
    assert not weighed(facts("ac", **known), B, grant).proved_stopped
    assert weighed(facts("ac", fenced="a", **known), B, grant).proved_stopped


def test_it_is_granted_to_the_standby_already() -> None:
    """Nobody else may write then; from which snapshot it goes on may change."""
    known = facts("a", a=PRIMARY, b=(REPLICA, taken(1, guid="h")))
    assert weighed(known, B, Grant(B, 9, True, "g")).proved_stopped
    assert weighed(known, None, Grant(B, 9, True, "g")).destination == B


def test_somebody_else_holds_it() -> None:
    """A later epoch that nobody could verify has to be settled first, even by force."""
    known = facts("a", a=PRIMARY, b=(REPLICA, taken(1)), c=(Lease(Role.PRIMARY, 8), None))
    why = weighed(known, B).why_not
    assert why is not None
    assert "10.0.0.3 says that it holds dataset d1 as of epoch 8" in why


def test_a_primary_that_was_replaced() -> None:
    """It has to give up what it had before it can take over again."""
    known = facts("b", a=(Lease(Role.PRIMARY, 7), taken(9)), b=(Lease(Role.PRIMARY, 9), None))
    assert weighed(known, A, Grant(B, 9, True, "g")).why_not == (
        "The copy of dataset d1 at 10.0.0.1 is primary."
    )


def moment() -> Moment:
    return Moment(NOW, lambda: "m1")


def test_the_edit() -> None:
    """The grant, the primary, the container and the move change at once."""
    before = configuration(leases=pmap({D: UserLease(D, A)}))
    known = facts("a", a=PRIMARY, b=(REPLICA, taken(9)))
    group = container_group(before, "shop")
    with pytest.raises(Conflict, match="Nothing proves"):
        fail_over(before, group, None, known, moment())
    after = fail_over(before, group, None, known, moment(), force=True).configuration
    assert after.grants[D] == Grant(B, 9, True, "g")
    assert after.datasets[D].primary == after.containers["shop"].node == B
    assert after.leases == pmap()
    move = after.moves["m1"]
    assert (move.source, move.destination, move.dataset_ids) == (A, B, (D,))
    assert move.failover is not None
    assert (move.failover.loses_seconds, move.failover.forced) == (9, True)


def test_a_dataset_of_a_container() -> None:
    """It fails over with the container, not by itself."""
    with pytest.raises(Conflict, match="fail over the container instead"):
        dataset_group(configuration(), D)
