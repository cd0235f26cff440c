"""A move begins when another node is configured, and is over when what is wanted is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrsistent import pmap

from flocker_lite.errors import Conflict, NotFound
from flocker_lite.model import edits, move_reports, moves, pause_history
from flocker_lite.model.container_fields.identity import Membership
from flocker_lite.model.container_fields.switching import SwitchHook
from flocker_lite.model.move_progress import HookRun, MoveProgress, Round, Step
from flocker_lite.model.open_moves import move_of_container, move_of_dataset
from flocker_lite.model.records import (
    Configuration,
    Container,
    Edit,
    Grant,
    Move,
    MoveOptions,
    Volume,
)
from flocker_lite.model.state import ContainerState
from flocker_lite.model.validation import problems
from tests.model.test_edits import D1, D2, A, B, C, EditFunction, built, container, dataset
from tests.model.test_validation import STEPS

ONE = (Volume(D1, "/one"),)
TWO = (*ONE, Volume(D2, "/two"))


class World:
    """A configuration, edited as the control service does; ids of moves are m1, m2, ..."""

    def __init__(self, *steps: EditFunction) -> None:
        self.configuration = Configuration()
        self.now = 0.0
        self.progress: tuple[MoveProgress, ...] = ()
        self._ids = (f"m{number}" for number in count(1))
        self.configuration = built(*steps)

    @property
    def moment(self) -> moves.Moment:
        """Now."""
        return moves.Moment(self.now, lambda: next(self._ids), lambda move_id: self.progress)

    def do(self, function: Callable[..., Edit], *args: object) -> Edit:
        """Edit, a second later."""
        self.now += 1.0
        before = self.configuration
        edit = moves.followed(before, function(before, *args), self.moment)
        self.configuration = edit.configuration
        assert not problems(self.configuration)
        return edit

    @property
    def open(self) -> list[Move]:
        """The moves that are not over."""
        return list(self.configuration.moves.values())

    @property
    def verdicts(self) -> dict[str, str]:
        """How the others ended."""
        past = self.configuration.past_moves
        return {move_id: item.verdict for move_id, item in past.items()}


def shop(*volumes: Volume) -> World:
    """A container on A, and datasets there."""
    return World(dataset(), dataset(D2), container("shop", volumes=volumes))


def test_begin() -> None:
    """Another node for a container opens a move, with its datasets, from the owner of the grant."""
    world = shop(*TWO)
    world.do(edits.move_container, "shop", B)
    assert world.open == [Move("m1", A, B, 1.0, "shop", (D1, D2))]
    world.do(edits.move_container, "shop", B)
    assert len(world.open) == 1


def test_begin_of_dataset() -> None:
    """So does another primary for a dataset that no container uses."""
    world = shop()
    world.do(edits.move_dataset, D1, B)
    assert world.open == [Move("m1", A, B, 1.0, None, (D1,))]


def test_begin_without_data() -> None:
    """A container without datasets is moved from the node for which it was configured before."""
    world = shop()
    world.do(edits.move_container, "shop", B)
    assert world.open == [Move("m1", A, B, 1.0, "shop")]


@pytest.mark.parametrize("volumes", [(), ONE, TWO])
def test_redirect(volumes: tuple[Volume, ...]) -> None:
    """Yet another node supersedes the move, by one from where it still is."""
    world = shop(*volumes)
    world.do(edits.move_container, "shop", B)
    world.do(edits.move_container, "shop", C)
    [move] = world.open
    assert (move.move_id, move.source, move.destination) == ("m2", A, C)
    assert world.verdicts == {"m1": moves.SUPERSEDED}


@pytest.mark.parametrize("volumes", [(), ONE, TWO])
def test_back(volumes: tuple[Volume, ...]) -> None:
    """The source, configured again, cancels the move."""
    world = shop(*volumes)
    world.do(edits.move_container, "shop", B)
    world.do(edits.move_container, "shop", A)
    assert world.open == []
    assert world.verdicts == {"m1": moves.CANCELLED}


def test_back_too_late() -> None:
    """Once it was handed over, it is moved back by a move of its own."""
    world = shop(*ONE)
    world.do(edits.move_container, "shop", B)
    world.do(edits.set_grant, D1, Grant(B, 2, True))
    assert [move.move_id for move in world.open] == ["m1"]
    world.do(edits.move_container, "shop", A)
    assert [(move.source, move.destination) for move in world.open] == [(B, A)]


def test_handed_over_meanwhile() -> None:
    """What was handed over although it had been called back is moved back."""
    world = shop(*ONE)
    world.do(edits.move_container, "shop", B)
    world.do(edits.move_container, "shop", A)
    world.do(edits.set_grant, D1, Grant(B, 2, True))
    assert [(move.source, move.destination) for move in world.open] == [(B, A)]


def test_redirect_after_handover() -> None:
    """A redirected move starts from where the data is found to be."""
    world = shop(*ONE)
    world.do(edits.move_container, "shop", B)
    world.do(edits.move_container, "shop", C)
    world.do(edits.set_grant, D1, Grant(B, 2, True))
    assert [(move.source, move.destination) for move in world.open] == [(B, C)]


def test_deleted_container() -> None:
    """The datasets of a container that is deleted under way go on, each by itself."""
    world = shop(*TWO)
    world.do(edits.move_container, "shop", B)
    world.do(edits.delete_container, "shop")
    assert {(move.container, move.dataset_ids) for move in world.open} == {
        (None, (D1,)),
        (None, (D2,)),
    }
    assert world.verdicts == {"m1": moves.SUPERSEDED}


def test_deleted_dataset() -> None:
    """A dataset that is deleted under way is not moved any more."""
    world = shop()
    world.do(edits.move_dataset, D1, B)
    world.do(edits.delete_dataset, D1)
    assert (world.open, world.verdicts) == ([], {"m1": moves.CANCELLED})


def test_new_container() -> None:
    """A container that is created where its dataset is going to takes over the move."""
    world = shop()
    world.do(edits.move_dataset, D1, B)
    world.do(edits.create_container, Container("web", B, "busybox:latest", volumes=ONE))
    assert [(move.container, move.dataset_ids) for move in world.open] == [("web", (D1,))]
    assert world.verdicts == {"m1": moves.SUPERSEDED}


def test_options() -> None:
    """What a user asks of a move can be changed while it goes on, and not without a move."""
    world = shop(*ONE)
    slow = MoveOptions(bandwidth_limit=1000)
    with pytest.raises(Conflict, match="Nothing moves"):
        moves.revise_options(world.configuration, None, lambda options: slow)
    world.do(edits.move_container, "shop", B)
    move = move_of_dataset(world.configuration, D1)
    world.do(moves.revise_options, move, lambda options: slow)
    assert world.open == [Move("m1", A, B, 1.0, "shop", (D1,), slow)]


def test_cancel() -> None:
    """Cancelling configures the source again, for the container and all of its datasets."""
    world = shop(*TWO)
    world.do(edits.move_container, "shop", B)
    world.do(moves.cancel, "m1", world.moment)
    assert world.configuration.containers["shop"].node == A
    assert {each.primary for each in world.configuration.datasets.values()} == {A}
    assert (world.open, world.verdicts) == ([], {"m1": moves.CANCELLED})
    with pytest.raises(Conflict, match="over: cancelled"):
        moves.cancel(world.configuration, "m1", world.moment)
    with pytest.raises(NotFound):
        moves.cancel(world.configuration, "m9", world.moment)


def test_cancel_too_late() -> None:
    """Not once anything was handed over, as far as is known."""
    world = shop(*TWO)
    world.do(edits.move_container, "shop", B)
    world.progress = (MoveProgress(D1, 2, moves.DONE, A, B, move_id="m1"),)
    with pytest.raises(Conflict, match="handed over"):
        moves.cancel(world.configuration, "m1", world.moment)
    world.progress = ()
    world.do(edits.set_grant, D2, Grant(B, 2, True))
    with pytest.raises(Conflict, match="handed over"):
        moves.cancel(world.configuration, "m1", world.moment)


def _member(name: str, dataset_id: str) -> EditFunction:
    made = Container(
        *(name, A, "busybox:latest", (), (Volume(dataset_id, "/data"),)),
        application=Membership("shop", name),
    )
    return lambda configuration: edits.create_container(configuration, made)


def application(*names: str) -> World:
    """Containers of one application on A, and a lone one; all move to B, but the last to C."""
    ids = [str(UUID(int=number, version=4)) for number in range(len(names))]
    world = World(
        *map(dataset, ids),
        *(_member(name, each) for name, each in zip(names, ids, strict=True)),
        container("lone"),
    )
    for name in (*names, "lone"):
        world.do(edits.move_container, name, C if name == names[-1] else B)
    return world


def test_roll_back() -> None:
    """A move that was given up takes with it those of its application that go the same way."""
    world = application("db", "files", "web")
    world.do(moves.roll_back, "m1", moves.ROLLED_BACK, world.moment)
    assert world.verdicts == {"m1": moves.ROLLED_BACK, "m2": moves.ROLLED_BACK}
    assert {move.container for move in world.open} == {"web", "lone"}
    nodes = {name: each.node for name, each in world.configuration.containers.items()}
    assert nodes == {"db": A, "files": A, "web": C, "lone": B}


def test_roll_back_too_late() -> None:
    """What has been handed over is not called back."""
    world = application("db", "files", "web")
    (moved,) = world.configuration.containers["files"].volumes
    world.do(edits.set_grant, moved.dataset_id, Grant(B, 2, True))
    world.do(moves.roll_back, "m1", moves.ROLLED_BACK, world.moment)
    assert world.verdicts == {"m1": moves.ROLLED_BACK}
    assert world.configuration.containers["files"].node == B


def test_call_back_of_what_is_desired_elsewhere_by_now() -> None:
    """Calling a move back undoes nothing that a user asked for after it."""
    world = shop()
    world.do(edits.move_dataset, D1, B)
    configuration = world.configuration
    moved = replace(configuration.datasets[D1], primary=C)
    configuration = replace(configuration, datasets=configuration.datasets.set(D1, moved))
    edit = moves.call_back(configuration, "m1", moves.ROLLED_BACK, world.moment)
    assert edit.configuration.datasets[D1].primary == C
    assert edit.configuration.past_moves["m1"].verdict == moves.ROLLED_BACK


SHOP = Container("shop", B, "busybox:latest")


def outcome(world: World, **containers: ContainerState) -> str | None:
    """How the one open move has ended, by these reports of nodes "a" and "b"."""
    nodes = {"a": A, "b": B}
    reports = {nodes[name]: state for name, state in containers.items()}
    [move] = world.open
    return move_reports.outcome(world.configuration, move, world.progress, reports)


def test_done() -> None:
    """It is done when the data is there and the container serves there."""
    world = shop(*TWO)
    world.do(edits.move_container, "shop", B)
    serving = ContainerState(SHOP, True, serving=True)
    assert outcome(world, b=serving) is None
    world.do(edits.set_grant, D1, Grant(B, 2, True))
    assert outcome(world, b=serving) is None
    world.do(edits.set_grant, D2, Grant(B, 2, True))
    assert outcome(world) is None
    assert outcome(world, b=ContainerState(SHOP, True)) is None
    assert outcome(world, b=serving) == moves.DONE
    assert outcome(world, b=ContainerState(SHOP, False, exit_code=0)) == moves.DONE


def test_done_without_data() -> None:
    """A container without data is moved when it serves there and is gone here."""
    world = shop()
    world.do(edits.move_container, "shop", B)
    serving = ContainerState(SHOP, True, serving=True)
    assert outcome(world, a=serving, b=serving) is None
    assert outcome(world, b=serving) == moves.DONE


def test_rolled_back() -> None:
    """The source says that it was rolled back; one that was earlier does not count."""
    world = shop(*ONE)
    world.do(edits.move_container, "shop", B)
    world.progress = (MoveProgress(D1, 2, moves.ROLLED_BACK, A, B, move_id="m0"),)
    assert outcome(world) is None
    world.progress = (MoveProgress(D1, 2, moves.ROLLED_BACK, A, B, move_id="m1"),)
    assert outcome(world) == moves.ROLLED_BACK
    world.do(moves.call_back, "m1", moves.ROLLED_BACK, world.moment)
    assert world.configuration.containers["shop"].node == A
    assert (world.open, world.verdicts) == ([], {"m1": moves.ROLLED_BACK})


def test_who_did_not_know_the_move() -> None:
    """What is told without an id belongs to the move that leads to that epoch, there."""
    world = shop(*ONE)
    world.do(edits.move_container, "shop", B)
    [move] = world.open

    def belongs(node: str, progress: MoveProgress) -> bool:
        return move_reports.belongs(world.configuration, move, node, progress)

    assert belongs(A, MoveProgress(D1, 2, "pushing", A, B))
    assert belongs(B, MoveProgress(D1, 2, "switching", None, B))
    assert not belongs(A, MoveProgress(D1, 2, "pushing", A, C))
    assert not belongs(A, MoveProgress(D1, 1, "done", B, A))
    assert not belongs(A, MoveProgress(D2, 2, "pushing", A, B))
    assert not belongs(A, MoveProgress(D1, 2, "pushing", A, B, move_id="m0"))
    world.do(edits.set_grant, D1, Grant(B, 2, True))
    assert belongs(B, MoveProgress(D1, 2, "done", None, B))


def test_pause_costs() -> None:
    """What a pause costs is told by the last move of which everything is known."""
    world = shop(*TWO)
    for node, epoch, known in ((B, 2, True), (A, 3, True), (B, 4, False)):
        world.do(edits.move_container, "shop", node)
        for each in (D1, D2):
            world.do(edits.set_grant, each, Grant(node, epoch, True))
        [move] = world.open
        source, destination = move.source, move.destination
        told = []
        for number, each in enumerate((D1, D2)):
            steps = (Step("stop", 1.0 * epoch + number), Step("send", 9.0))
            rounds = (Round(1, 1.0), Round(100, 1.0, 1.0), Round(1000 + epoch, 1.0))
            told.append(MoveProgress(each, epoch, "done", source, destination, rounds, steps))
            mount = (Step("mount", 0.5),)
            told.append(MoveProgress(each, epoch, "done", None, destination, steps=mount))
        world.progress = tuple(told) if known else tuple(told[:1])
        assert move_reports.is_complete(move, world.progress) is known
        world.do(moves.end, move.move_id, moves.DONE, world.moment)
    world.do(edits.move_container, "shop", A)
    [move] = world.open
    last = pause_history.last_alike(world.configuration, move)
    assert pause_history.pause_costs(last) == pmap({"stop": 4.0, "mount": 0.5})
    # Another time-out since then is the most that it takes, and what one takes that was killed.
    (hasty, slow) = (replace(SHOP, stop_timeout_seconds=each) for each in (2.0, 60.0))
    assert pause_history.pause_costs(last, hasty)["stop"] == 2.0
    assert pause_history.pause_costs(last, slow)["stop"] == 4.0
    assert last is not None
    killed = tuple(replace(progress, killed=True) for progress in last.accounts)
    assert pause_history.pause_costs(replace(last, accounts=killed), slow)["stop"] == 60.0
    # A checkpoint before the stop, which there was not then, changes what the stop takes.
    hooked = replace(SHOP, before_switch=SwitchHook(("CHECKPOINT",)))
    assert pause_history.pause_costs(last, hooked) == pmap({"mount": 0.5})
    assert pause_history.seconds_of_the_stop(last, hooked) == pmap()
    run = (HookRun("before_switch", 0.1, 0),)
    after_hook = replace(last, accounts=(replace(last.accounts[0], hooks=run), *last.accounts[1:]))
    assert pause_history.pause_costs(after_hook, hooked)["stop"] == 4.0
    assert pause_history.seconds_of_the_stop(
        after_hook, hooked
    ) == pause_history.seconds_of_the_stop(last)
    assert "stop" not in pause_history.pause_costs(after_hook, SHOP)
    assert pause_history.seconds_of_the_stop(last) == pmap({D1: 703 / 1003, D2: 603 / 1003})
    other = pause_history.last_alike(world.configuration, replace(move, container="other"))
    assert other is None
    assert pause_history.pause_costs(other) == pause_history.seconds_of_the_stop(other) == pmap()


def test_receipt() -> None:
    """What is remembered has the epochs, and what both sides said, the source first."""
    world = shop(*ONE)
    world.do(edits.move_container, "shop", B)
    world.do(edits.set_grant, D1, Grant(B, 2, True))
    source = MoveProgress(D1, 2, "done", A, B, move_id="m1")
    destination = MoveProgress(D1, 2, "done", None, B, move_id="m1")
    world.progress = (destination, source)
    world.do(moves.end, "m1", moves.DONE, world.moment)
    past = world.configuration.past_moves["m1"]
    assert (past.verdict, past.ended_at) == (moves.DONE, world.now - 1)
    assert past.epochs == pmap({D1: 2})
    assert past.accounts == (source, destination)


def test_limit() -> None:
    """The latest are remembered, the oldest are forgotten."""
    world = shop()
    for _ in range(moves.PAST_MOVES_MAX // 2 + 1):
        world.do(edits.move_container, "shop", B)
        world.do(edits.move_container, "shop", C)
        world.do(edits.move_container, "shop", A)
    assert len(world.configuration.past_moves) == moves.PAST_MOVES_MAX
    assert "m1" not in world.configuration.past_moves
    assert f"m{moves.PAST_MOVES_MAX + 2}" in world.configuration.past_moves


@given(st.lists(STEPS, max_size=30))
def test_invariants(steps: list[tuple[Callable[..., Edit], object]]) -> None:
    """What is wanted elsewhere than where it is has its one move there, whatever was done."""
    world = World()
    for function, *args in steps:
        try:
            world.do(function, *args)
        except edits.EDIT_ERRORS:
            continue
        require_moves(world.configuration)


def require_moves(configuration: Configuration) -> None:
    """Every difference between what is wanted and what is has its move, and no move is too many."""
    users = {
        volume.dataset_id: each.name
        for each in configuration.containers.values()
        for volume in each.volumes
    }
    for dataset_id, each in configuration.datasets.items():
        move = move_of_dataset(configuration, dataset_id)
        away = configuration.grants[dataset_id].owner != each.primary
        if away and not each.deleted:
            assert move is not None
            assert move.destination == each.primary
        if move is not None:
            assert dataset_id in move.dataset_ids
            assert move.container == users.get(dataset_id)
            assert not each.deleted
    for move in configuration.moves.values():
        assert move.source != move.destination
        if move.container is not None:
            assert move_of_container(configuration, move.container) is move
            assert configuration.containers[move.container].node == move.destination
