"""The planner: for each lease and each wish the one right thing, and never a made-up dataset."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrsistent import pmap

from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Container, Dataset, Grant, Port, RestartPolicy, Volume
from flocker_lite.model.state import (
    DesiredDataset,
    Held,
    Listener,
    LocalContainer,
    LocalDataset,
    NodeView,
    PortState,
    Route,
    Rule,
)
from flocker_lite.planner.changes import (
    CreateDataset,
    DeleteDataset,
    DemoteDataset,
    IStateChange,
    MountDataset,
    PrepareContainer,
    RemoveContainer,
    ReplaceRoutes,
    ResizeDataset,
    Sequence,
    SettleDataset,
    StartContainer,
    key,
)
from flocker_lite.planner.failover_changes import RejoinDataset
from flocker_lite.planner.groups import Local
from flocker_lite.planner.move_changes import (
    DeliverDatasets,
    HandoffDatasets,
    Moved,
    PushDatasets,
    ReclaimDatasets,
)
from flocker_lite.planner.plan import plan
from flocker_lite.planner.resources import ContainerResource, DatasetResource
from flocker_lite.planner.routing_plan import foreign_listeners, plan_routes, ports
from flocker_lite.testing.strategies import (
    GRANTS,
    LEASES,
    LOCAL_CONTAINERS,
    LOCAL_DATASETS,
    NODE_IDS,
    NODE_VIEWS,
    ROUTES,
    keyed,
    maps,
)

ME, OTHER, THIRD = "node-a", "node-b", "node-c"
D = "d1"
ADDRESSES = pmap({ME: "10.0.0.1", OTHER: "10.0.0.2", THIRD: "10.0.0.3"})
SHOP = Container("shop", ME, "shop:1", volumes=(Volume(D, "/data"),))
PRIMARY = Lease(Role.PRIMARY, 7)
RELEASING = Lease(Role.RELEASING, 7, OTHER)
RELEASED = Lease(Role.RELEASED, 8, OTHER)
REPLICA = Lease(Role.REPLICA, 7)
DEPOSED = Lease(Role.DEPOSED, 9)

LOCALS = st.builds(
    Local,
    keyed(LOCAL_DATASETS, "dataset_id"),
    maps(st.sampled_from(["shop", "blog", "mail"]), LOCAL_CONTAINERS).map(
        lambda found: pmap(
            {n: replace(c, container=replace(c.container, name=n)) for n, c in found.items()}
        )
    ),
    st.frozensets(ROUTES, max_size=2),
)


def desired(
    primary: str = ME, grant: Grant | None = None, deleted: bool = False, **holders: Lease
) -> DesiredDataset:
    """What this node is told of the dataset; `holders` by the letter of the node."""
    return DesiredDataset(
        Dataset(D, primary, deleted=deleted),
        grant or Grant(ME, 7, materialised=True),
        pmap({f"node-{letter}": lease for letter, lease in holders.items()}),
        ADDRESSES,
    )


def copy(lease: Lease | None, mounted: bool = False, maximum_size: int | None = None) -> Local:
    """This node has a copy with that lease."""
    return Local(pmap({D: LocalDataset(D, lease, mounted, f"/flocker/{D}", maximum_size)}))


def with_container(local: Local, status: str, container: Container = SHOP) -> Local:
    """And has the container, too."""
    return replace(local, containers=pmap({container.name: LocalContainer(container, status)}))


def view(dataset: DesiredDataset | None, container: Container | None = None) -> NodeView:
    """All that this node is told."""
    return NodeView(
        pmap({D: dataset} if dataset is not None else {}),
        pmap({container.name: container} if container is not None else {}),
    )


def move(lease: Lease = PRIMARY, name: str | None = None, to: str = OTHER) -> Sequence:
    """A push and a handoff."""
    moved = (Moved(D, lease),)
    address = ADDRESSES[to]
    return Sequence(
        (PushDatasets(moved, name, to, address), HandoffDatasets(moved, name, to, address, ()))
    )


NEVER_MADE = Grant(ME, 1)

LONE = [
    # nobody told us of it: never touched
    (None, copy(PRIMARY, mounted=True), []),
    (None, copy(REPLICA), []),
    (None, copy(RELEASING), [ReclaimDatasets((Moved(D, RELEASING),), None)]),
    # no copy here
    (desired(grant=NEVER_MADE), Local(), [CreateDataset(D, None)]),
    (desired(grant=Grant(ME, 1, materialised=True)), Local(), []),
    (desired(grant=Grant(ME, 2)), Local(), []),
    (desired(grant=Grant(OTHER, 1)), Local(), []),
    (desired(grant=NEVER_MADE, b=REPLICA), Local(), []),
    (desired(grant=NEVER_MADE, deleted=True), Local(), []),
    (desired(OTHER, NEVER_MADE), Local(), [CreateDataset(D, None)]),
    # primary here
    (desired(), copy(PRIMARY, mounted=True), []),
    (desired(), copy(PRIMARY), [MountDataset(D)]),
    (desired(), copy(PRIMARY, True, 100), [ResizeDataset(D, None)]),
    (desired(OTHER), copy(PRIMARY, mounted=True), [move()]),
    (desired(OTHER, Grant(ME, 6, True)), copy(PRIMARY, mounted=True), []),
    (desired(OTHER, Grant(OTHER, 9, True)), copy(PRIMARY), [DemoteDataset(D, PRIMARY, 9)]),
    (desired(deleted=True), copy(PRIMARY, mounted=True), [DeleteDataset(D)]),
    # on its way from here
    (desired(OTHER), copy(RELEASING), [ReclaimDatasets((Moved(D, RELEASING),), None)]),
    (desired(deleted=True), copy(RELEASING), [DeleteDataset(D)]),
    (
        desired(OTHER),
        copy(RELEASED),
        [DeliverDatasets((Moved(D, RELEASED),), None, OTHER, ADDRESSES[OTHER], ())],
    ),
    (desired(OTHER, b=Lease(Role.PRIMARY, 8)), copy(RELEASED), [SettleDataset(D, RELEASED)]),
    (desired(OTHER, Grant(OTHER, 8, True)), copy(RELEASED), [SettleDataset(D, RELEASED)]),
    (desired(OTHER, deleted=True), copy(RELEASED), [DeleteDataset(D)]),
    # a copy of what is elsewhere
    (desired(OTHER, Grant(OTHER, 7, True)), copy(REPLICA), []),
    (desired(ME, Grant(OTHER, 7, True)), copy(REPLICA), []),
    (desired(deleted=True), copy(REPLICA), [DeleteDataset(D)]),
    (desired(ME, Grant(OTHER, 9, True)), copy(DEPOSED), [RejoinDataset(D, DEPOSED)]),
    (desired(ME, Grant(ME, 10, True)), copy(DEPOSED), []),
    (desired(), copy(None), []),
    (desired(deleted=True), copy(None), [DeleteDataset(D)]),
]


@pytest.mark.parametrize(("told", "local", "planned"), LONE)
def test_lone_dataset(
    told: DesiredDataset | None, local: Local, planned: list[IStateChange]
) -> None:
    """A dataset that no container uses."""
    assert list(plan(ME, view(told), local)) == planned


START = StartContainer("shop", (D,))
PREPARE = PrepareContainer("shop", SHOP)
ELSEWHERE = replace(SHOP, node=OTHER)
HANDED = (Moved(D, RELEASED),)
RECLAIM = ReclaimDatasets((Moved(D, RELEASING),), "shop")

GROUPED = [
    # it belongs here
    (desired(), copy(PRIMARY, True), SHOP, [Sequence((PREPARE, START))]),
    (desired(), copy(PRIMARY), SHOP, [Sequence((MountDataset(D), PREPARE, START))]),
    (desired(), with_container(copy(PRIMARY, True), "created"), SHOP, [Sequence((START,))]),
    (desired(), with_container(copy(PRIMARY, True), "running"), SHOP, []),
    # it is on its way here
    (desired(grant=Grant(OTHER, 7, True)), copy(REPLICA), SHOP, [PREPARE]),
    (desired(grant=Grant(OTHER, 7, True)), with_container(copy(REPLICA), "created"), SHOP, []),
    (desired(grant=Grant(OTHER, 7, True)), Local(), SHOP, []),
    # it is wanted elsewhere
    (
        desired(OTHER),
        with_container(copy(PRIMARY, True), "running"),
        ELSEWHERE,
        [move(name="shop")],
    ),
    (
        desired(OTHER),
        with_container(copy(RELEASING), "exited"),
        ELSEWHERE,
        [Sequence((RECLAIM, MountDataset(D), PrepareContainer("shop", ELSEWHERE), START))],
    ),
    (
        desired(OTHER),
        with_container(copy(RELEASED), "exited"),
        ELSEWHERE,
        [DeliverDatasets(HANDED, "shop", OTHER, ADDRESSES[OTHER], ())],
    ),
    (
        desired(OTHER, Grant(OTHER, 8, True)),
        with_container(copy(Lease(Role.REPLICA, 8)), "exited"),
        ELSEWHERE,
        [RemoveContainer("shop")],
    ),
    # it is wanted no more
    (desired(), with_container(copy(PRIMARY, True), "running"), None, [RemoveContainer("shop")]),
    (
        desired(deleted=True),
        with_container(copy(PRIMARY, True), "running"),
        None,
        [RemoveContainer("shop")],
    ),
    # its data is elsewhere, by a later grant
    (
        desired(OTHER, Grant(OTHER, 9, True)),
        with_container(copy(PRIMARY, True), "running"),
        ELSEWHERE,
        [RemoveContainer("shop")],
    ),
]


@pytest.mark.parametrize(("told", "local", "container", "planned"), GROUPED)
def test_container_with_its_dataset(
    told: DesiredDataset, local: Local, container: Container | None, planned: list[IStateChange]
) -> None:
    """A container runs where its data is primary, and goes where its data goes."""
    assert list(plan(ME, view(told, container), local)) == planned


def test_a_move_that_waits_leaves_the_container_running() -> None:
    """While a failed move rests, the container is started again here."""
    waiting = frozenset({key(move(name="shop"))})
    local = with_container(copy(PRIMARY, True), "created")
    assert plan(ME, view(desired(OTHER), ELSEWHERE), local, waiting) == (Sequence((START,)),)


def test_a_resting_container_is_not_started() -> None:
    """One that ended by itself stays down while it rests."""
    local = with_container(copy(PRIMARY, True), "exited")
    assert plan(ME, view(desired(), SHOP), local, resting=frozenset({"shop"})) == ()


def test_part_of_a_group_that_was_not_committed_goes_back() -> None:
    """Of two datasets one was committed: it goes forward, the other back; none is committed blind.

    The last snapshot of the other may not have been sent, for the two may not have been one group
    when the handoff began.
    """
    second = "d2"
    both = replace(SHOP, node=OTHER, volumes=(Volume(D, "/a"), Volume(second, "/b")))
    told = NodeView(
        pmap(
            {
                D: desired(OTHER),
                second: replace(desired(OTHER), dataset=Dataset(second, OTHER)),
            }
        ),
        pmap({"shop": both}),
    )
    local = Local(
        pmap(
            {
                D: LocalDataset(D, RELEASED, False, "/flocker/d1"),
                second: LocalDataset(second, RELEASING, False, "/flocker/d2"),
            }
        )
    )
    assert plan(ME, told, local) == (
        ReclaimDatasets((Moved(second, RELEASING),), "shop"),
        DeliverDatasets((Moved(D, RELEASED),), "shop", OTHER, ADDRESSES[OTHER], ()),
    )


def test_what_was_never_made_is_made_before_the_rest_moves() -> None:
    """The destination waits for all of a container's data, and only this node makes this one."""
    second = "d2"
    both = replace(SHOP, node=OTHER, volumes=(Volume(D, "/a"), Volume(second, "/b")))
    never_made = DesiredDataset(Dataset(second, OTHER), NEVER_MADE, addresses=ADDRESSES)
    told = NodeView(pmap({D: desired(OTHER), second: never_made}), pmap({"shop": both}))
    create = CreateDataset(second, None)
    assert plan(ME, told, copy(PRIMARY, True)) == (create,)
    waiting = frozenset({key(create)})
    assert plan(ME, told, copy(PRIMARY, True), waiting) == (move(name="shop"),)


