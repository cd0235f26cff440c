"""What users do to nodes: cordon them, and forget those that are gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flocker_lite.errors import Conflict, NotFound
from flocker_lite.model import edits, node_edits, nodes, validation
from flocker_lite.model.editing import edited
from flocker_lite.model.forgotten import FORGOTTEN_MAX
from flocker_lite.model.records import (
    Change,
    Configuration,
    Container,
    Dataset,
    Forgotten,
    Node,
    NodeId,
    Volume,
)

A, B = "aaaaaaaa-0000-4000-8000-000000000000", "bbbbbbbb-0000-4000-8000-000000000000"
AT_A, AT_B = "10.0.0.1", "10.0.0.2"
NOW = 1.7e9
D = "dddddddd-0000-4000-8000-000000000001"
E = "dddddddd-0000-4000-8000-000000000002"
SHOP = Container("shop", AT_A, "redis:latest", volumes=(Volume(D, "/data"),))


def two() -> Configuration:
    """Two nodes, and a container with data at the first."""
    return edits.in_turn(
        Configuration(),
        lambda c: nodes.announce_node(c, Node(A, AT_A)),
        lambda c: nodes.announce_node(c, Node(B, AT_B)),
        lambda c: edits.create_dataset(c, Dataset(D, AT_A)),
        lambda c: edits.create_container(c, SHOP),
    ).configuration


def cordoned(where: str) -> Configuration:
    """The same with this node cordoned."""
    return node_edits.set_schedulable(two(), where, False).configuration


def test_cordoned() -> None:
    """Nothing new comes there; what is there can be changed, and may go."""
    before = cordoned(AT_B)
    for refused in (
        lambda c: edits.create_dataset(c, Dataset(D[:-1] + "2", AT_B)),
        lambda c: edits.create_container(c, Container("web", AT_B, "nginx:latest")),
        lambda c: edits.move_container(c, "shop", B),
    ):
        with pytest.raises(Conflict, match=f"{AT_B} is cordoned"):
            refused(before)
    before = cordoned(A)
    edits.update_container(before, "shop", lambda shop: replace(shop, image="redis:7"))
    moved = edits.move_container(before, "shop", B).configuration
    with pytest.raises(Conflict, match=f"{AT_A} is cordoned"):
        edits.move_container(moved, "shop", A)
    opened = node_edits.set_schedulable(moved, A, True).configuration
    edits.move_container(opened, "shop", A)


def test_cordoned_before_and_after_it_comes() -> None:
    """An agent that announces its node anew does not open it, nor one that was only expected."""
    before = cordoned(A)
    edit = nodes.announce_node(before, Node(A, AT_A, protocol=2))
    assert not edit.configuration.nodes[A].schedulable
    expected = nodes.expect_node(Configuration(), AT_A).configuration
    expected = node_edits.set_schedulable(expected, AT_A, False).configuration
    assert nodes.is_placeholder(next(iter(expected.nodes.values())))
    assert not nodes.announce_node(expected, Node(A, AT_A)).configuration.nodes[A].schedulable


def forgotten(before: Configuration, *connected: NodeId, holders: tuple[NodeId, ...] = ()) -> str:
    """Why the first node cannot be forgotten; "" if it was, and the rest is sound."""
    try:
        after = node_edits.forget_node(before, AT_A, connected, {D: holders}, NOW).configuration
    except Conflict as error:
        return str(error)
    assert list(after.nodes) == [B]
    assert after.forgotten == {A: Forgotten(A, AT_A, NOW)}
    assert list(validation.problems(after)) == []
    return ""


def test_forget() -> None:
    """It must be away and have nothing; what it has is named."""
    before = two()
    assert "connected" in forgotten(before, A)
    assert f"container shop, dataset {D}" in forgotten(before, B)
    before = edits.delete_container(before, "shop").configuration
    assert f"still has dataset {D}" in forgotten(before)
    before = edits.delete_dataset(before, D).configuration
    assert forgotten(before) == ""
    with pytest.raises(NotFound):
        node_edits.forget_node(before, "10.0.0.9", (), {}, NOW)


def test_data_that_is_nowhere_else() -> None:
    """Data that should be elsewhere, and is still there alone, keeps it."""
    before = edits.move_container(two(), "shop", B).configuration
    assert f"still has dataset {D}" in forgotten(before)


def test_deleted_datasets() -> None:
    """One that nobody else has is purged; another node's copy still has to be destroyed."""
    before = edits.in_turn(
        two(), lambda c: edits.delete_container(c, "shop"), lambda c: edits.delete_dataset(c, D)
    ).configuration
    purged = node_edits.forget_node(before, A, (), {D: (A,)}, NOW).configuration
    assert D not in purged.datasets
    assert D in purged.grants
    left = node_edits.forget_node(before, A, (), {D: (A, B)}, NOW).configuration
    assert (left.datasets[D].primary, left.datasets[D].deleted) == (B, True)
    assert forgotten(before, holders=(B,)) == ""


