"""What runs under a deadline here, and what is planned for what may not run."""

from __future__ import annotations

from dataclasses import replace

from pyrsistent import pmap

from flocker_lite.model.fencing.names import volume_unit
from flocker_lite.model.fencing.primary import Counting
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Container, Dataset, Grant, Volume
from flocker_lite.model.state import (
    ContainerExit,
    DesiredDataset,
    DesiredFencing,
    LocalContainer,
    LocalDataset,
    NodeView,
)
from flocker_lite.planner.changes import (
    HaltContainer,
    IStateChange,
    MountDataset,
    PrepareContainer,
    steps_of,
)
from flocker_lite.planner.deadlines import (
    UnderDeadline,
    mounted_volumes,
    remembered,
    under_deadline,
    without_deadline,
)
from flocker_lite.planner.groups import Local
from flocker_lite.planner.plan import plan

ME, OTHER, STANDBY = "n1", "n2", "n3"
D = "d1"
SHOP = Container("shop", ME, "redis", volumes=(Volume(D, "/data"),))
EPOCHS = pmap({D: 7})
COUNTING = Counting("g", (STANDBY,), 30)


def view(owner: str = ME, node: str = ME, is_fenced: bool = True) -> NodeView:
    """What this node is told: who owns the data, where it should be, and how it is counted."""
    told = DesiredFencing(owner, EPOCHS, "g", (STANDBY,), 30)
    return NodeView(
        pmap({D: DesiredDataset(Dataset(D, node), Grant(owner, 7, True))}),
        pmap({"shop": replace(SHOP, node=node)}),
        fencings=pmap({"shop": told} if is_fenced else {}),
    )


def local(lease: Lease, have: LocalContainer | None = None) -> Local:
    """What this node has."""
    copy = LocalDataset(D, lease, False, "/flocker/d1")
    return Local(pmap({D: copy}), pmap({"shop": have} if have is not None else {}))


PRIMARY, REPLICA = Lease(Role.PRIMARY, 7), Lease(Role.REPLICA, 7)
RUNS = LocalContainer(SHOP, "running", "i1")
ENDED = LocalContainer(
    SHOP, "exited", "i1", last_exit=ContainerExit(137, 1.0, 2.0, by_itself=False)
)


def test_the_owner_counts_its_witnesses() -> None:
    """Also while it hands over: its container runs until the pause begins."""
    expected = UnderDeadline("shop", frozenset({D}), EPOCHS, COUNTING, True)
    for lease in (PRIMARY, Lease(Role.RELEASING, 7, OTHER), Lease(Role.LENT, 8, OTHER, 45)):
        assert under_deadline(ME, view(), local(lease)) == {"shop": expected}


def test_a_destination_gets_renewals_for_the_epoch_that_it_will_have() -> None:
    """Once its source says that the container is about to come."""
    told = view(owner=OTHER)
    assert under_deadline(ME, told, local(REPLICA)) == {}
    (coming,) = under_deadline(ME, told, local(REPLICA), {"shop"}).values()
    on_trial = under_deadline(ME, told, local(Lease(Role.PROBATION, 8)))["shop"]
    acquired = under_deadline(ME, told, local(Lease(Role.PRIMARY, 8)))["shop"]
    assert coming == on_trial == acquired
    assert (coming.epochs, coming.is_owner) == (pmap({D: 8}), False)


def test_what_is_not_fenced_runs_as_long_as_it_likes() -> None:
    """Here, as its owner; not where it was replaced, though nobody tells of a deadline there."""
    assert under_deadline(ME, view(is_fenced=False), local(PRIMARY)) == {}
    unfenced = view(is_fenced=False)
    assert without_deadline(ME, unfenced, local(PRIMARY), {"shop", "blog"}) == {"shop"}
    assert without_deadline(ME, unfenced, local(PRIMARY), ()) == frozenset()
    replaced = view(OTHER, OTHER, False)
    assert without_deadline(ME, replaced, local(PRIMARY), {"shop"}) == frozenset()
    assert without_deadline(ME, view(), local(PRIMARY), {"shop"}) == frozenset()