def test_a_dataset_that_another_container_still_has() -> None:
    """A new container waits until the deleted one that has its dataset is removed."""
    new = replace(SHOP, name="aardvark")
    local = with_container(copy(PRIMARY, True), "running")
    assert plan(ME, view(desired(), new), local) == (RemoveContainer("shop"),)
    assert plan(ME, view(desired(OTHER), replace(new, node=OTHER)), local) == (
        RemoveContainer("shop"),
    )


def test_a_start_holds_its_datasets() -> None:
    """A container's start and anything about its datasets never go on side by side."""
    assert START.resources == {ContainerResource("shop"), DatasetResource("d1")}


def test_routes_of_a_trial() -> None:
    """As long as it may be taken back, what is led elsewhere goes on to be, whoever says what."""
    shop = Container("shop", ME, "shop:1", (Port(80, 80),), (Volume(D, "/data"),))
    lent = LocalDataset(D, Lease(Role.PROBATION, 2), True, "/flocker/d")
    away, held = Route(80, "10.0.0.2", "shop"), Held(80, 4000, "shop")
    web = Route(81, "10.0.0.2", "web")

    def routes(told: Route | None, *in_force: Rule, here: LocalDataset = lent) -> frozenset[Rule]:
        view = NodeView(routes=pmap({str(route.port): route for route in (told, web) if route}))
        running = pmap({"shop": LocalContainer(shop, "running")})
        local = Local(pmap({D: here}), running, frozenset(in_force))
        changes = plan_routes(ME, view, local)
        if not changes:
            return local.routes
        [change] = changes
        assert isinstance(change, ReplaceRoutes)
        return change.routes

    assert routes(away) == {away, web}
    assert routes(away, held) == {away, web}
    assert routes(None, away) == {away, web}
    assert routes(None, held) == {held, web}
    owned = LocalDataset(D, Lease(Role.PRIMARY, 2), True, "/flocker/d")
    assert routes(away, away, here=owned) == {web}


