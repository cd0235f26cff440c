"""What the configuration keeps of containers that ran to their end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pyrsistent import pmap

from flocker_lite.model import completion, edits
from flocker_lite.model.container_fields.identity import Membership
from flocker_lite.model.records import (
    Configuration,
    Container,
    Dataset,
    Ended,
    Grant,
    Move,
    Node,
    RestartPolicy,
    Volume,
)
from flocker_lite.model.state import ContainerState

NODE, OTHER = (f"aaaaaaaa-0000-4000-8000-00000000000{number}" for number in (1, 2))
DATASET = "dddddddd-0000-4000-8000-000000000001"
JOB = Container("job", NODE, "a:1")
ENDED = Ended(3, 100.0)


def configuration(container: Container = JOB, **maps: Any) -> Configuration:
    """One with this container."""
    nodes = pmap({each: Node(each, f"10.0.0.{each[-1]}") for each in (NODE, OTHER)})
    return replace(Configuration(nodes=nodes, containers=pmap({"job": container})), **maps)


def reported(**fields: Any) -> ContainerState:
    """What a node says of it."""
    return replace(ContainerState(JOB, running=False), **fields)


@pytest.mark.parametrize(
    ("known", "state", "expected"),
    [
        (None, reported(ended=ENDED), ENDED),
        (None, reported(exit_code=3), None),
        (ENDED, reported(), ENDED),
        (ENDED, reported(ended=Ended(0, 200.0)), Ended(0, 200.0)),
        (ENDED, reported(running=True), None),
        (None, reported(container=replace(JOB, image="a:2"), ended=ENDED), None),
        (ENDED, reported(container=replace(JOB, image="a:2"), running=True), ENDED),
        (None, reported(container=replace(JOB, node=OTHER), ended=ENDED), ENDED),
    ],
)
def test_noted(known: Ended | None, state: ContainerState, expected: Ended | None) -> None:
    """It is that of what is wanted, wherever that ran, until it runs again."""
    before = configuration(replace(JOB, ended=known))
    edit = completion.noted(before, "job", state)
    assert edit.configuration.containers["job"].ended == expected
    assert bool(edit.changes) is (expected != known)
    assert not completion.noted(edit.configuration, "job", state).changes


def test_noted_of_none() -> None:
    """What was deleted meanwhile has no end."""
    assert not completion.noted(Configuration(), "job", reported(ended=ENDED)).changes


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"restart_policy": RestartPolicy("on-failure")}, ENDED),
        ({"application": Membership("shop", "job")}, ENDED),
        ({"node": OTHER}, ENDED),
        ({"environment": pmap({"TZ": "UTC"})}, None),
        ({"command_line": ("again",)}, None),
    ],
)
def test_revised(fields: dict[str, Any], expected: Ended | None) -> None:
    """Whoever wants it made of something else has it begin anew; a move does not."""
    before = configuration(replace(JOB, ended=ENDED))
    edit = edits.update_container(before, "job", lambda container: replace(container, **fields))
    assert edit.configuration.containers["job"].ended == expected


def test_is_no_part_of_what_it_is_made_of() -> None:
    """Nobody needs another container for it."""
    ended = replace(JOB, ended=ENDED)
    assert completion.is_same(JOB, ended)
    assert completion.digest(JOB) == completion.digest(ended)
    assert completion.digest(JOB) != completion.digest(replace(JOB, image="a:2"))


def test_who_may_tell() -> None:
    """With data it is who may write it; without, who runs it, or did until it was to move."""
    assert completion.may_tell(configuration(), "job", NODE)
    assert not completion.may_tell(configuration(), "job", OTHER)
    assert not completion.may_tell(Configuration(), "job", NODE)
    move = Move("m", OTHER, NODE, 0.0, "job")
    assert completion.may_tell(configuration(moves=pmap({"m": move})), "job", OTHER)
    with_data = configuration(
        replace(JOB, volumes=(Volume(DATASET, "/data"),)),
        datasets=pmap({DATASET: Dataset(DATASET, NODE)}),
        grants=pmap({DATASET: Grant(OTHER)}),
    )
    assert completion.may_tell(with_data, "job", OTHER)
    assert not completion.may_tell(with_data, "job", NODE)
