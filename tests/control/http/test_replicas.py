"""Standbys of a dataset in /v1/configuration/datasets"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from flocker_lite.model import edits, node_edits
from flocker_lite.model.machine import MACHINE, Capacity, Machine
from flocker_lite.model.records import Configuration, Edit, Node
from flocker_lite.model.state import NodeState
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2, RESTTestCase

DATASET = "dddddddd-0000-4000-8000-00000000000a"
DATASETS = "/configuration/datasets"
ONE = f"{DATASETS}/{DATASET}"
NODE_3 = "33333333-3333-4333-8333-333333333333"
ADDRESS_3 = "10.77.0.13"
NODE_4 = "44444444-4444-4444-8444-444444444444"
ADDRESS_4 = "10.77.0.14"


class ReplicasTestCase(RESTTestCase):
    """Tests with four nodes, all connected; the fourth has the most free space."""

    def setUp(self) -> None:
        super().setUp()
        for node_id, address in ((NODE_3, ADDRESS_3), (NODE_4, ADDRESS_4)):
            self.announce(Node(node_id, address, protocol=2))
        for number, node_id in enumerate((NODE_1, NODE_2, NODE_3, NODE_4), 1):
            self.come(node_id, free_bytes=number * 2**30)

    def announce(self, node: Node) -> None:
        self.edit(lambda before: edits.announce_node(before, node))

    def edit(self, function: Any) -> Edit:
        return self.successResultOf(Deferred.fromCoroutine(self.control.edit(function)))

    def come(self, node_id: str, free_bytes: int) -> None:
        machine = Machine(capacity=Capacity(2**40, free_bytes))
        self.control.report(node_id, NodeState(machine=_one(machine)))

    def create(self, **replicas: Any) -> Any:
        body = {"dataset_id": DATASET, "primary": ADDRESS_1, "replicas": replicas}
        return self.post(DATASETS, body)

    def standbys(self) -> Any:
        return self.get(DATASETS)[0]["replicas"]["nodes"]

    def messages(self, reply: Any) -> list[str]:
        return [each["message"] for each in reply.body["problems"]]


def _one(machine: Machine) -> Any:
    return NodeState().machine.set(MACHINE, machine)


class NamedTests(ReplicasTestCase):
    """The request names the nodes."""

    def test_stored(self) -> None:
        """What is not said has its default, and nodes are shown by their addresses."""
        reply = self.create(nodes=[ADDRESS_2, NODE_3])
        assert reply.status == 201
        assert reply.body["replicas"] == {
            "nodes": [ADDRESS_2, ADDRESS_3],
            "rpo_seconds": 30.0,
            "warm": False,
        }
        assert self.get(DATASETS) == [reply.body]
        replicas = self.control.configuration.datasets[DATASET].replicas
        assert replicas is not None
        assert replicas.nodes == (NODE_2, NODE_3)

    def test_everything(self) -> None:
        """Sizes and times may be texts; host names stand for addresses."""
        self.hosts["db2.example.com"] = (ADDRESS_2,)
        asked = {"rpo_seconds": "1m", "bandwidth_limit": "20m", "warm": True}
        body = self.create(nodes=["db2.example.com"], **asked).body
        assert body["replicas"] == {
            "nodes": [ADDRESS_2],
            "rpo_seconds": 60.0,
            "bandwidth_limit": 20 * 2**20,
            "warm": True,
        }

    def test_what_is_answered_is_accepted(self) -> None:
        """An answer can be sent back, and changes nothing."""
        body = self.create(nodes=[ADDRESS_2]).body
        assert self.post(ONE, {"replicas": body["replicas"]}).body == body

    def test_primary_among_them(self) -> None:
        """A pair of nodes names both, and stays a pair after a move."""
        assert self.create(nodes=[ADDRESS_1, ADDRESS_2]).status == 201
        assert self.post(ONE, {"primary": ADDRESS_2}).status == 200
        assert self.standbys() == [ADDRESS_1, ADDRESS_2]

    def test_none(self) -> None:
        """null has nobody stand by any more."""
        self.create(nodes=[ADDRESS_2])
        assert "replicas" not in self.post(ONE, {"replicas": None}).body

    def test_unknown_node(self) -> None:
        """A node that is not part of the cluster is refused by its address."""
        reply = self.create(nodes=["10.9.9.9"])
        assert reply.status == 400
        assert any("10.9.9.9" in message for message in self.messages(reply))
        assert self.get(DATASETS) == []

    def test_twice(self) -> None:
        """A node stands by only once, whatever it is called."""
        reply = self.create(nodes=[ADDRESS_2, NODE_2])
        self.assert_refused(reply, 409, "A node can stand by only once.")
        assert self.messages(reply) == [f"{ADDRESS_2} is named twice: a node has one copy at most"]

    def test_only_the_primary(self) -> None:
        """Nobody stands by for himself."""
        self.assert_refused(
            self.create(nodes=[ADDRESS_1]), 409, "The replicas of the dataset have no nodes."
        )

    def test_neither(self) -> None:
        """Without nodes and without a count, the error says what to name."""
        reply = self.create(rpo_seconds=10)
        self.assert_refused(reply, 409, "The replicas of the dataset have no nodes.")
        assert "count" in self.messages(reply)[0]

    def test_rpo_too_small(self) -> None:
        """The error says how small it may be."""
        reply = self.create(nodes=[ADDRESS_2], rpo_seconds=1)
        assert reply.status == 400
        assert self.messages(reply) == [
            "$.replicas.rpo_seconds: 1 is not a number of seconds, 5 or more, "
            'or a text such as "1m30s"'
        ]

    def test_cordoned(self) -> None:
        """Nothing new is put on a cordoned node; what stands by there goes on."""
        self.create(nodes=[ADDRESS_2])
        self.edit(lambda before: node_edits.set_schedulable(before, ADDRESS_2, False))
        assert self.post(ONE, {"replicas": {"nodes": [ADDRESS_2], "rpo_seconds": 9}}).status == 200
        self.edit(lambda before: node_edits.set_schedulable(before, ADDRESS_3, False))
        assert self.post(ONE, {"replicas": {"nodes": [ADDRESS_3]}}).status == 409

    def test_agent_too_old(self) -> None:
        """An agent that would ignore it is named, with what it speaks."""
        self.announce(Node(NODE_2, ADDRESS_2, protocol=1))
        reply = self.create(nodes=[ADDRESS_2])
        self.assert_refused(reply, 409, "The agent of a node is too old for standbys.")
        (message,) = self.messages(reply)
        assert f"the agent of {ADDRESS_2} speaks protocol 1" in message

    def test_both_agents_too_old(self) -> None:
        """Each is named once, also the primary that is named again."""
        for node_id, address in ((NODE_1, ADDRESS_1), (NODE_2, ADDRESS_2)):
            self.announce(Node(node_id, address, protocol=1))
        assert len(self.messages(self.create(nodes=[ADDRESS_1, ADDRESS_2]))) == 2


class CountTests(ReplicasTestCase):
    """The request says how many."""

    def test_most_free(self) -> None:
        """The nodes with the most free space are chosen, and the answer says which."""
        body = self.create(count=2).body
        assert body["replicas"]["nodes"] == [ADDRESS_1, ADDRESS_4, ADDRESS_3]
        assert body["replicas"]["count"] == 2

    def test_not_everywhere(self) -> None:
        """Neither on a cordoned node, nor on one that is away."""
        self.edit(lambda before: node_edits.set_schedulable(before, ADDRESS_4, False))
        self.control.report(NODE_3, NodeState()).connectionLost(Failure(ConnectionDone()))
        assert self.create(count=1).body["replicas"]["nodes"] == [ADDRESS_1, ADDRESS_2]

    def test_too_many(self) -> None:
        """More copies than there are nodes are refused, with how many there could be."""
        reply = self.create(count=4)
        self.assert_refused(reply, 409, "There are too few nodes.")
        assert "3 nodes besides the primary" in self.messages(reply)[0]

    def test_stays(self) -> None:
        """Who stands by already is chosen first."""
        self.create(nodes=[ADDRESS_2])
        self.post(ONE, {"replicas": {"count": 1}})
        assert self.standbys() == [ADDRESS_1, ADDRESS_2]

    def test_after_a_move(self) -> None:
        """After a move to the standby, the old primary stands by."""
        self.create(count=1)
        self.post(ONE, {"primary": ADDRESS_4})
        replicas = self.control.configuration.datasets[DATASET].replicas
        assert replicas is not None
        assert replicas.standbys(NODE_4) == (NODE_1,)
        assert replicas.standbys(NODE_2) == (NODE_1,)


class NodesThatGoTests(ReplicasTestCase):
    """A standby that is no part of the cluster any more."""

    def configuration(self) -> Configuration:
        return self.control.configuration

    def test_forgotten(self) -> None:
        """It stands by no more."""
        self.create(nodes=[ADDRESS_2, ADDRESS_3])
        self.edit(lambda before: node_edits.forget_node(before, ADDRESS_2, (), {}, 0.0))
        assert self.standbys() == [ADDRESS_3]
        self.edit(lambda before: node_edits.forget_node(before, ADDRESS_3, (), {}, 0.0))
        assert "replicas" not in self.get(DATASETS)[0]

    def test_installed_anew(self) -> None:
        """A machine with the same address and another identity stands by in its place."""
        self.create(nodes=[ADDRESS_2])
        anew = replace(self.configuration().nodes[NODE_2], node_id=NODE_2.replace("2", "5"))
        self.edit(lambda before: edits.announce_node(before, anew))
        replicas = self.configuration().datasets[DATASET].replicas
        assert replicas is not None
        assert replicas.nodes == (anew.node_id,)
