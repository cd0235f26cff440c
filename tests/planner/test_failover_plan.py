"""The planner, for a failover: who is promoted, and what becomes of a copy that comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pyrsistent import pmap

from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.membership import Membership
from flocker_lite.model.records import Container, Dataset, Grant, Volume
from flocker_lite.model.state import (
    ContainerExit,
    DesiredDataset,
    LocalContainer,
    LocalDataset,
    NodeView,
)
from flocker_lite.planner.changes import (
    DemoteDataset,
    IStateChange,
    RemoveContainer,
    SettleDataset,
    StartContainer,
    steps_of,
)
from flocker_lite.planner.failover_changes import Promoted, PromoteDatasets, RejoinDataset
from flocker_lite.planner.groups import Local
from flocker_lite.planner.move_changes import (
    AcquireDatasets,
    CommitDatasets,
    DeliverDatasets,
    GiveBackDatasets,
    Moved,
    ReclaimDatasets,
)
from flocker_lite.planner.plan import plan

ME, OTHER, THIRD = "node-a", "node-b", "node-c"
ADDRESSES = pmap({ME: "10.0.0.1", OTHER: "10.0.0.2", THIRD: "10.0.0.3"})
D, E = "d1", "d2"
SHOP = Container("shop", OTHER, "shop:1", volumes=(Volume(D, "/d"), Volume(E, "/e")))
PRIMARY, REPLICA = Lease(Role.PRIMARY, 7), Lease(Role.REPLICA, 7)
ROLES = {
    Role.PRIMARY: PRIMARY,
    Role.RELEASING: Lease(Role.RELEASING, 7, THIRD),
    Role.LENT: Lease(Role.LENT, 8, THIRD, 45),
    Role.RELEASED: Lease(Role.RELEASED, 8, THIRD),
    Role.PROBATION: Lease(Role.PROBATION, 8),
}
TO_OTHER = Grant(OTHER, 9, True, "g")
TO_ME = Grant(ME, 9, True, "g")


def view(grant: Grant, other: Grant | None = None, container: Container | None = SHOP) -> NodeView:
    """What this node is told: both datasets by this grant, or the second one by another."""
    grants = {D: grant, E: other or grant}
    return NodeView(
        pmap(
            {
                each: DesiredDataset(Dataset(each, held.owner), held, addresses=ADDRESSES)
                for each, held in grants.items()
            }
        ),
        pmap({container.name: container} if container is not None else {}),
    )


def local(*leases: Lease | None, status: str = "", mounted: bool = False) -> Local:
    """The copies here, and a container of that status in Docker."""
    copies = {
        each: LocalDataset(each, lease, mounted, f"/flocker/{each}")
        for each, lease in zip((D, E), leases, strict=True)
    }
    ended = ContainerExit(0, 1.0, 1.0) if status == "exited" else None
    made = {"shop": LocalContainer(SHOP, status, last_exit=ended)} if status else {}
    return Local(pmap(copies), pmap(made), on_trial=frozenset(copies))


def together(found: Local, peer: str, epoch: int) -> Local:
    """The same copies, as parts of a handoff to a node."""
    note = Membership(epoch, peer, D, epoch)
    return replace(
        found, datasets=pmap({k: replace(v, membership=note) for k, v in found.datasets.items()})
    )


def planned(told: NodeView, found: Local) -> list[IStateChange]:
    """The plan of this node."""
    return list(plan(ME, told, found))


GIVEN_UP: dict[Role, list[IStateChange]] = {
    **{
        role: [DemoteDataset(each, ROLES[role], 9) for each in (D, E)]
        for role in (Role.PRIMARY, Role.RELEASING, Role.LENT)
    },
    Role.RELEASED: [SettleDataset(each, ROLES[Role.RELEASED]) for each in (D, E)],
    Role.PROBATION: [
        GiveBackDatasets(tuple(Moved(each, ROLES[Role.PROBATION]) for each in (D, E)), "shop")
    ],
}


@pytest.mark.parametrize("role", ROLES)
def test_a_copy_that_comes_back_is_given_up(role: Role) -> None:
    """In each role: nothing is started, and no unfinished handoff goes on."""
    for found in (local(*[ROLES[role]] * 2), together(local(*[ROLES[role]] * 2), THIRD, 8)):
        assert planned(view(TO_OTHER), found) == GIVEN_UP[role]


@pytest.mark.parametrize("role", ROLES)
def test_its_container_goes_first(role: Role) -> None:
    """Whatever it was doing; giving back what is on trial removes the container itself."""
    first = GIVEN_UP[role] if role is Role.PROBATION else [RemoveContainer("shop")]
    for status in ("running", "exited", "paused"):
        found = local(*[ROLES[role]] * 2, status=status, mounted=True)
        assert planned(view(TO_OTHER), found) == first


@pytest.mark.parametrize("role", ROLES)
def test_a_part_of_the_data_is_enough(role: Role) -> None:
    """A container of which one dataset was granted to another node is not started either."""
    found = local(ROLES[role], Lease(Role.PRIMARY, 7), status="running", mounted=True)
    assert planned(view(TO_OTHER, Grant(ME, 7, True)), found)[0] in (
        RemoveContainer("shop"),
        GiveBackDatasets((Moved(D, ROLES[role]),), "shop"),
    )
    found = local(ROLES[role], ROLES[Role.RELEASING])
    for change in planned(view(TO_OTHER, Grant(ME, 7, True)), found):
        assert not any(isinstance(step, StartContainer) for step in steps_of(change))


def test_the_grant_of_its_own_handoff_replaces_nothing() -> None:
    """What was committed goes on, and what was not is undone, as without a failover."""
    after = Grant(THIRD, 8, True)
    releasing = Lease(Role.RELEASING, 7, THIRD)
    found = together(local(ROLES[Role.RELEASED], releasing), THIRD, 8)
    assert planned(view(after), found) == [CommitDatasets((Moved(E, releasing),), "shop")]
    found = together(local(*[ROLES[Role.RELEASED]] * 2), THIRD, 8)
    assert planned(view(after), found) == GIVEN_UP[Role.RELEASED]


def test_deposed_copies_rejoin() -> None:
    """They are replicas again, for the new primary to send to."""
    held = Lease(Role.DEPOSED, 9)
    assert planned(view(TO_OTHER), local(held, held)) == [
        RejoinDataset(D, held),
        RejoinDataset(E, held),
    ]
    assert planned(view(TO_ME), local(held, held)) == []


def test_a_group_is_promoted_as_one() -> None:
    """All of its datasets, each from the snapshot of its grant."""
    told = view(TO_ME, Grant(ME, 11, True, "h"))
    expected = PromoteDatasets(
        (Promoted(D, REPLICA, 9, "g"), Promoted(E, REPLICA, 11, "h")), "shop"
    )
    assert planned(told, local(REPLICA, REPLICA)) == [expected]
    alone = PromoteDatasets((Promoted(D, REPLICA, 9, "g"),), None)
    found = local(REPLICA, Lease(Role.REPLICA, 9))
    assert planned(view(TO_ME, TO_OTHER, None), found) == [alone]


@pytest.mark.parametrize(
    "told",
    [view(Grant(ME, 9, True)), view(TO_OTHER), view(Grant(ME, 7, True, "g"))],
)
def test_nobody_else_is_promoted(told: NodeView) -> None:
    """Without a snapshot, by the grant of another node, or by an earlier one: nothing."""
    for change in planned(told, local(REPLICA, REPLICA)):
        assert not isinstance(change, PromoteDatasets)


def test_a_promotion_that_was_cut_off() -> None:
    """Once the coordinator is promoted, the others follow it, even without the control service."""
    found = together(local(Lease(Role.PRIMARY, 9), REPLICA), ME, 9)
    follows = AcquireDatasets((Moved(E, REPLICA),), "shop")
    assert planned(view(TO_ME), found) == [follows]
    assert list(plan(ME, NodeView(containers=pmap({"shop": SHOP})), found)) == [follows]


def test_what_is_on_trial_is_given_back_before() -> None:
    """Its source will never release it now."""
    found = local(*[ROLES[Role.PROBATION]] * 2, status="running")
    assert planned(view(TO_ME), found) == GIVEN_UP[Role.PROBATION]


def test_what_arrived_just_before_goes_on() -> None:
    """A release that was under way came first: nothing is lost, only the epoch is later."""
    arrived = Lease(Role.PRIMARY, 8)
    promoted = tuple(Promoted(each, arrived, 9, "g") for each in (D, E))
    for status in ("", "running"):
        found = local(arrived, arrived, status=status, mounted=True)
        assert planned(view(TO_ME), found) == [PromoteDatasets(promoted, "shop", goes_on=True)]


def test_a_primary_that_was_replaced_meanwhile() -> None:
    """It never heard of it, and is to take over again: not with what it alone has."""
    stale = Lease(Role.PRIMARY, 7)
    promoted = tuple(Promoted(each, stale, 9, "g") for each in (D, E))
    running = local(stale, stale, status="running", mounted=True)
    assert planned(view(TO_ME), running) == [RemoveContainer("shop")]
    assert planned(view(TO_ME), local(stale, stale)) == [PromoteDatasets(promoted, "shop")]
    deposed = Lease(Role.DEPOSED, 8)
    assert planned(view(TO_ME), local(deposed, REPLICA)) == [RejoinDataset(D, deposed)]


def test_a_group_that_arrived_in_part_goes_back_as_a_whole() -> None:
    """Its datasets would be of different instants otherwise."""
    arrived = Lease(Role.PRIMARY, 8)
    assert planned(view(TO_ME), local(arrived, REPLICA)) == [
        PromoteDatasets((Promoted(D, arrived, 9, "g"), Promoted(E, REPLICA, 9, "g")), "shop")
    ]


def test_without_the_control_service_handoffs_go_on() -> None:
    """Nothing says that anything was replaced."""
    told = NodeView(containers=pmap({"shop": SHOP}))
    found = local(*[ROLES[Role.RELEASING]] * 2)
    moved = tuple(Moved(each, ROLES[Role.RELEASING]) for each in (D, E))
    assert planned(told, found) == [ReclaimDatasets(moved, "shop")]
    assert not any(isinstance(each, DeliverDatasets) for each in planned(told, found))
