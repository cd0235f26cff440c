"""A field is declared once, and requests, answers and schemas follow from that."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import pytest

from flocker_lite.control.http import openapi
from flocker_lite.model.fields import (
    NULL_IS_REFUSED,
    described,
    reference,
    rendered,
    revised,
    rows,
    whole,
)
from flocker_lite.model.records import Container, Dataset
from flocker_lite.model.versions import NEWEST
from tests.model import field_table


@dataclass(frozen=True)
class Box:
    """A record with a field of each sort."""

    name: str = field(metadata=described("Its name.", reference("UUID"), identity=True))
    node: str = field(
        metadata=described(
            "Where.", reference("NodeName"), name="host", is_node=True, required=True, leads=True
        )
    )
    size: int = field(default=5, metadata=described("Its size.", whole(1), parse=int))
    seen: bool = field(
        default=False, metadata=described("Seen.", None, {"type": "boolean"}, always=True)
    )
    secret: int = 0


BOX = Box("a", "node-1")


def address(node_id: str) -> str:
    """What the API calls a node."""
    return f"address of {node_id}"


def test_order() -> None:
    """What leads is first; what is not described is not there."""
    assert [row.name for row in rows(Box)] == ["host", "name", "size", "seen"]


def test_revised() -> None:
    """A body changes what it has, as the value that it stands for."""
    assert revised(BOX, {"size": 1e9}) == Box("a", "node-1", 10**9)
    assert isinstance(revised(BOX, {"size": 1e9}).size, int)


def test_null() -> None:
    """Null stands for what a new record has."""
    assert revised(Box("a", "node-1", 7), {"size": None}) == BOX


@pytest.mark.parametrize("name", ["name", "seen", "secret"])
def test_not_revised(name: str) -> None:
    """Nobody changes an identity, what is only seen, or what is not described."""
    assert revised(BOX, {name: "b"}) == BOX


def test_rendered() -> None:
    """A default is left out, unless it is always there."""
    body = {"host": "address of node-1", "name": "a", "seen": False}
    assert rendered(BOX, address) == body


def test_rendered_in_full() -> None:
    """Everything that is described, with what the API calls a node."""
    assert rendered(Box("a", "node-1", 7, True, 9), address) == {
        "host": "address of node-1",
        "name": "a",
        "size": 7,
        "seen": True,
    }


def test_required_is_not_null() -> None:
    """What is required has no default that null could stand for."""
    [host] = [row for row in rows(Box) if row.name == "host"]
    assert host.about.null is NULL_IS_REFUSED
    assert host.about.always


@pytest.mark.parametrize("record", [Container, Dataset])
def test_every_field_is_described(record: type) -> None:
    """All that a user sets is described, and in the document of every use."""
    described_fields = {row.attribute for row in rows(record)}
    hidden = {"ended", "retry_generation", "secret_versions"}
    assert {each.name for each in fields(record)} - described_fields <= hidden
    schemas = openapi.load().content["components"]["schemas"]
    for row in rows(record):
        assert row.name in schemas[record.__name__]["properties"]
        is_set = row.about.request is not None
        assert (row.name in schemas[f"Create{record.__name__}"]["properties"]) == is_set
        if is_set:
            assert row.name in schemas[f"Update{record.__name__}"]["properties"]


def test_documented() -> None:
    """`python -m tests.model.field_table` has been run since a field was declared."""
    text = field_table.PATH.read_text("utf-8")
    assert text == field_table.with_tables(text, field_table.TABLES)


def test_no_field_of_the_future() -> None:
    """An agent of this release knows all fields; one that is behind is told from it by that."""
    assert max(row.about.protocol for row in rows(Container)) <= NEWEST
