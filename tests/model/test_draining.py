"""How a node is emptied, item by item."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.errors import Conflict
from flocker_lite.model import draining, edits, moves, node_edits, nodes, release_edits
from flocker_lite.model.container_fields.identity import Membership
from flocker_lite.model.drain import DONE, FAILED, MOVING, Drain, DrainItem
from flocker_lite.model.draining import NO_NODE, TOO_LATE, Reports
from flocker_lite.model.machine import Capacity, Machine
from flocker_lite.model.move_progress import MoveProgress
from flocker_lite.model.open_moves import move_of_container
from flocker_lite.model.records import (
    Configuration,
    Container,
    Dataset,
    Edit,
    Grant,
    MoveOptions,
    Node,
    Volume,
)
from flocker_lite.model.releasing import Releasing
from flocker_lite.model.validation import problems

A, B, C = (str(UUID(int=number, version=4)) for number in (1, 2, 3))
NODES = {A: "10.0.0.1", B: "10.0.0.2", C: "10.0.0.3"}
ROOMY, FULL = Machine(capacity=Capacity(100, 90)), Machine(capacity=Capacity(100, 1))
EVEN = Reports()


class World:
    """Three nodes; edits are made as the control service makes them."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.reports = EVEN
        self._ids = (f"m{number}" for number in count(1))
        self.configuration = Configuration()
        for node_id, address in NODES.items():
            self.do(partial(nodes.announce_node, node=Node(node_id, address, protocol=2)))

    def do(self, function: Callable[[Configuration], Edit]) -> Edit:
        """Edit, and go on with every drain until there is nothing more to do."""
        edit = self.edit(function)
        for node_id in NODES:
            while self.edit(self.advance(node_id)).changes:
                pass
        return edit

    def advance(self, node_id: str) -> Callable[[Configuration], Edit]:
        return lambda before: draining.advance(before, node_id, self.reports, self.now)

    def edit(self, function: Callable[[Configuration], Edit]) -> Edit:
        moment = moves.Moment(self.now, lambda: next(self._ids))
        edit = moves.followed(self.configuration, function(self.configuration), moment)
        self.configuration = edit.configuration
        assert not problems(self.configuration)
        return edit

    def container(self, name: str, data: bool = True, application: str | None = None) -> None:
        """A container on A, with a dataset that is there."""
        dataset_id = str(UUID(int=int.from_bytes(name.encode()), version=4))
        volumes = (Volume(dataset_id, "/data"),) if data else ()
        member = None if application is None else Membership(application, name)
        if data:
            self.dataset(dataset_id)
        made = Container(name, A, "redis:latest", volumes=volumes, application=member)
        self.do(partial(edits.create_container, container=made))

    def dataset(self, dataset_id: str) -> None:
        """A dataset on A that exists."""
        self.do(partial(edits.create_dataset, dataset=Dataset(dataset_id, A)))
        grant = Grant(A, 1, materialised=True)
        self.do(partial(edits.set_grant, dataset_id=dataset_id, grant=grant))

    def drain(self, **options: float | int) -> None:
        """Begin to drain A."""
        self.do(lambda before: draining.begin(before, A, self.now, self.reports, **options))  # type: ignore[arg-type]

    def arrive(self, name: str) -> None:
        """The move of a container is done."""
        move = move_of_container(self.configuration, name)
        assert move is not None
        moment = moves.Moment(self.now, lambda: next(self._ids))
        for dataset_id in move.dataset_ids:
            epoch = self.configuration.grants[dataset_id].epoch + 1
            grant = Grant(move.destination, epoch, materialised=True)
            self.edit(partial(edits.set_grant, dataset_id=dataset_id, grant=grant))
        self.do(lambda before: moves.end(before, move.move_id, moves.DONE, moment))

    def fall_back(self, name: str, error: str) -> None:
        """The move of a container is rolled back."""
        move = move_of_container(self.configuration, name)
        assert move is not None
        side = MoveProgress("", 1, moves.ROLLED_BACK, A, B, error=error, move_id=move.move_id)
        moment = moves.Moment(self.now, lambda: next(self._ids), lambda _: (side,))
        self.do(lambda before: moves.call_back(before, move.move_id, moves.ROLLED_BACK, moment))

    @property
    def state(self) -> Drain:
        """The drain of A."""
        drain = self.configuration.nodes[A].drain
        assert drain is not None
        return drain

    def phases(self) -> dict[str, str]:
        """How far each item is, by its first container."""
        return {item.containers[0]: item.phase for item in self.state.items if item.containers}

    def places(self) -> dict[str, str]:
        return {each.name: each.node for each in self.configuration.containers.values()}


