"""Which nodes are told of a dataset."""

from __future__ import annotations

import pytest
from pyrsistent import pmap

from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.control.views import dataset_views
from flocker_lite.model import edits, node_edits
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.nodes import announce_node
from flocker_lite.model.records import Configuration, Dataset, Node
from flocker_lite.model.state import DatasetState

A, B, C = (f"{letter * 8}-0000-4000-8000-000000000000" for letter in "abc")
D = "dddddddd-0000-4000-8000-000000000001"
PRIMARY, REPLICA = Lease(Role.PRIMARY, 3), Lease(Role.REPLICA, 2)


def deleted() -> Configuration:
    """Two nodes, and a dataset of the first that is deleted."""
    return edits.in_turn(
        Configuration(),
        lambda c: announce_node(c, Node(A, "10.0.0.1")),
        lambda c: announce_node(c, Node(B, "10.0.0.2")),
        lambda c: edits.create_dataset(c, Dataset(D, "10.0.0.1")),
        lambda c: edits.delete_dataset(c, D),
    ).configuration


@pytest.mark.parametrize("forgotten", [False, True])
def test_deleted(forgotten: bool) -> None:
    """All that have a copy; but the copy of an owner that was forgotten may have a new node."""
    configuration = deleted()
    if forgotten:
        edit = node_edits.forget_node(configuration, A, (), {D: (A, B)}, 1.7e9)
        configuration = announce_node(edit.configuration, Node(C, "10.0.0.1")).configuration
    owner = C if forgotten else A
    copies = pmap({owner: DatasetState(D, PRIMARY), B: DatasetState(D, REPLICA)})
    told = dataset_views(configuration, ClusterState(datasets=pmap({D: copies})), D)
    assert told.keys() == ({B} if forgotten else {A, B})
