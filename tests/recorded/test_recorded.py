"""Peers of earlier releases, as they were recorded, with this release at the other end.

`python -m tests.recorded` records a release; the test of the versions says when that is due.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.protocols import amp
from twisted.test.iosim import FakeTransport, IOPump, connect

from flocker_lite.errors import NotUnderstood, PeerRefused
from flocker_lite.interfaces import PeerCopy, Released
from flocker_lite.interfaces.peer_requests import VERSIONS as PEER_VERSIONS
from flocker_lite.interfaces.peer_requests import (
    Acquire,
    AcquireGroup,
    Copy,
    Hello,
    Prepared,
    Receive,
    Serving,
    SetProperties,
)
from flocker_lite.interfaces.request import PeerRequest
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Container, Grant, NodeId
from flocker_lite.model.state import Forecast, Snapshot
from flocker_lite.protocol.link import VERSIONS
from flocker_lite.testing.cluster import MemoryCluster
from tests.recorded.conversation import HERE, Conversation, StandIn
from tests.recorded.stories import (
    CLUSTER,
    DESTINATION,
    FIRST,
    LAST,
    QUESTION,
    SECONDS,
    SHOP,
    SHOP_2,
    SOURCE,
    D,
    Peers,
    asked_for,
    peer_on,
    stream,
)

OTHER = "c01dc0de-0000-4000-8000-000000000002"
CLUSTERS = sorted(HERE.glob("*-cluster.json"))
PEERS = sorted(HERE.glob("*-peers.json"))


def name_of(path: Path) -> str:
    """For the name of a test."""
    return path.stem


def joined(one: Any, other: Any) -> IOPump:
    """Two ends of a connection."""
    return connect(one, FakeTransport(one, True), other, FakeTransport(other, False), greet=False)


class OldAgents:
    """Recorded agents at a control service of this release."""

    def __init__(self, conversation: Conversation, shop: Container) -> None:
        self.conversation = conversation
        self.shop = shop
        self.cluster = MemoryCluster(nodes=0)
        self.cluster.disk.cluster_id = CLUSTER
        self.cluster.start_control()
        self.told: dict[str, str] = {}
        self.agents: dict[NodeId, StandIn] = {}
        self._pumps: list[IOPump] = []
        for node_id in (SOURCE, DESTINATION):
            agent = StandIn(conversation, node_id, "agent")
            self.agents[node_id] = agent
            self._pumps.append(joined(self.cluster.answering(node_id), agent.protocol()))
        assert self.cluster.control is not None
        self.control = self.cluster.control

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.cluster.run(seconds)
        for pump in self._pumps:
            pump.flush()

    def do(self, doing: Any) -> Any:
        """What comes of it."""
        results: list[Any] = []
        Deferred.fromCoroutine(doing).addBoth(results.append)
        self.run(0.1)
        return results[0]

    def play(self, chapter: str) -> None:
        """What the user asks for in a chapter, and all that the agents said in it."""
        for edit in asked_for(chapter, self.shop):
            self.do(self.control.edit(edit))
        for move_id in self.control.configuration.moves:
            self.told = {self.conversation.facts["move_id"]: move_id}
        for node_id, speaker, box in self.conversation.boxes(chapter):
            if speaker == "agent" and amp.ASK in box:
                self.agents[node_id].ask(box, self.told)
                self.run(0.1)
        self.run(SECONDS)
        assert [agent.refused() for agent in self.agents.values()] == [[], []]


@pytest.mark.parametrize("path", CLUSTERS, ids=name_of)
def test_old_agents(path: Path) -> None:
    """This control service has agents of before make, move and delete, and believes them."""
    wanted = SHOP if "protocol-1-" in path.name else SHOP_2
    world = OldAgents(Conversation.load(path), wanted)
    control = world.control
    world.play("start")
    assert {node.node_id: node.address for node in control.configuration.nodes.values()} == {
        SOURCE: "10.0.0.1",
        DESTINATION: "10.0.0.2",
    }
    world.play("create")
    assert control.configuration.grants[D] == Grant(SOURCE, 1, materialised=True)
    shop = control.cluster.nodes[SOURCE].containers["shop"]
    assert (shop.container, shop.running, shop.serving) == (wanted, True, True)
    foretold = world.do(control.forecast(QUESTION))
    assert isinstance(foretold, Forecast)
    assert foretold.expected_bytes is not None
    world.play("move")
    assert control.configuration.grants[D] == Grant(DESTINATION, 2, materialised=True)
    (past,) = control.configuration.past_moves.values()
    assert past.verdict == "done"
    assert {progress.phase for progress in past.accounts} == {"done"}
    assert control.cluster.nodes[DESTINATION].containers["shop"].serving
    world.play("delete")
    assert [state.datasets for state in control.cluster.nodes.values()] == [pmap(), pmap()]
    assert [state.containers for state in control.cluster.nodes.values()] == [pmap(), pmap()]


class ClusterOfOldControl(MemoryCluster):
    """Agents of this release, with a recorded control service."""

    def __init__(self, conversation: Conversation) -> None:
        super().__init__(nodes=2)
        self.conversation = conversation
        # It hands out no keys: those of root were copied by hand.
        self.network.trusts.clear()
        self.services: dict[NodeId, StandIn] = {}
        for node, node_id in zip(self.nodes, (SOURCE, DESTINATION), strict=True):
            node.node_id = node_id
            self.start_agent(node)
        self.run(SECONDS)  # a control service says nothing before it has answered hello

    def answering(self, node_id: NodeId) -> Any:
        self.services[node_id] = StandIn(self.conversation, node_id, "control")
        return self.services[node_id].protocol()

    def play(self, chapter: str) -> None:
        """All that the control service said in a chapter."""
        for node_id, speaker, box in self.conversation.boxes(chapter):
            if speaker == "control" and amp.ASK in box:
                self.services[node_id].ask(box, {})
                self.run(0.2)
        self.run(SECONDS)
        assert [service.refused() for service in self.services.values()] == [[], []]


@pytest.mark.parametrize("path", CLUSTERS, ids=name_of)
def test_an_old_control_service(path: Path) -> None:
    """Agents of this release do what a control service of before tells them."""
    cluster = ClusterOfOldControl(Conversation.load(path))
    source, destination = cluster.nodes
    cluster.play("start")
    assert source.cluster_id == destination.cluster_id == CLUSTER
    cluster.play("create")
    assert source.storage.copies[D].local.lease == Lease(Role.PRIMARY, 1)
    assert source.containers.processes
    source.write("shop", "sold")
    before = len(cluster.services[SOURCE].answers)
    cluster.play("forecast")
    (foretold,) = cluster.services[SOURCE].answers[before:]
    assert b"forecast" in foretold
    cluster.play("move")
    assert destination.storage.copies[D].local.lease == Lease(Role.PRIMARY, 2)
    assert destination.storage.read(D) == ("sold",)
    assert (len(source.containers.processes), len(destination.containers.processes)) == (0, 1)
    assert b"Part" in cluster.services[DESTINATION].heard
    cluster.play("delete")
    assert not source.storage.copies
    assert not destination.storage.copies
    assert not destination.containers.processes


@pytest.mark.parametrize("path", PEERS, ids=name_of)
def test_an_old_source(path: Path) -> None:
    """An agent of this release takes a dataset over from one of before."""
    conversation, peers = Conversation.load(path), Peers()
    source = StandIn(conversation, "session", "source")
    pump = joined(peers.server, source.protocol())
    told: dict[str, str] = {}
    streams = {"g1": stream(None, FIRST, "g1"), "g2": stream("g1", LAST, "g2")}
    for _, speaker, box in conversation.boxes("handoff"):
        if speaker == "source":
            source.ask(box, told)
            pump.flush()
        if speaker == "source" and box[amp.COMMAND] == b"Receive":
            guid = next(iter(streams))
            token = source.answers[-1][b"token"].decode()
            told[conversation.facts[f"token {guid}"]] = token
            peers.stream(token, streams.pop(guid))
    pump.flush()
    assert source.refused() == []
    assert peers.theirs.copies[D].local.lease == Lease(Role.PRIMARY, 2)
    assert peers.theirs.read(D) == ("sold",)


@pytest.mark.parametrize("path", PEERS, ids=name_of)
def test_an_old_destination(path: Path) -> None:
    """An agent of this release understands what one of before answers, and what it cannot do."""
    destination, client = StandIn(Conversation.load(path), "session", "destination"), amp.AMP()
    pump = joined(destination.protocol(), client)
    peers = Peers()
    peer = peer_on(client, peers.clock)

    def get(doing: Any) -> Any:
        results: list[Any] = []
        Deferred.fromCoroutine(doing).addBoth(results.append)
        pump.flush()
        return results[0]

    hello = peer.ask(Hello(PEER_VERSIONS.newest, SOURCE, CLUSTER, PEER_VERSIONS.oldest))
    assert get(hello) == DESTINATION
    assert get(peer.ask(Copy(D))) == PeerCopy(exists=False)
    assert get(peer.ask(Receive(D, 1, None, resumes=False)))
    assert get(peer.ask(Copy(D))) == PeerCopy(True, Lease(Role.REPLICA, 1), Snapshot(LAST, "g2"))
    assert get(peer.ask(Prepared("shop"))) is None
    assert get(peer.ask(Acquire(D, 2, "g2"))) is None
    # It knows no groups: it is asked for one after the other.
    group = (Released(OTHER, 5, "g3"), Released(D, 2, "g2"))
    assert get(peer.ask(AcquireGroup(D, group))) is None
    asked = [command for command in destination.heard if command.startswith(b"Acquire")]
    assert asked == [b"Acquire", b"AcquireGroup", b"Acquire", b"Acquire"]
    assert get(peer.ask(Serving("shop"))) is None
    # It knows no properties either, and keeps what its copy has.
    assert get(peer.ask(SetProperties(D, {"atime": "off"}))).check(NotUnderstood)

    @dataclass(frozen=True, slots=True)
    class Later(PeerRequest[None]):
        """What only a later release knows."""

    failure = get(peer.ask(Later()))
    assert failure.check(PeerRefused)
    assert "does not know Later: upgrade it" in str(failure.value)


def test_each_version_is_recorded() -> None:
    """Of each protocol that this release says to speak there is a recording."""
    names = {path.name for path in (*CLUSTERS, *PEERS)}
    for version in range(VERSIONS.oldest, VERSIONS.newest + 1):
        assert f"protocol-{version}-cluster.json" in names
    for version in range(PEER_VERSIONS.oldest, PEER_VERSIONS.newest + 1):
        assert f"protocol-{version}-peers.json" in names
