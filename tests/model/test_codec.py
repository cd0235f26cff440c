"""Records as JSON and back, and the differences between two of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from pyrsistent import pmap

from flocker_lite.model import codec, deltas
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Change, Configuration, Container, Dataset, Port
from flocker_lite.model.state import DatasetState, NodeState, NodeView
from flocker_lite.testing.strategies import (
    CONFIGURATIONS,
    CONTAINERS,
    MOVES,
    NODE_STATES,
    NODE_VIEWS,
)

MAPS = CONFIGURATIONS | NODE_STATES | NODE_VIEWS


@given(MAPS | CONTAINERS | MOVES)
def test_what_is_written_is_read(record: Any) -> None:
    """Every record comes back from its text as it was."""
    assert codec.loads(type(record), codec.dumps(record)) == record


@given(CONTAINERS, CONTAINERS)
def test_equal_records_have_equal_texts(one: Container, other: Container) -> None:
    """The text may be compared in place of the record."""
    assert (codec.dumps(one) == codec.dumps(other)) == (one == other)


@given(MAPS)
def test_whole(record: Any) -> None:
    """The changes from nothing lead to the record, over the wire as well."""
    changes = [codec.change_to_json(change) for change in deltas.whole(record)]
    wire = json.loads(json.dumps(changes))
    kind: Any = type(record)
    read = [codec.change_from_json(kind, change) for change in wire]
    assert deltas.apply(kind(), read) == record


@given(NODE_STATES, NODE_STATES)
def test_difference_of_states(old: NodeState, new: NodeState) -> None:
    """The difference leads from the one to the other; to itself there is none."""
    assert deltas.apply(old, deltas.difference(old, new)) == new
    assert deltas.difference(new, new) == ()


@given(CONFIGURATIONS, CONFIGURATIONS)
def test_difference_of_configurations(old: Configuration, new: Configuration) -> None:
    """It names only what is different."""
    changes = deltas.difference(old, new)
    assert deltas.apply(old, changes) == new
    for change in changes:
        assert getattr(old, change.kind).get(change.identity) != change.record


def test_unknown_map() -> None:
    """A change of a map that the record does not have is an error; removing twice is none."""
    with pytest.raises(KeyError):
        deltas.apply(Configuration(), [Change("pets", "rex", None)])
    assert deltas.apply(Configuration(), [Change("nodes", "x", None)]) == Configuration()


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        (Port, {"internal": "80", "external": 80}, "not of type int"),
        (Port, {"internal": True, "external": 80}, "not of type int"),
        (Port, {"internal": 80}, "missing"),
        (Port, [80, 80], "not a Port"),
        (Dataset, {"dataset_id": "d", "primary": None}, "not of type str"),
        (Dataset, {"dataset_id": "d", "primary": "n", "metadata": {"a": 1}}, "not of type str"),
        (Dataset, {"dataset_id": "d", "primary": "n", "deleted": 1}, "not of type bool"),
        (DatasetState, {"dataset_id": "d", "lease": "owner:1"}, "not a lease"),
        (DatasetState, {"dataset_id": "d", "lease": 7}, "not of type str"),
    ],
)
def test_strict(kind: type, value: object, reason: str) -> None:
    """Nothing is converted, and the text says what is wrong."""
    with pytest.raises(codec.CodecError, match=reason):
        codec.from_json(kind, value)


def test_neighbours_understand_each_other() -> None:
    """Keys of a later release are ignored, and missing ones have their default."""
    value = {"dataset_id": "d", "primary": "n", "colour": "blue"}
    assert codec.from_json(Dataset, value) == Dataset("d", "n")
    assert codec.to_json(Dataset("d", "n")) == {"dataset_id": "d", "primary": "n"}


def test_lease_is_its_text() -> None:
    """A lease travels as the text that is on disk."""
    state = DatasetState("d", Lease(Role.RELEASED, 8, "node-b"))
    assert codec.to_json(state)["lease"] == "released:8:node-b"


@pytest.mark.parametrize("value", [7, ["pets", "rex", None], ["datasets", 7, None], ["datasets"]])
def test_no_change(value: object) -> None:
    """What is not a change of the maps is refused."""
    with pytest.raises(codec.CodecError):
        codec.change_from_json(NodeView, value)


def test_no_json() -> None:
    """A text that is not JSON is refused."""
    with pytest.raises(codec.CodecError, match="not JSON"):
        codec.loads(Dataset, "{")
    assert codec.loads(NodeState, "{}") == NodeState(pmap(), pmap(), pmap())