def test_routes() -> None:
    """Routes are replaced all at once, and not at all where they are right."""
    route = Route(80, "10.0.0.2", "blog")
    told = NodeView(routes=pmap({"80": route}))
    assert plan(ME, told, Local()) == (ReplaceRoutes(frozenset({route})),)
    assert plan(ME, told, Local(routes=frozenset({route}))) == ()


def test_port_of_other_software() -> None:
    """It keeps its port, also where a route is in force; the others are led on as ever."""
    blog, shop = Route(80, "10.0.0.2", "blog"), Route(81, "10.0.0.2", "shop")
    told = NodeView(routes=pmap({"80": blog, "81": shop}))
    local = Local(routes=frozenset({blog, shop}), listeners=pmap({"80": Listener("nginx", 7)}))
    assert plan(ME, told, local) == (ReplaceRoutes(frozenset({shop})),)
    said = ports(ME, told, local, {81: PortState(1, 2, 3), 82: PortState()})
    assert said == {"80": PortState(error=said["80"].error), "81": PortState(1, 2, 3)}
    assert str(said["80"].error).startswith(
        "connections to port 80 of this node do not reach container blog, because "
        "nginx (pid 7) uses the port here: stop that"
    )


def test_datagrams() -> None:
    """A UDP port and a TCP port of the same number have nothing to do with each other."""
    tcp, udp = Route(53, "10.0.0.2", "dns"), Route(53, "10.0.0.3", "names", "udp")
    told = NodeView(routes=pmap({"53": tcp, "53/udp": udp}))
    named = Local(routes=frozenset({tcp, udp}), listeners=pmap({"53/udp": Listener("named", 7)}))
    assert plan(ME, told, named) == (ReplaceRoutes(frozenset({tcp})),)
    said = ports(ME, told, named, {53: PortState(1, 2, 3)})
    assert said["53"] == PortState(1, 2, 3)
    assert str(said["53/udp"].error).startswith("connections to port 53/udp of this node do not")


