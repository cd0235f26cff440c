"""How nodes become part of a configuration before and when their agents announce themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pyrsistent import pmap

from flocker_lite.model import edits, nodes
from flocker_lite.model.records import (
    Configuration,
    Container,
    Dataset,
    Grant,
    Node,
    UserLease,
    Volume,
)

ADDRESS = "10.0.0.1"
REAL = "aaaaaaaa-0000-4000-8000-000000000000"
OTHER = "bbbbbbbb-0000-4000-8000-000000000000"
DATASET = "dddddddd-0000-4000-8000-000000000001"
PLACEHOLDER = nodes.placeholder(ADDRESS)


def expected(where: str = ADDRESS) -> Configuration:
    """A configuration in which a node is expected at this address, and nothing else."""
    return nodes.expect_node(Configuration(), where).configuration


def test_expect() -> None:
    """An address that nobody has announced gets a placeholder, always the same."""
    assert expected().nodes == pmap({PLACEHOLDER.node_id: PLACEHOLDER})
    assert nodes.expect_node(expected(), ADDRESS).changes == ()
    assert nodes.is_placeholder(PLACEHOLDER)
    assert expected("FD00:0::1") == expected("fd00::1")


def test_expect_known() -> None:
    """A node that is known is not expected any more."""
    configuration = nodes.announce_node(Configuration(), Node(REAL, ADDRESS)).configuration
    assert nodes.expect_node(configuration, ADDRESS).changes == ()
    assert nodes.expect_node(configuration, REAL).changes == ()


def test_expect_uuid() -> None:
    """A UUID that nobody has announced is refused: nobody would know where the node is."""
    with pytest.raises(edits.UnknownNode):
        nodes.expect_node(Configuration(), REAL)


def test_announce_expected() -> None:
    """When the expected node announces itself, all that was put on the placeholder is its own."""
    configuration = edits.in_turn(
        expected(),
        lambda c: edits.create_dataset(c, Dataset(DATASET, ADDRESS)),
        lambda c: edits.create_container(
            c, Container("web", ADDRESS, "nginx:latest", volumes=(Volume(DATASET, "/a"),))
        ),
        lambda c: edits.acquire_lease(c, UserLease(DATASET, ADDRESS), 0.0),
    ).configuration
    edit = nodes.announce_node(configuration, Node(REAL, ADDRESS))
    after = edit.configuration
    assert after.nodes == pmap({REAL: Node(REAL, ADDRESS)})
    assert after.datasets[DATASET] == Dataset(DATASET, REAL)
    assert after.grants[DATASET] == Grant(REAL)
    assert after.containers["web"] == replace(configuration.containers["web"], node=REAL)
    assert after.leases[DATASET] == UserLease(DATASET, REAL)


def test_announce_elsewhere() -> None:
    """Other nodes' announcements leave a placeholder alone."""
    after = nodes.announce_node(expected(), Node(OTHER, "10.0.0.2")).configuration
    assert after.nodes[PLACEHOLDER.node_id] == PLACEHOLDER
