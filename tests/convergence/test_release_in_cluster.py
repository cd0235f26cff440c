"""The control service asks a real agent, over AMP, what its container would become."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from flocker_lite.model.adoption import Release
from flocker_lite.model.editing import edited
from flocker_lite.model.records import Change
from flocker_lite.protocol.adoptions import AdoptionAway, AdoptionForbidden, NoSuchContainer
from tests.convergence.releasing import Released
from tests.convergence.takeover import D


def asked(world: Released, name: str = "pg", docker_name: str | None = None) -> Any:
    """What the agent says, or the error."""
    assert world.cluster.control is not None
    answers: list[Any] = []
    asking = world.cluster.control.release(world.node.node_id, name, docker_name)
    Deferred.fromCoroutine(asking).addBoth(answers.append)
    world.cluster.run(1.0)
    (answer,) = answers
    return answer.value if isinstance(answer, Failure) else answer


def hindrances(world: Released) -> list[str]:
    """Of which settings something is in the way."""
    found = asked(world)
    assert isinstance(found, Release), found
    return [remark.field for remark in found.hindrances]


def test_answer() -> None:
    """Free names, and a volume that is called like its dataset."""
    world = Released()
    found = asked(world)
    assert (found.docker_name, found.volumes, found.hindrances) == (
        "pg",
        pmap({D: "pg-data"}),
        (),
    )
    dataset = world.configuration.datasets[D]
    named = Change("datasets", D, replace(dataset, metadata=pmap({"name": "pgdata"})))
    world.cluster.edit(lambda before: edited(before, [named]))
    world.node.foreign.run("pg", {"Image": "other:1"})
    world.cluster.run(1.0)
    found = asked(world)
    assert (found.docker_name, found.volumes) == ("pg-2", pmap({D: "pgdata"}))
    assert asked(world, docker_name="shop").docker_name == "shop"


def test_not_allowed() -> None:
    """Without the word of its administrator a node gives nothing back."""
    world = Released()
    world.node.allow = ()
    world.restart_agent()
    world.cluster.run(5.0)
    said = asked(world)
    assert isinstance(said, AdoptionForbidden)
    assert "write `allow: [adopt]` into" in str(said)


def test_nor_while_it_goes_on() -> None:
    """The node itself looks once more, whatever the control service says."""
    world = Released()
    world.node.allow = ()
    world.restart_agent()
    world.begin()
    world.run(5.0)
    assert "lets nobody release containers" in world.shown()
    assert world.ours_runs
    assert not world.node.foreign.volumes


def test_none() -> None:
    """A container that is not there yet is none, and an agent that is away says nothing."""
    world = Released()
    assert isinstance(asked(world, "other"), NoSuchContainer)
    world.cluster.stop_agent(world.node)
    world.cluster.run(1.0)
    assert isinstance(asked(world), AdoptionAway)


def test_in_the_way() -> None:
    """One that does not run, or has a volume without a dataset, is not released as it is."""
    world = Released()
    world.node.containers.pause("pg")
    world.cluster.run(2.0)
    assert hindrances(world) == ["running"]
