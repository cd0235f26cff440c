"""The planner, for datasets that move as one: what was cut off follows the coordinator."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrsistent import pmap

from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.membership import Membership
from flocker_lite.model.records import Container, Dataset, Grant, HealthCheck, Volume
from flocker_lite.model.state import DesiredDataset, LocalContainer, LocalDataset, NodeView
from flocker_lite.planner.changes import (
    DeleteDataset,
    IStateChange,
    MountDataset,
    RemoveContainer,
    Sequence,
    SettleDataset,
)
from flocker_lite.planner.groups import Local
from flocker_lite.planner.move_changes import (
    AcquireDatasets,
    CommitDatasets,
    DeliverDatasets,
    GiveBackDatasets,
    HandoffDatasets,
    Moved,
    RecallDatasets,
    ReclaimDatasets,
)
from flocker_lite.planner.plan import plan
from flocker_lite.planner.status import NodeFacts, report

ME, OTHER, THIRD = "node-a", "node-b", "node-c"
ADDRESSES = pmap({ME: "10.0.0.1", OTHER: "10.0.0.2", THIRD: "10.0.0.3"})
FIRST, SECOND, LAST = "d1", "d2", "d3"
"""FIRST coordinates; each is at an epoch of its own."""
EPOCHS = {FIRST: 7, SECOND: 3, LAST: 5}
CHECK = HealthCheck(command=("true",))
SHOP = Container(
    "shop", OTHER, "shop:1", volumes=tuple(Volume(each, f"/{each}") for each in EPOCHS)
)


def at(role: Role, dataset_id: str) -> Lease:
    """What a dataset's lease is in this role, in the handoff from ME to OTHER."""
    epoch = EPOCHS[dataset_id]
    match role:
        case Role.RELEASING:
            return Lease(role, epoch, OTHER)
        case Role.LENT:
            return Lease(role, epoch + 1, OTHER, 45)
        case Role.RELEASED:
            return Lease(role, epoch + 1, OTHER)
        case Role.PROBATION:
            return Lease(role, epoch + 1)
        case _:
            return Lease(role, epoch)


def copy(dataset_id: str, lease: Lease, is_part: bool = True, to: str = OTHER) -> LocalDataset:
    """A copy here; by default it says of which handoff it is a part."""
    note = Membership(EPOCHS[dataset_id] + 1, to, FIRST, EPOCHS[FIRST] + 1)
    return LocalDataset(
        dataset_id, lease, False, f"/flocker/{dataset_id}", membership=note if is_part else None
    )


def local(*copies: LocalDataset) -> Local:
    """What this node has."""
    return Local(pmap({each.dataset_id: each for each in copies}))


def desired(dataset_id: str, primary: str = OTHER, deleted: bool = False) -> DesiredDataset:
    """What this node is told of a dataset."""
    grant = Grant(ME, EPOCHS[dataset_id], materialised=True)
    return DesiredDataset(Dataset(dataset_id, primary, deleted=deleted), grant, addresses=ADDRESSES)


def view(*containers: Container, **changed: DesiredDataset) -> NodeView:
    """All that this node is told; by default, that all of it is wanted at the other."""
    told = {**{each: desired(each) for each in EPOCHS}, **changed}
    return NodeView(pmap(told), pmap({each.name: each for each in containers}))


def moved(*leases: tuple[str, Lease]) -> tuple[Moved, ...]:
    """In this order."""
    return tuple(Moved(*each) for each in leases)


def parts(roles: dict[str, Role]) -> tuple[LocalDataset, ...]:
    """Copies with these roles."""
    return tuple(copy(each, at(role, each)) for each, role in roles.items())


GOING = (Role.RELEASING, Role.LENT)


@pytest.mark.parametrize("second", GOING)
@pytest.mark.parametrize("last", [*GOING, Role.RELEASED])
def test_what_follows_a_released_coordinator_is_released(second: Role, last: Role) -> None:
    """Before anything else is done: nothing is delivered that this node might still take back."""
    here = local(*parts({FIRST: Role.RELEASED, SECOND: second, LAST: last}))
    left = [(each, at(role, each)) for each, role in ((SECOND, second), (LAST, last))]
    follows = moved(*(item for item in left if item[1].role in GOING))
    assert plan(ME, view(SHOP), here) == (CommitDatasets(follows, "shop"),)
    gone = replace(here, datasets=here.datasets.set(FIRST, copy(FIRST, Lease(Role.REPLICA, 8))))
    assert plan(ME, view(SHOP), gone) == (CommitDatasets(follows, "shop"),)


