"""Who stands by in the place of a node that was chosen, and is forgotten."""

from __future__ import annotations

from flocker_lite.model import edits, node_edits, nodes, validation
from flocker_lite.model.draining import Reports
from flocker_lite.model.machine import Capacity, Machine
from flocker_lite.model.records import Configuration, Dataset, Node, NodeId
from flocker_lite.model.replica_edits import with_standbys
from flocker_lite.model.replicas import REPLICAS_PROTOCOL, Replicas
from flocker_lite.model.standby_choice import missing_standbys

A, B, C, D = (f"{letter * 8}-0000-4000-8000-000000000000" for letter in "abcd")
DATASET = "dddddddd-0000-4000-8000-000000000001"
ROOM = {each: Machine(capacity=Capacity(100, free)) for each, free in ((B, 90), (C, 20), (D, 50))}


def chosen(replicas: Replicas) -> Configuration:
    """Four nodes, and a dataset at the first of them with these replicas."""
    configuration = Configuration()
    for number, node_id in enumerate((A, B, C, D), 1):
        node = Node(node_id, f"10.0.0.{number}", protocol=REPLICAS_PROTOCOL)
        configuration = nodes.announce_node(configuration, node).configuration
    dataset = Dataset(DATASET, A, replicas=replicas)
    made = with_standbys(configuration, dataset, None, Reports(machines=ROOM))
    return edits.create_dataset(configuration, made).configuration


def forget(before: Configuration, node_id: NodeId, *connected: NodeId) -> Replicas | None:
    """The replicas once this node is forgotten, while these are connected."""
    after = node_edits.forget_node(before, node_id, connected, {}, 0.0, ROOM).configuration
    assert list(validation.problems(after)) == []
    return after.datasets[DATASET].replicas


def test_another_node_is_chosen() -> None:
    """The one with the most free space, of those whose agents are connected."""
    before = chosen(Replicas(count=1))
    assert before.datasets[DATASET].replicas == Replicas((A, B), count=1)
    assert forget(before, B, A, C, D) == Replicas((A, D), count=1)
    assert forget(before, B, A, C) == Replicas((A, C), count=1)


def test_it_is_missing_while_there_is_none() -> None:
    """And is chosen when a user asks again."""
    before = chosen(Replicas(count=2))
    left = forget(before, B, A)
    assert left == Replicas((A, D), count=2)
    assert missing_standbys(left, A) == 1
    nobody = forget(chosen(Replicas(count=1)), B, A)
    assert nobody == Replicas((A,), count=1)
    assert missing_standbys(nobody, A) == 1


def test_a_node_that_a_user_named_is_not_replaced() -> None:
    assert forget(chosen(Replicas((A, B, C))), B, A, C, D) == Replicas((A, C))
    assert forget(chosen(Replicas((A, B))), B, A, C, D) is None