def test_what_was_asked_of_it() -> None:
    """Nobody waits for the images that it should have had."""
    before = edits.in_turn(
        Configuration(),
        lambda c: nodes.announce_node(c, Node(A, AT_A)),
        lambda c: nodes.announce_node(c, Node(B, AT_B)),
        lambda c: edits.want_image(c, A, "redis:latest"),
    ).configuration
    after = node_edits.forget_node(before, A, (), {}, NOW).configuration
    assert not after.images


def with_tombstones(*tombstones: Forgotten) -> Configuration:
    """Two nodes, one of them with a container, and these tombstones."""
    changes = [Change("forgotten", each.node_id, each) for each in tombstones]
    return edited(two(), changes).configuration


def test_tombstones() -> None:
    """So many are kept; the oldest goes first. Nobody answers to the UUID of a placeholder."""
    several = [Forgotten(f"{n:08x}{A[8:]}", AT_A, NOW - n) for n in range(FORGOTTEN_MAX)]
    after = node_edits.forget_node(with_tombstones(*several), B, (), {}, NOW).configuration
    assert len(after.forgotten) == FORGOTTEN_MAX
    assert B in after.forgotten
    assert several[-1].node_id not in after.forgotten
    expected = nodes.expect_node(two(), "10.0.0.3").configuration
    assert not node_edits.forget_node(expected, "10.0.0.3", (), {}, NOW).configuration.forgotten


def test_purge_after_that() -> None:
    """A purge no longer waits for a node that was forgotten."""
    before = edits.in_turn(
        edits.move_container(two(), "shop", B).configuration,
        lambda c: edits.set_grant(c, D, replace(c.grants[D], owner=B, epoch=2)),
        lambda c: edits.delete_container(c, "shop"),
        lambda c: edits.delete_dataset(c, D),
    ).configuration
    with pytest.raises(Conflict, match=f"{AT_A} is away"):
        edits.purge_dataset(before, D, holders=(), reporting=(B,))
    forgotten = node_edits.forget_node(before, A, (), {}, NOW).configuration
    assert D not in edits.purge_dataset(forgotten, D, (), reporting=(B,)).configuration.datasets


def test_readmit() -> None:
    """By its UUID or its last address, unless that was the address of several."""
    first, second = Forgotten(A[:-1] + "1", "10.0.0.7", NOW), Forgotten(A[:-1] + "2", "::7", NOW)
    before = with_tombstones(first, second)
    edit, found = node_edits.readmit(before, first.node_id.upper(), {})
    assert (found, set(edit.configuration.forgotten)) == (first, {second.node_id})
    edit, found = node_edits.readmit(before, "0:0::7", {})
    assert (found, set(edit.configuration.forgotten)) == (second, {first.node_id})
    for unknown in (AT_A, A):
        with pytest.raises(NotFound):
            node_edits.readmit(before, unknown, {})
    both = with_tombstones(first, replace(second, address=first.address))
    with pytest.raises(Conflict, match=f"{first.node_id}, {second.node_id}"):
        node_edits.readmit(both, first.address, {})


def test_readmit_with_lost_datasets() -> None:
    """They are purged, or the node would destroy them; before that the others destroy theirs."""
    deleted = edits.in_turn(
        two(),
        lambda c: edits.delete_container(c, "shop"),
        lambda c: edits.delete_dataset(c, D),
        lambda c: edits.create_dataset(c, Dataset(E, AT_B)),
        lambda c: edits.delete_dataset(c, E),
    ).configuration
    forgotten = node_edits.forget_node(deleted, A, (), {D: (A, B)}, NOW).configuration
    assert forgotten.datasets[D].primary == B
    with pytest.raises(Conflict, match=f"{AT_B} has yet to destroy its copy of dataset {D}"):
        node_edits.readmit(forgotten, A, {D: (B,), E: (B,)})
    edit, _ = node_edits.readmit(forgotten, A, {D: (A,), E: (B,)})
    assert (set(edit.configuration.datasets), set(edit.configuration.forgotten)) == ({E}, set())


def test_both_there_and_forgotten() -> None:
    """An import that says so is refused."""
    [problem] = validation.problems(with_tombstones(Forgotten(A, AT_A, NOW)))
    assert "both there and forgotten" in problem