def test_what_was_released_as_one_is_delivered_as_one() -> None:
    """In one request; of what is known to be there it is told no more."""
    here = local(*parts(dict.fromkeys(EPOCHS, Role.RELEASED)))
    leases = {each: at(Role.RELEASED, each) for each in EPOCHS}
    address = ADDRESSES[OTHER]
    assert plan(ME, view(SHOP), here) == (
        DeliverDatasets(moved(*leases.items()), "shop", OTHER, address, ()),
    )
    there = pmap({OTHER: Lease(Role.PRIMARY, 8)})
    told = view(SHOP, d1=replace(desired(FIRST), holders=there))
    assert plan(ME, told, here) == (
        SettleDataset(FIRST, leases[FIRST]),
        DeliverDatasets(moved((SECOND, leases[SECOND])), "shop", OTHER, address, ()),
        DeliverDatasets(moved((LAST, leases[LAST])), "shop", OTHER, address, ()),
    )


@pytest.mark.parametrize("first", [Role.PRIMARY, Role.RELEASING])
def test_all_go_back_and_the_coordinator_last(first: Role) -> None:
    """As long as that is not released: who is cut off in between finds the others going back."""
    here = local(*parts({FIRST: first, SECOND: Role.RELEASING, LAST: Role.RELEASING}))
    back = [(SECOND, at(Role.RELEASING, SECOND)), (LAST, at(Role.RELEASING, LAST))]
    back += [(FIRST, at(first, FIRST))] if first is Role.RELEASING else []
    assert plan(ME, view(SHOP), here) == (ReclaimDatasets(moved(*back), "shop"),)


def test_what_was_lent_is_recalled_first() -> None:
    """All of it, when it was cut off among the trials."""
    here = local(*parts({FIRST: Role.LENT, SECOND: Role.LENT, LAST: Role.RELEASING}))
    lent = [(each, at(Role.LENT, each)) for each in (FIRST, SECOND)]
    back = moved(lent[1], (LAST, at(Role.RELEASING, LAST)), lent[0])
    assert plan(ME, view(SHOP), here) == (
        Sequence(
            (
                RecallDatasets(moved(*lent), "shop", OTHER, ADDRESSES[OTHER]),
                ReclaimDatasets(back, "shop"),
            )
        ),
    )


def test_a_deleted_container_does_not_wait_for_what_it_lent() -> None:
    """It is removed at once; what was lent is recalled beside that, and is not started before."""
    here = local(*parts({FIRST: Role.LENT, SECOND: Role.LENT, LAST: Role.RELEASING}))
    here = replace(here, containers=pmap({"shop": LocalContainer(SHOP, "exited")}))
    lent = [(each, at(Role.LENT, each)) for each in (FIRST, SECOND)]
    back = moved(lent[1], (LAST, at(Role.RELEASING, LAST)), lent[0])
    recall = RecallDatasets(moved(*lent), "shop", OTHER, ADDRESSES[OTHER])
    recalled = Sequence((replace(recall, container=None), ReclaimDatasets(back, None)))
    assert plan(ME, view(), here) == (RemoveContainer("shop"), recalled)
    gone = replace(here, containers=pmap())
    assert recalled.changes[0] in _steps(plan(ME, view(), gone))
    # One that had begun is cut off for it; nothing is withdrawn for anything else.
    assert recall.withdrawn_by(view())
    assert not recall.withdrawn_by(view(SHOP))
    assert not replace(recall, container=None).withdrawn_by(view())


def _steps(changes: tuple[IStateChange, ...]) -> list[IStateChange]:
    """What is planned, one by one."""
    return [
        step
        for change in changes
        for step in (change.changes if isinstance(change, Sequence) else (change,))
    ]


def test_a_part_of_an_older_handoff_goes_by_its_own_lease() -> None:
    """What an older release began names no coordinator, and what is named may be of another one."""
    held = at(Role.RELEASING, SECOND)
    for second in (copy(SECOND, held, is_part=False), copy(SECOND, held, to=THIRD)):
        here = local(copy(FIRST, at(Role.RELEASED, FIRST)), second)
        assert ReclaimDatasets(moved((SECOND, held)), "shop") in plan(ME, view(SHOP), here)


def test_a_coordinator_that_is_gone() -> None:
    """It cannot be told where the others were going: nothing is done with them, and it is said."""
    here = local(*parts({SECOND: Role.LENT, LAST: Role.RELEASED}))
    assert plan(ME, view(SHOP), here) == ()
    said = report(ME, NodeFacts(view(SHOP), here))
    assert f"cannot tell whether {FIRST} was released" in str(said.datasets[SECOND].error)
    assert said.datasets[LAST].error is None