def planned(barred: bool, unguarded: bool, have: LocalContainer | None) -> list[IStateChange]:
    """The steps for the container and its data."""
    found = replace(
        local(PRIMARY, have),
        barred=frozenset({"shop"} if barred else ()),
        unguarded=frozenset({"shop"} if unguarded else ()),
    )
    changes = plan(ME, view(), found)
    return [step for change in changes for step in steps_of(change)]


def test_nothing_is_started_or_mounted_without_a_renewal() -> None:
    """It is only made ready."""
    kinds = {type(step) for step in planned(True, False, None)}
    assert PrepareContainer in kinds
    assert {kind.__name__ for kind in kinds}.isdisjoint({"StartContainer", "MountDataset"})
    assert planned(True, False, ENDED) == []
    names = [type(step).__name__ for step in planned(False, False, ENDED)]
    assert names == ["MountDataset", "StartContainer"]


def test_what_runs_goes_on_until_its_fence_ends_it() -> None:
    """That a renewal is late stops nothing."""
    assert planned(True, False, RUNS) == [MountDataset(D)]


def test_what_no_fence_would_end_is_stopped() -> None:
    """And kept. After an exit by itself it could stay down for good, so this is none."""
    assert planned(True, True, RUNS) == [HaltContainer("shop", is_exit=False)]
    assert planned(True, False, ENDED) == []


def test_what_was_stopped_is_replaced_where_it_is_configured_anew() -> None:
    """While it waits for its renewal, as well as later."""
    old = replace(ENDED, container=replace(SHOP, image="redis:6"))
    assert planned(True, False, old) == [PrepareContainer("shop", SHOP)]


def volume_view(is_fenced: bool = True) -> NodeView:
    """What this node is told of a volume of Docker's."""
    told = DesiredFencing(ME, EPOCHS, "g", (STANDBY,), 30)
    return NodeView(
        pmap({D: DesiredDataset(Dataset(D, ME), Grant(ME, 7, True))}),
        fencings=pmap({volume_unit(D): told} if is_fenced else {}),
    )


def test_a_volume_is_under_a_deadline_by_itself() -> None:
    """It is mounted once that is renewed, and needs none once nobody tells of one."""
    name = volume_unit(D)
    expected = UnderDeadline(name, frozenset({D}), EPOCHS, COUNTING, True)
    here = local(PRIMARY)
    assert under_deadline(ME, volume_view(), here) == {name: expected}
    assert under_deadline(ME, volume_view(), local(REPLICA)) == {}
    barred = replace(here, barred=frozenset({name}))
    assert plan(ME, volume_view(), barred) == ()
    assert plan(ME, volume_view(), here) == (MountDataset(D),)
    assert without_deadline(ME, volume_view(), here, {name}) == frozenset()
    assert without_deadline(ME, volume_view(is_fenced=False), here, {name}) == {name}


def test_a_volume_that_ours_uses_goes_by_the_deadline_of_that() -> None:
    """Whatever its own deadline was, nothing is to end the container then."""
    told = view(is_fenced=False)
    assert without_deadline(ME, told, local(PRIMARY, RUNS), {volume_unit(D)}) == {volume_unit(D)}
    assert under_deadline(ME, replace(told, fencings=volume_view().fencings), local(PRIMARY)) == {}


def test_a_new_agent_goes_on_with_a_volume_that_is_mounted() -> None:
    """By what it counted last, until it is told something."""
    name, copy = volume_unit(D), LocalDataset(D, PRIMARY, True, "/flocker/d1")
    here = Local(pmap({D: copy}))
    running = mounted_volumes(here, {name, "shop"})
    assert running == {name}
    (kept,) = remembered(here, running, {name: COUNTING, "shop": COUNTING}).values()
    assert (kept.container, kept.epochs, kept.is_owner) == (name, EPOCHS, True)
