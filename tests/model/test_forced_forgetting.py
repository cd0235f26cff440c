"""A node is forgotten by force, with what is only there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count

import pytest
from pyrsistent import pmap

from flocker_lite.errors import Conflict
from flocker_lite.model import edits, moves, nodes, validation
from flocker_lite.model.adoption import Adopting
from flocker_lite.model.consequences import followed
from flocker_lite.model.editing import edited
from flocker_lite.model.failed_over import FailedOver
from flocker_lite.model.failover_prospects import Facts
from flocker_lite.model.forced_forgetting import Losses, LostDataset, forget_by_force
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.moves import Moment
from flocker_lite.model.records import (
    Change,
    Configuration,
    Container,
    Dataset,
    Edit,
    Grant,
    Move,
    Node,
    PastMove,
    Replicas,
    UserLease,
    Volume,
)
from flocker_lite.model.state import DatasetState, SnapshotSet

A, B = "aaaaaaaa-0000-4000-8000-000000000000", "bbbbbbbb-0000-4000-8000-000000000000"
C = "cccccccc-0000-4000-8000-000000000000"
AT_A, AT_B, AT_C = "10.0.0.1", "10.0.0.2", "10.0.0.3"
D, E = "dddddddd-0000-4000-8000-000000000001", "dddddddd-0000-4000-8000-000000000002"
NOW = 1.7e9
NUMBERS: Iterator[int] = count()
SHOP = Container("shop", AT_A, "shop:1", volumes=(Volume(D, "/d"), Volume(E, "/e")))
WEB = Container("web", AT_A, "nginx:1")


def moment(now: float = NOW) -> Moment:
    """An edit's moment, with ids that no other has."""
    return Moment(now, lambda: f"move-{next(NUMBERS)}")


def edit(before: Configuration, *functions: Callable[[Configuration], Edit]) -> Configuration:
    """What becomes of a configuration by these edits, one after the other."""
    for number, function in enumerate(functions):
        before = followed(before, function(before), moment(NOW - 100 + number)).configuration
    return before


def three() -> Configuration:
    """Three nodes; at A a container with two datasets, and one without."""
    return edit(
        Configuration(),
        *(
            partial(nodes.announce_node, node=Node(*each, protocol=2))
            for each in ((A, AT_A), (B, AT_B), (C, AT_C))
        ),
        lambda c: edits.create_dataset(c, Dataset(D, AT_A, pmap({"name": "data"}))),
        lambda c: edits.create_dataset(c, Dataset(E, AT_A)),
        lambda c: edits.create_container(c, SHOP),
        lambda c: edits.create_container(c, WEB),
    )


def copy(dataset_id: str, role: Role = Role.REPLICA, **facts: object) -> DatasetState:
    """A copy as a node reports it."""
    return replace(DatasetState(dataset_id, Lease(role, 1)), **facts)  # type: ignore[arg-type]


def forgotten(
    before: Configuration, *connected: str, **datasets: dict[str, DatasetState]
) -> tuple[Configuration, Losses]:
    """The rest after A was forgotten, which is sound, and what is lost."""
    told = {D: datasets.get("d", {}), E: datasets.get("e", {})}
    facts = Facts(told, is_away=lambda node_id: node_id in (A, C))
    lost = Losses()

    def function(configuration: Configuration) -> Edit:
        nonlocal lost
        done, lost = forget_by_force(configuration, AT_A, connected, facts, moment())
        return done

    after = followed(before, function(before), moment(NOW + 1)).configuration
    assert A not in after.nodes
    assert A in after.forgotten
    assert list(validation.problems(after)) == []
    assert not after.moves
    return after, lost


def refused(before: Configuration, *connected: str, **datasets: dict[str, DatasetState]) -> str:
    """Why A is not forgotten."""
    with pytest.raises(Conflict) as caught:
        forgotten(before, *connected, **datasets)
    return str(caught.value)


def test_only_there() -> None:
    """Its containers are deleted, and its datasets purged; a lease on one ends."""
    before = edit(three(), lambda c: edits.acquire_lease(c, UserLease(D, A), NOW))
    after, lost = forgotten(before)
    assert lost == Losses(("shop", "web"), (LostDataset(D, "data"), LostDataset(E)))
    assert not after.containers
    assert not after.datasets
    assert not after.leases
    assert set(after.grants) == {D, E}
    assert "connected" in refused(three(), A)


