"""Agents of an earlier release, and fields of containers that they do not know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.control.admission import can_be_recorded_later
from flocker_lite.model import edits
from flocker_lite.model.field_support import AgentTooOld
from flocker_lite.model.records import Configuration, Container, HealthCheck, Node, Port
from flocker_lite.model.state import Member, NodeState
from tests.control.fake_agents import ControlWorld, FakeAgent, running

A, B = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2))
PLAIN = Container("shop", A, "shop:1")
NEWER = replace(PLAIN, user="1000")
TOO_OLD = (
    "container shop has user, which agents know since protocol 2; the agent of 10.0.0.1 speaks "
    "protocol 1: upgrade it, or leave user out"
)


class OldAgentTests(SynchronousTestCase):
    """Two agents; that of node A is of the first release, unless it is said otherwise."""

    def setUp(self) -> None:
        self.world = ControlWorld()
        self.addCleanup(lambda: self.successResultOf(self.closed()))

    def closed(self) -> Any:
        """The end of the control service."""
        return Deferred.fromCoroutine(self.world.control.close())

    def agent(self, node_id: str, protocol: int) -> FakeAgent:
        """An agent that speaks this protocol at most."""
        return FakeAgent(self.world, node_id, f"10.0.0.{node_id[-1]}", version=protocol, oldest=1)

    def create(self, container: Container) -> Any:
        """Configure it."""
        return self.world.edit(lambda before: edits.create_container(before, container))

    def update(self, **fields: Any) -> Any:
        """Want it otherwise."""
        return self.world.edit(
            lambda before: edits.update_container(before, "shop", lambda c: replace(c, **fields))
        )

    def refused(self, editing: Any) -> str:
        """What is said of an edit that asks too much of an agent."""
        error = self.failureResultOf(editing, AgentTooOld).value
        return "; ".join(fact.text for fact in error.facts)

    def test_a_new_field(self) -> None:
        """An older agent's node takes no container with it, nor one that gets it later."""
        self.agent(A, 1)
        assert self.refused(self.create(NEWER)) == TOO_OLD
        self.successResultOf(self.create(PLAIN))
        assert self.refused(self.update(user="1000")) == TOO_OLD
        assert self.world.control.configuration.containers == pmap({"shop": PLAIN})

    def test_health_for_life(self) -> None:
        """It knows health checks, but not how to go on with them."""
        self.agent(A, 1)
        self.successResultOf(self.create(replace(PLAIN, health_check=HealthCheck(port=80))))
        for more in (
            HealthCheck(port=80, interval_seconds=5.0),
            HealthCheck(port=80, retries=1),
            HealthCheck(port=80, on_unhealthy="restart"),
        ):
            assert self.refused(self.update(health_check=more)).startswith(
                "container shop has health_check, which agents know since protocol 2"
            )

    def test_datagrams(self) -> None:
        """It is told no routes of UDP ports: it would lead TCP connections there."""
        old, new = self.agent(A, 1), self.agent(B, 2)
        old.report(NodeState())
        named = replace(PLAIN, node=B, ports=(Port(53, 53), Port(53, 53, "udp")))
        assert self.refused(self.create(replace(named, node=A))).startswith(
            "container shop has ports, which agents know since protocol 2"
        )
        self.successResultOf(self.create(named))
        new.report(running(named))
        assert set(new.view.routes) == {"53", "53/udp"}
        assert set(old.view.routes) == {"53"}
        old.hang_up()
        for protocol, expected in ((1, {"53"}), (2, {"53", "53/udp"})):
            agent = self.agent(A, protocol)
            agent.report(NodeState())
            assert set(agent.view.routes) == expected
            agent.hang_up()

    def test_networks(self) -> None:
        """All nodes are told who is in which network, but for those that would hang up for it."""
        old, new = self.agent(A, 1), self.agent(B, 2)
        old.report(NodeState())
        new.report(NodeState())
        named = replace(PLAIN, node=B, networks=pmap({"back": ("db",)}))
        assert self.refused(self.create(replace(named, node=A))).startswith(
            "container shop has networks, which agents know since protocol 2"
        )
        self.successResultOf(self.create(named))
        assert new.view.members == {"shop": Member(named.networks)}
        assert old.view.members == {}
        self.successResultOf(self.update(networks=pmap({"front": ()})))
        assert new.view.members == {"shop": Member(pmap({"front": ()}))}
        again = self.agent(B, 2)
        again.report(NodeState())
        assert again.view.members == new.view.members
        self.successResultOf(self.update(networks=pmap()))
        assert again.view.members == {}
        old.hang_up()

    def test_a_move(self) -> None:
        """Nor one that moves or fails over to it."""
        self.agent(A, 1)
        self.agent(B, 2)
        self.successResultOf(self.create(replace(NEWER, node=B)))
        assert self.refused(self.update(node=A)) == TOO_OLD
        # Nor does it get the field on its way to a node that would know it.
        self.successResultOf(self.update(user=None, node=A))
        assert self.refused(self.update(user="1000", node=B)) == TOO_OLD
        self.successResultOf(self.update(node=B))
        self.successResultOf(self.update(user="1000"))

    def test_life(self) -> None:
        """It would ignore a stop, a restart and a retry: they are refused."""
        self.agent(A, 1)
        self.agent(B, 2)
        self.successResultOf(self.create(PLAIN))
        running = self.refused(self.update(running=False))
        assert running.endswith("upgrade it, or leave running out")
        restart = self.world.edit(lambda before: edits.restart_container(before, "shop"))
        assert self.refused(restart).endswith(
            "has restart_generation, which agents know since protocol 2; the agent of 10.0.0.1 "
            "speaks protocol 1: upgrade it"
        )
        assert "agents know retries since protocol 2" in self.refused(self.retry())
        # The source of a move does its part of what is tried again.
        self.successResultOf(self.update(node=B))
        assert "agents know retries since protocol 2" in self.refused(self.retry())

    def test_retried(self) -> None:
        """A retry of the past keeps no container from it."""
        self.agent(A, 1)
        self.agent(B, 2)
        self.successResultOf(self.create(replace(PLAIN, node=B)))
        self.successResultOf(self.retry())
        self.successResultOf(self.update(node=A))

    def retry(self) -> Any:
        """Have what failed tried again now."""
        return self.world.edit(lambda before: edits.retry_container(before, "shop"))

    def test_while_it_is_away(self) -> None:
        """What it speaks is remembered, over a restart of the control service too."""
        self.agent(A, 1).hang_up()
        self.world.restart()
        assert self.refused(self.create(NEWER)) == TOO_OLD

    def test_an_upgrade(self) -> None:
        """An agent that comes with a later protocol takes everything."""
        self.agent(A, 1).hang_up()
        self.agent(A, 2)
        self.successResultOf(self.create(NEWER))

    def test_a_downgrade(self) -> None:
        """An older agent is not let in where a container has the field; the state says why."""
        agent = self.agent(A, 2)
        agent.report(running(NEWER))
        self.successResultOf(self.create(NEWER))
        agent.hang_up()
        (refusal,) = self.agent(A, 1).refusals
        assert TOO_OLD in str(refusal)
        self.world.run(130)
        words = self.world.control.absences.words("containers", "shop")
        assert words == f"the agent of 10.0.0.1 came and was refused: {TOO_OLD}"
        back = self.agent(A, 2)
        assert back.refusals == []
        back.report(running(NEWER))
        assert self.world.control.absences.words("containers", "shop") is None
        assert back.view.containers["shop"] == NEWER

    def test_a_downgrade_after_the_field_is_gone(self) -> None:
        """Once no container has it, the older agent is let in."""
        self.agent(A, 2).hang_up()
        self.successResultOf(self.create(NEWER))
        assert self.agent(A, 1).refusals
        self.successResultOf(self.update(user=None))
        assert self.agent(A, 1).refusals == []


class RecordedLaterTests(SynchronousTestCase):
    """The disk of the control service is full when an agent comes."""

    node = Node(A, "10.0.0.1", protocol=1)

    def can(self, **said: Any) -> bool:
        """Whether the agent of node A, which says this, may come in."""
        known = Configuration(nodes=pmap({A: self.node}))
        return can_be_recorded_later(known, replace(self.node, **said))

    def test_upgraded(self) -> None:
        """Nothing else is new: on record it knows less than it does, which harms nobody."""
        assert self.can(protocol=2)

    def test_everything_else(self) -> None:
        """What others rely on has to be on disk first."""
        assert not self.can(address="10.0.0.9")
        assert not self.can(signs=True)
        assert not self.can(node_id=B)
        self.node = replace(self.node, protocol=2)
        assert not self.can(protocol=1)