# Datasets are a group, whatever became of their container


@pytest.mark.parametrize("containers", [(), (replace(SHOP, volumes=SHOP.volumes[1:2]),)])
def test_a_group_without_its_container(containers: tuple[Container, ...]) -> None:
    """A handoff of several is finished as one also when their container was deleted, or made anew
    with some of them; nothing else is done with these before."""
    told = view(*containers)
    here = local(*parts({FIRST: Role.RELEASING, SECOND: Role.RELEASING}))
    back = moved(*((each, at(Role.RELEASING, each)) for each in (SECOND, FIRST)))
    assert plan(ME, told, here) == (ReclaimDatasets(back, None),)
    here = local(*parts({FIRST: Role.RELEASED, SECOND: Role.RELEASING}))
    follows = moved((SECOND, at(Role.RELEASING, SECOND)))
    assert plan(ME, told, here) == (CommitDatasets(follows, None),)


def test_a_deleted_coordinator_decides_before_it_is_destroyed() -> None:
    """Whether it was released is known from its lease alone."""
    told = view(d1=desired(FIRST, deleted=True))
    for first, then in (
        (Role.RELEASED, CommitDatasets(moved((SECOND, at(Role.RELEASING, SECOND))), None)),
        (Role.RELEASING, ReclaimDatasets(moved((SECOND, at(Role.RELEASING, SECOND))), None)),
    ):
        here = local(*parts({FIRST: first, SECOND: Role.RELEASING}))
        assert plan(ME, told, here) == (then,)
        after = Lease(Role.RELEASED, 4, OTHER) if first is Role.RELEASED else Lease(Role.PRIMARY, 3)
        here = replace(here, datasets=here.datasets.set(SECOND, copy(SECOND, after)))
        assert DeleteDataset(FIRST) in plan(ME, told, here)


# At the destination


def arrived(**roles: Role) -> Local:
    """What came here, and says so."""
    return local(*(copy(each, at(role, each), to=ME) for each, role in roles.items()))


def test_what_came_with_a_coordinator_that_is_primary_is_primary() -> None:
    """Whether or not its source ever asks again; nothing is started before."""
    here = arrived(d1=Role.REPLICA, d2=Role.REPLICA, d3=Role.PROBATION)
    first = copy(FIRST, Lease(Role.PRIMARY, 8), to=ME)
    here = replace(here, datasets=here.datasets.set(FIRST, first))
    left = moved((SECOND, at(Role.REPLICA, SECOND)), (LAST, at(Role.PROBATION, LAST)))
    told = view(replace(SHOP, node=ME), **{each: desired(each, ME) for each in EPOCHS})
    assert plan(ME, told, here) == (AcquireDatasets(left, "shop"),)
    assert plan(ME, view(), here) == (AcquireDatasets(left, None),)


def test_a_trial_that_was_not_decided_is_given_back() -> None:
    """Also when the group is written down here already: the coordinator did not acquire."""
    here = arrived(d1=Role.PROBATION, d2=Role.PROBATION, d3=Role.REPLICA)
    back = moved(*((each, at(Role.PROBATION, each)) for each in (FIRST, SECOND)))
    told = view(replace(SHOP, node=ME), **{each: desired(each, ME) for each in EPOCHS})
    assert plan(ME, told, here) == (GiveBackDatasets(back, "shop"),)


def test_a_trial_ends_when_its_container_is_deleted() -> None:
    """While the trial goes on, too: nothing can come of it."""
    here = arrived(d1=Role.PROBATION, d2=Role.PROBATION, d3=Role.PROBATION)
    here = replace(
        here,
        on_trial=frozenset(EPOCHS),
        containers=pmap({"shop": LocalContainer(SHOP, "running")}),
    )
    back = moved(*((each, at(Role.PROBATION, each)) for each in EPOCHS))
    assert plan(ME, view(), here) == (GiveBackDatasets(back, "shop"),)
    told = view(replace(SHOP, node=ME), **{each: desired(each, ME) for each in EPOCHS})
    assert GiveBackDatasets(back, "shop") not in plan(ME, told, here)


def test_a_container_on_trial_gains_no_data() -> None:
    """Until the trial is decided: what a failed trial writes to the new dataset would stay."""
    here = arrived(d1=Role.PROBATION, d2=Role.PROBATION, d3=Role.PRIMARY)
    tried = replace(SHOP, node=ME, volumes=SHOP.volumes[:2])
    here = replace(
        here,
        on_trial=frozenset((FIRST, SECOND)),
        containers=pmap({"shop": LocalContainer(tried, "running")}),
    )
    told = {each: desired(each, ME) for each in EPOCHS}
    assert plan(ME, view(replace(SHOP, node=ME), **told), here) == ()
    # What it is tried with can be mended.
    planned = plan(ME, view(replace(tried, image="shop:2"), **told), here)
    sequences = [each for each in planned if isinstance(each, Sequence)]
    assert any(RemoveContainer("shop") in each.changes for each in sequences)