def test_foreign_listeners() -> None:
    """Docker's own listener at a port of ours is no stranger; anything else is."""
    shop = Container("shop", ME, "shop:1", ports=(Port(8000, 80),))
    ours = [LocalContainer(shop, "created")]
    proxy, nginx, unseen = Listener("docker-proxy", 3), Listener("nginx", 7), Listener()
    assert foreign_listeners({"80": proxy, "81": proxy, "82": unseen}, ours) == {
        "81": proxy,
        "82": unseen,
    }
    assert foreign_listeners({"80": nginx}, ours) == {"80": nginx}
    assert foreign_listeners({"80": unseen}, ours) == {}


def created(changes: tuple[IStateChange, ...]) -> set[str]:
    """The datasets that a plan makes."""
    found: set[str] = set()
    for change in changes:
        if isinstance(change, Sequence):
            found |= created(change.changes)
        elif isinstance(change, CreateDataset):
            found.add(change.dataset_id)
    return found


@given(NODE_IDS, NODE_VIEWS, LOCALS)
def test_nothing_is_made_up(me: str, told: NodeView, local: Local) -> None:
    """Only the owner of the first epoch creates, what was never made and nobody holds."""
    for dataset_id in created(plan(me, told, local)):
        known = told.datasets[dataset_id]
        assert (known.grant.owner, known.grant.epoch) == (me, 1)
        assert not known.grant.materialised
        assert not known.holders
        assert not known.dataset.deleted
        assert dataset_id not in local.datasets