def test_other_copy() -> None:
    """A copy that an earlier move left is no standby: it is named with its age, and destroyed."""
    before = edit(
        three(),
        lambda c: edits.move_container(c, "shop", AT_B),
        lambda c: edits.move_container(c, "shop", AT_A),
    )
    past = Move("old", B, A, NOW - 900, "shop", (D, E))
    done = PastMove(past, moves.DONE, NOW - 800)
    before = edited(before, [Change("past_moves", "old", done)]).configuration
    after, lost = forgotten(before, d={B: copy(D)}, e={B: copy(E), C: copy(E)})
    assert lost.datasets == (
        LostDataset(D, "data", B, NOW - 800),
        LostDataset(E, None, B, NOW - 800),
    )
    assert (after.datasets[D].primary, after.datasets[D].deleted) == (B, True)


def test_standby() -> None:
    """What another node can go on with is not lost: one fails over first."""
    found = SnapshotSet(1, NOW - 5, pmap({D: "1", E: "2"}))
    whole = {"d": {B: copy(D, complete_set=found)}, "e": {B: copy(E, complete_set=found)}}
    said = refused(three(), **whole)
    assert f"{AT_B} can go on with shop: fail over first: flockerctl failover shop --force." in said
    assert "At the moment" not in said
    part = {"d": {B: copy(D, complete_set=found)}}
    assert "At the moment it cannot" in refused(three(), **part)
    assert "claims" in refused(three(), d={B: copy(D, Role.PRIMARY)})


def test_standby_that_is_away() -> None:
    """It may have a copy: it is waited for, or forgotten first."""

    def standing_by(node_id: str) -> Configuration:
        told = replace(three().datasets[D], replicas=Replicas((node_id,)))
        return edited(three(), [Change("datasets", D, told)]).configuration

    assert f"{AT_C} stands by for shop, and is away as well" in refused(standing_by(C))
    assert not forgotten(standing_by(B))[0].containers


def test_moves_from_there() -> None:
    """What has not left yet is lost; a container without data just starts where it should."""
    before = edit(
        three(),
        lambda c: edits.move_container(c, "shop", AT_B),
        lambda c: edits.move_container(c, "web", AT_B),
    )
    after, lost = forgotten(before)
    assert lost.containers == ("shop",)
    assert after.containers["web"].node == B
    verdicts = {past.move.container: past.verdict for past in after.past_moves.values()}
    assert verdicts == {"shop": "cancelled", "web": "superseded"}


def at_b() -> Configuration:
    """All is at B, and should move to A."""
    grants = [Change("grants", each, Grant(B, 2, True)) for each in (D, E)]
    before = edit(
        three(),
        lambda c: edits.move_container(c, "shop", AT_B),
        lambda c: edits.move_container(c, "web", AT_B),
        lambda c: edited(c, grants),
    )
    for move in list(before.moves.values()):
        before = moves.end(before, move.move_id, moves.DONE, moment()).configuration
    return edit(
        before,
        lambda c: edits.move_container(c, "shop", AT_A),
        lambda c: edits.move_container(c, "web", AT_A),
    )


def test_moves_to_there() -> None:
    """What has not come yet stays where it is, and nothing is lost."""
    after, lost = forgotten(at_b(), d={B: copy(D, Role.PRIMARY)})
    assert lost == Losses()
    assert {container.node for container in after.containers.values()} == {B}
    assert {dataset.primary for dataset in after.datasets.values()} == {B}
    assert {past.verdict for past in after.past_moves.values()} == {"done", "cancelled"}
    released = replace(copy(D), lease=Lease(Role.RELEASED, 3, peer=A))
    assert "handed dataset" in refused(at_b(), d={B: released})


def test_half_arrived() -> None:
    """A container that lost a part of its data is lost; the rest of its data stays."""
    before = edited(at_b(), [Change("grants", D, Grant(A, 3, True))]).configuration
    after, lost = forgotten(before)
    assert lost == Losses(("shop",), (LostDataset(D, "data"),))
    assert (after.datasets[E].primary, after.datasets[E].deleted) == (B, False)
    assert after.containers["web"].node == B


def test_adoption_there() -> None:
    """It ends, and what it made goes."""
    adopting = Move("adopt", A, A, NOW, "web", (), adoption=Adopting("plain", pmap()))
    before = edited(three(), [Change("moves", "adopt", adopting)]).configuration
    after, lost = forgotten(before)
    assert lost.containers == ("shop", "web")
    assert [past.verdict for past in after.past_moves.values()] == ["cancelled"]


def test_failover_from_there() -> None:
    """One that is under way is waited for."""
    move = Move("f", A, B, NOW, "shop", (D, E), failover=FailedOver(1.0, NOW, True, False))
    before = edited(three(), [Change("moves", "f", move)]).configuration
    assert "failover from 10.0.0.1 is under way" in refused(before)