def three(**options: float | int) -> World:
    """Three containers on A, which is being drained."""
    world = World()
    for name in ("a", "b", "c"):
        world.container(name)
    world.drain(**options)
    return world


def test_parallel() -> None:
    """So many move at a time; the next begins when one is done; then the node is empty."""
    world = three()
    assert world.phases() == {"a": MOVING, "b": MOVING}
    assert not world.configuration.nodes[A].schedulable
    world.arrive("a")
    assert world.phases() == {"a": DONE, "b": MOVING, "c": MOVING}
    assert draining.left(world.configuration, world.configuration.nodes[A]) == 0
    world.arrive("b")
    assert world.state.goes_on
    world.arrive("c")
    assert set(world.phases().values()) == {DONE}
    assert world.state.ended_at == world.now


def test_everything() -> None:
    """Applications go as one, and datasets that no container uses go, too."""
    world = World()
    world.container("web", data=False, application="shop")
    world.container("db", application="shop")
    world.container("lone")
    world.dataset("ffffffff-0000-4000-8000-000000000000")
    world.drain(parallel=10)
    shop, lone, dataset = world.state.items
    assert (shop.application, shop.containers) == ("shop", ("db", "web"))
    assert (lone.containers, lone.application) == (("lone",), None)
    assert dataset.dataset_id == "ffffffff-0000-4000-8000-000000000000"
    assert len({world.places()[name] for name in shop.containers}) == 1


def test_while_it_is_released() -> None:
    """What is being adopted or released stays until that is over, and holds up nothing else."""
    world = World()
    for name in ("pg", "web"):
        world.container(name)
    world.do(lambda before: release_edits.begin(before, "r1", 0.0, "pg", Releasing("pg")))
    world.drain()
    assert world.phases() == {"web": MOVING}
    world.arrive("web")
    assert world.phases() == {"web": DONE}
    drain = world.configuration.nodes[A].drain
    assert drain is not None
    assert drain.goes_on
    moment = moves.Moment(world.now, lambda: "")
    world.do(lambda before: moves.roll_back(before, "r1", moves.ROLLED_BACK, moment))
    assert world.phases() == {"web": DONE, "pg": MOVING}


def test_spread() -> None:
    """Nodes that are alike get alike much."""
    world = World()
    for name in "abcdef":
        world.container(name)
    world.drain(parallel=6)
    went = list(world.places().values())
    assert (went.count(B), went.count(C)) == (3, 3)


def test_where() -> None:
    """First where a copy is, then where there is room; not where nobody is, or nothing may come."""
    world = World()
    world.container("a")
    (volume,) = world.configuration.containers["a"].volumes
    for reports, where in (
        (Reports(machines={B: FULL, C: ROOMY}), C),
        (Reports(machines={B: ROOMY, C: FULL}), B),
        (Reports(machines={B: ROOMY, C: FULL}, holders={volume.dataset_id: {C}}), C),
        (Reports({C}.__contains__, {B: FULL, C: ROOMY}), B),
    ):
        edit = draining.begin(world.configuration, A, 0.0, reports)
        assert edit.configuration.containers["a"].node == where, reports
    cordoned = node_edits.set_schedulable(world.configuration, C, False).configuration
    edit = draining.begin(cordoned, A, 0.0, Reports(machines={C: ROOMY}))
    assert edit.configuration.containers["a"].node == B


def test_nowhere() -> None:
    """What cannot go stays, and says why; the drain is over then."""
    world = three()
    other = World()
    other.container("a")
    other.reports = Reports({B, C}.__contains__)
    other.drain()
    assert (other.state.items, other.state.goes_on) == ((), True)
    for node_id in (B, C):
        other.do(partial(node_edits.set_schedulable, where=node_id, schedulable=False))
    assert [(item.phase, item.error) for item in other.state.items] == [(FAILED, NO_NODE)]
    assert not other.state.goes_on
    assert other.places() == {"a": A}
    world.fall_back("a", "no space left")
    (failed,) = world.state.with_phase(FAILED)
    assert failed.error == "its move was rolled back; no space left"
    assert world.phases() == {"a": FAILED, "b": MOVING, "c": MOVING}
    world.arrive("b")
    world.arrive("c")
    assert not world.state.goes_on
    assert world.places()["a"] == A
    world.drain()
    assert world.phases()["a"] == MOVING