@given(NODE_IDS, NODE_VIEWS, LOCALS)
def test_nothing_is_destroyed_that_is_not_deleted(me: str, told: NodeView, local: Local) -> None:
    """Only the configuration's word destroys a copy."""
    for change in plan(me, told, local):
        if isinstance(change, DeleteDataset):
            assert told.datasets[change.dataset_id].dataset.deleted


@given(NODE_IDS, NODE_VIEWS, LOCALS)
def test_the_same_plan_each_time(me: str, told: NodeView, local: Local) -> None:
    """A plan is a function of what is known; no change is in it twice."""
    planned = plan(me, told, local)
    assert plan(me, told, local) == planned
    assert len(set(planned)) == len(planned)


@given(LEASES, GRANTS, NODE_IDS)
def test_a_container_starts_only_on_primaries(held: Lease, grant: Grant, primary: str) -> None:
    """Whatever is wished: no start, and no mount, but of what may be written here."""
    told = view(desired(primary, grant), replace(SHOP, node=primary))
    for change in plan(ME, told, copy(held)):
        inner = change.changes if isinstance(change, Sequence) else (change,)
        if any(isinstance(item, StartContainer | MountDataset) for item in inner):
            assert held.role is Role.PRIMARY


@given(st.sampled_from(["never", "always", "on-failure"]), NODE_IDS)
def test_a_container_as_desired_needs_nothing(policy: str, node: str) -> None:
    """One that is as configured is left alone; its policy and node alone are no reason."""
    running = with_container(copy(PRIMARY, True), "running")
    same = replace(SHOP, restart_policy=RestartPolicy(policy))
    assert plan(ME, view(desired(), same), running) == ()
    made_elsewhere = with_container(copy(PRIMARY, True), "running", replace(SHOP, node=node))
    assert plan(ME, view(desired(), same), made_elsewhere) == ()