# What is tried before it is committed


def handoff(told: NodeView, here: Local) -> HandoffDatasets:
    """The one that is planned."""
    (change,) = plan(ME, told, here)
    assert isinstance(change, Sequence)
    last = change.changes[-1]
    assert isinstance(last, HandoffDatasets)
    return last


TRIED = replace(SHOP, volumes=SHOP.volumes[:2], health_check=CHECK)


def test_all_of_a_group_is_tried() -> None:
    """When all of its data goes there with it."""
    here = local(*(copy(each, at(Role.PRIMARY, each)) for each in (FIRST, SECOND)))
    assert handoff(view(TRIED), here).health_check == CHECK
    assert handoff(view(replace(TRIED, health_check=None)), here).health_check is None


@pytest.mark.parametrize("role", [None, Role.REPLICA])
@pytest.mark.parametrize("holder", [Role.PRIMARY, Role.REPLICA, None])
def test_a_part_is_not_tried(role: Role | None, holder: Role | None) -> None:
    """A failed trial would leave in the rest, which is there already, what it wrote."""
    rest = desired(SECOND, OTHER)
    if holder is not None:
        rest = replace(rest, holders=pmap({OTHER: Lease(holder, 4)}), grant=Grant(OTHER, 4, True))
    here = [copy(FIRST, at(Role.PRIMARY, FIRST))]
    here += [copy(SECOND, Lease(role, 4))] if role is not None else []
    found = handoff(view(TRIED, d2=rest), local(*here))
    assert found.datasets == moved((FIRST, at(Role.PRIMARY, FIRST)))
    assert found.health_check is None


def test_a_part_of_which_nothing_is_told() -> None:
    """Nobody says where the rest is: not tried."""
    told = view(TRIED)
    told = replace(told, datasets=told.datasets.remove(SECOND))
    assert handoff(told, local(copy(FIRST, at(Role.PRIMARY, FIRST)))).health_check is None


def test_a_part_that_another_container_has() -> None:
    """The rest is in the group of another one: not tried."""
    first = replace(TRIED, name="aardvark", volumes=SHOP.volumes[1:2], health_check=None)
    here = local(copy(FIRST, at(Role.PRIMARY, FIRST)))
    rest = replace(desired(SECOND), holders=pmap({OTHER: Lease(Role.PRIMARY, 4)}))
    assert handoff(view(first, TRIED, d2=rest), here).health_check is None


# Whatever is found


@given(
    st.fixed_dictionaries(
        {each: st.sampled_from([*GOING, Role.RELEASED, Role.PRIMARY]) for each in EPOCHS}
    ),
    st.sampled_from([(), (SHOP,), (replace(SHOP, volumes=SHOP.volumes[1:]),)]),
)
def test_none_is_taken_back_once_the_coordinator_is_released(
    roles: dict[str, Role], containers: tuple[Container, ...]
) -> None:
    """And none is released, delivered or settled as long as it is not, but what is released."""
    planned: list[IStateChange] = []
    for change in plan(ME, view(*containers), local(*parts(roles))):
        planned += change.changes if isinstance(change, Sequence) else [change]
    if roles[FIRST] is Role.RELEASED:
        assert not [each for each in planned if isinstance(each, ReclaimDatasets)]
    else:
        assert not [each for each in planned if isinstance(each, CommitDatasets)]
    delivered = {
        each.dataset_id
        for change in planned
        if isinstance(change, DeliverDatasets)
        for each in change.datasets
    }
    assert {roles[each] for each in delivered} <= {Role.RELEASED}
    assert not [each for each in planned if isinstance(each, (MountDataset, RemoveContainer))]


def test_a_container_that_is_stopped_here_is_removed_with_what_goes_back() -> None:
    """While it is here the group is its own, whatever else has some of these by now."""
    here = local(*parts({FIRST: Role.RELEASING, SECOND: Role.RELEASING}))
    stopped = LocalContainer(replace(SHOP, volumes=SHOP.volumes[:2]), "exited")
    here = replace(here, containers=pmap({"shop": stopped}))
    back = moved(*((each, at(Role.RELEASING, each)) for each in (SECOND, FIRST)))
    assert plan(ME, view(), here) == (ReclaimDatasets(back, "shop"),)