def test_refused() -> None:
    """What the configuration does not let go anywhere says what it says."""
    world = World()
    made = Container("a", A, "redis:latest", read_only=True)
    world.do(partial(edits.create_container, container=made))
    for node_id in (B, C):
        old = Node(node_id, NODES[node_id], protocol=1)
        world.do(partial(nodes.announce_node, node=old))
    world.drain()
    (item,) = world.state.items
    assert item.phase == FAILED
    assert "too old" in (item.error or "")


def test_deadline() -> None:
    """No move begins after it; those that are under way go on."""
    world = three(deadline_seconds=60)
    world.now += 60
    world.do(Edit)
    assert world.phases() == {"a": MOVING, "b": MOVING, "c": FAILED}
    assert world.state.with_phase(FAILED)[0].error == TOO_LATE
    world.arrive("a")
    world.arrive("b")
    assert not world.state.goes_on


def test_max_pause() -> None:
    """The moves have it as their option, and stay if they miss it."""
    world = three(deadline_seconds=60, max_pause_seconds=0.5)
    for move in world.configuration.moves.values():
        assert move.options == MoveOptions(0.5, 60.0, "abort")


def test_stop() -> None:
    """No more moves begin; the node stays cordoned; it can be drained again, or opened."""
    world = three()
    with pytest.raises(Conflict, match="being drained"):
        node_edits.set_schedulable(world.configuration, A, True)
    world.do(lambda before: draining.stop(before, A, world.now))
    world.arrive("a")
    assert world.places()["c"] == A
    assert not world.configuration.nodes[A].schedulable
    with pytest.raises(Conflict, match="not being drained"):
        draining.stop(world.configuration, A, world.now)
    world.drain()
    assert world.phases()["c"] == MOVING


def test_bring_back() -> None:
    """What the drain moved away, unless it was moved on or deleted since."""
    world = three(parallel=3)
    for name in ("a", "b", "c"):
        world.arrive(name)
    places = world.places()
    onward = C if places["b"] == B else B
    world.do(partial(edits.move_container, name="b", where=onward))
    world.arrive("b")
    world.do(partial(edits.delete_container, name="c"))
    world.do(lambda before: draining.bring_back(before, A))
    assert world.places() == {"a": A, "b": onward}
    assert world.configuration.nodes[A].schedulable
    with pytest.raises(Conflict, match="Nothing was drained"):
        draining.bring_back(world.configuration, A)


def test_away() -> None:
    """Nothing can be moved from a node whose agent is away."""
    world = World()
    world.reports = Reports({A}.__contains__)
    with pytest.raises(Conflict, match="is away"):
        draining.begin(world.configuration, A, 0.0, world.reports)


def test_it_comes_again() -> None:
    """An agent that connects anew goes on being drained."""
    world = three()
    world.do(partial(nodes.announce_node, node=Node(A, NODES[A], protocol=2)))
    assert world.state.goes_on
    assert not world.configuration.nodes[A].schedulable


def test_keys() -> None:
    """An item is the same thing, however far it is."""
    item = DrainItem(("a",))
    assert replace(item, phase=DONE, destination=B).key == item.key
    assert DrainItem(("a", "b"), "shop").key == DrainItem(("b",), "shop").key
    assert DrainItem(dataset_id="a").key != item.key


@given(st.lists(st.tuples(st.sampled_from(["arrive", "fall back"]), st.integers(0, 5))))
def test_it_ends(what: list[tuple[str, int]]) -> None:
    """Whatever becomes of the moves: never too many at a time, and in the end it is over."""
    world = World()
    for name in "abcde":
        world.container(name)
    world.drain()
    acts = [*what, *[("arrive", 0)] * 20]
    for act, number in acts:
        assert len(world.state.with_phase(MOVING)) <= world.state.parallel
        under_way = sorted(move.container or "" for move in world.configuration.moves.values())
        if not under_way:
            break
        name = under_way[number % len(under_way)]
        if act == "arrive":
            world.arrive(name)
        else:
            world.fall_back(name, "why not")
    assert not world.state.goes_on
    gone = {name for name, phase in world.phases().items() if phase == DONE}
    assert {name for name, where in world.places().items() if where != A} == gone
    assert len(world.phases()) == 5
