"""What comes on the agents' port and is no agent, or a bad one: the others do not notice."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.protocols import amp
from twisted.test.iosim import FakeTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from flocker_lite.control.agent_links import (
    UNAUTHENTICATED_BOXES_MAX,
    AgentLinkFactory,
)
from flocker_lite.control.http.resources import COLLECTIONS
from flocker_lite.control.service import STATE_SECONDS_MAX
from flocker_lite.control.unauthenticated_link import GREETING_SECONDS_MAX
from flocker_lite.model import deltas
from flocker_lite.model.state import NodeState
from flocker_lite.protocol.link import (
    ANSWERS_UNREAD_MAX,
    BOX_BYTES_MAX,
    VERSIONS,
    Hello,
    Part,
    Ping,
)
from flocker_lite.protocol.messages import BadMessage, Message, encode
from flocker_lite.refusal_log import LINES_MAX, WINDOW_SECONDS
from flocker_lite.testing.strategies import LEASES, NODE_STATES
from tests.control.fake_agents import ControlWorld, FakeAgent, holding
from tests.protocol.hostile import mutated

GREETING = {
    "version": VERSIONS.newest,
    "node_id": "b",
    "address": "10.0.0.2",
    "cluster_id": "",
    "era": "era",
    "session": "b",
}


def box(command: Any, **arguments: Any) -> bytes:
    """A command as it is sent."""
    asked: amp.AmpBox = command.makeArguments(arguments, None)
    asked[amp.COMMAND], asked[amp.ASK] = command.commandName, b"1"
    return asked.serialize()


HELLO = box(Hello, **GREETING)


class Stranger:
    """A connection to the agents' port on which anything may be sent."""

    def __init__(self, links: AgentLinkFactory) -> None:
        self.link = links.buildProtocol(None)
        self.transport = FakeTransport(self.link, True)
        self.link.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        """Say this; nothing is heard once the other side has hung up."""
        if not self.is_over:
            self.link.dataReceived(data)

    @property
    def is_over(self) -> bool:
        """Whether the control service has hung up."""
        return bool(self.transport.disconnecting)

    @property
    def heard(self) -> bytes:
        """What was answered until now."""
        return self.transport.getOutBuffer()


class StrangerTests(SynchronousTestCase):
    """Those that do not say hello."""

    def setUp(self) -> None:
        self.world = ControlWorld()
        self.links = AgentLinkFactory(self.world.control, self.world.clock, unauthenticated_max=2)

    def stranger(self) -> Stranger:
        """One more."""
        return Stranger(self.links)

    def test_one_that_says_nothing(self) -> None:
        """It is hung up on before long; one that has said hello stays."""
        silent, agent = self.stranger(), self.stranger()
        agent.send(HELLO)
        self.world.clock.advance(GREETING_SECONDS_MAX)
        assert (silent.is_over, agent.is_over) == (True, False)

    def test_one_that_goes_on_pinging(self) -> None:
        """That is no hello."""
        pinging = self.stranger()
        for _ in range(UNAUTHENTICATED_BOXES_MAX):
            pinging.send(box(Ping))
        assert not pinging.is_over
        pinging.send(box(Ping))
        assert pinging.is_over

    def test_no_room(self) -> None:
        """The one that has been there longest goes, and agents are none of them."""
        agents = [self.stranger() for _ in range(3)]
        assert agents.pop(0).is_over
        for agent in agents:
            agent.send(HELLO)
            self.world.run(0)
        strangers = [self.stranger() for _ in range(3)]
        assert [stranger.is_over for stranger in strangers] == [True, False, False]
        assert not agents[-1].is_over

    def test_a_message_without_a_hello(self) -> None:
        """No part of it is kept."""
        stranger = self.stranger()
        stranger.send(box(Part, data=b"x" * 60_000, last=False))
        assert b"Unhandled Command" in stranger.heard
        assert stranger.link._assembly.add(b"end", True) == b"end"

    def test_a_box_without_an_end(self) -> None:
        """It is not kept in memory until its sender has enough of it."""
        for value in (b"", b"v" * 65_535):
            stranger = self.stranger()
            sent = 0
            while not stranger.is_over:
                key = b"%08d" % sent
                stranger.send(b"\0\x08" + key + len(value).to_bytes(2, "big") + value)
                sent += len(key) + len(value)
                assert sent <= BOX_BYTES_MAX + 65_535 + 8

    def test_lengths_that_are_lies(self) -> None:
        """A key of more than 255 bytes, and what is no box at all."""
        for data in (
            b"\x7f\xff" + b"a" * 0x7FFF,
            b"GET / HTTP/1.1\r\n\r\n",
            b"\0\0",
            b"\0\1a\0\0\0\0",
        ):
            stranger = self.stranger()
            stranger.send(data)
            assert stranger.is_over

    def test_a_hello_that_is_none(self) -> None:
        """Without its arguments, or with others, it is answered that it is not understood."""
        for arguments in (b"", b"\0\7version\0\3one"):
            stranger = self.stranger()
            stranger.send(b"\0\4_ask\0\0011\0\10_command\0\5Hello" + arguments + b"\0\0")
            assert b"not understood" in stranger.heard
            assert not stranger.is_over

    def test_one_that_fills_the_log(self) -> None:
        """What is said of it again and again is counted."""
        lines: list[str] = []

        @implementer(ILogObserver)
        def note(event: LogEvent) -> None:
            lines.append(formatEvent(event))

        globalLogPublisher.addObserver(note)
        self.addCleanup(globalLogPublisher.removeObserver, note)
        for _ in range(100):
            self.stranger().send(b"\0\0")
        self.world.clock.advance(WINDOW_SECONDS)
        *said, last = [line for line in lines if "not AMP" in line or "more times" in line]
        assert len(said) == LINES_MAX
        assert f"refused at the agents' port {100 - LINES_MAX} more times" in last

    def test_what_amp_does_by_itself(self) -> None:
        """TLS is not begun within a connection: for that AMP would make a key pair each time."""
        stranger = self.stranger()
        stranger.send(box(amp.StartTLS))
        assert b"Unhandled Command" in stranger.heard

    def test_answers_to_nothing(self) -> None:
        """Whoever answers what was not asked is hung up on."""
        for key in (amp.ANSWER, amp.ERROR):
            stranger = self.stranger()
            stranger.send(amp.AmpBox({key: b"99"}).serialize())
            assert stranger.is_over

    def test_hello_twice(self) -> None:
        """A connection is one node's."""
        agent = self.stranger()
        agent.send(HELLO)
        self.world.run(0)
        agent.send(box(Hello, **{**GREETING, "node_id": "c", "address": "10.0.0.3"}))
        self.world.run(0)
        assert b"this connection has already had a hello" in agent.heard
        assert set(self.world.control.configuration.nodes) == {"b"}

    def test_no_timer_is_left(self) -> None:
        """Strangers that are gone leave nothing to be done."""
        before = len(self.world.clock.getDelayedCalls())
        for _ in range(5):
            stranger = self.stranger()
            stranger.transport.disconnecting = True
            stranger.link.connectionLost()
        assert len(self.world.clock.getDelayedCalls()) == before


class FloodTests(SynchronousTestCase):
    """Agents that said hello, and then do what no agent does."""

    def setUp(self) -> None:
        self.world = ControlWorld()
        self.links = AgentLinkFactory(self.world.control, self.world.clock)

    def test_answers_that_nobody_reads(self) -> None:
        """An agent that asks and asks without reading is hung up on before they fill the memory."""
        flooding = Stranger(self.links)
        flooding.send(HELLO)
        self.world.run(0)
        for _ in range(ANSWERS_UNREAD_MAX):
            flooding.send(box(Ping))
        assert flooding.is_over

    def test_one_that_reads_them(self) -> None:
        """It may ask for as long as it likes."""
        agent = FakeAgent(self.world, "b", "10.0.0.2")
        self.world.run(0)
        for _ in range(2 * ANSWERS_UNREAD_MAX // 500):
            asking = [agent.link.callRemote(Ping) for _ in range(500)]
            self.world.run(0)
            for answer in asking:
                self.successResultOf(answer)

    def test_a_bad_message(self) -> None:
        """It is refused, in words; what the agent reported before holds, and it may go on."""
        agent = FakeAgent(self.world, "b", "10.0.0.2")
        self.world.run(0)
        agent.report(NodeState())
        for data in (b"{", b"[" * 10_000, encode(Message(None, 1, ())).replace(b"[]", b"[7]")):
            sending = Deferred.fromCoroutine(agent.link.send(data))
            self.world.run(0)
            self.failureResultOf(sending, BadMessage)
        assert "b" in self.world.control.cluster.nodes
        Deferred.fromCoroutine(agent.link.send(encode(Message(1, 2, ()))))
        assert self.flushLoggedErrors() == []


def bystander(world: ControlWorld) -> FakeAgent:
    """An agent that does nothing wrong."""
    agent = FakeAgent(world, "a", "10.0.0.1")
    world.run(0)
    agent.report(holding())
    return agent


def is_served(world: ControlWorld, agent: FakeAgent) -> bool:
    """Whether the control service goes on with it."""
    asking = agent.link.callRemote(Ping)
    world.run(0)
    return bool(asking.called) and "a" in world.control.cluster.nodes


BOXES = st.sampled_from(
    [HELLO, box(Ping), box(Part, data=b"{}", last=True), box(Part, data=b"", last=False)]
)


@given(st.lists(BOXES, min_size=1, max_size=5).map(b"".join).flatmap(mutated))
def test_boxes_that_changed_on_the_way(data: bytes) -> None:
    """Whatever comes, however it is cut, is no error of the service, and no matter of others."""
    world = ControlWorld()
    agent = bystander(world)
    stranger = Stranger(AgentLinkFactory(world.control, world.clock))
    for start in range(0, len(data), 7):
        stranger.send(data[start : start + 7])
    world.run(0)
    assert is_served(world, agent)


@given(
    NODE_STATES,
    st.lists(st.tuples(st.text(max_size=3), LEASES), max_size=3),
    st.lists(st.sampled_from(["d1", "shop", "\ud800", "\0", ""]), max_size=3),
)
def test_reports_that_are_lies(
    state: NodeState, held: list[tuple[str, Any]], names: list[str]
) -> None:
    """An agent may report of anything, under any name: it is taken in, shown, and forgotten."""
    world = ControlWorld()
    agent = bystander(world)
    liar = FakeAgent(world, "b", "10.0.0.2")
    world.run(0)
    changes = list(deltas.whole(state)) + list(deltas.whole(holding(**dict(held))))
    renamed = [
        type(change)(change.kind, name, change.record)
        for change, name in zip(changes, names, strict=False)
    ]
    Deferred.fromCoroutine(liar.link.send(encode(Message(None, 1, (*changes, *renamed)))))
    world.run(0)
    assert is_served(world, agent)
    assert "b" in world.control.cluster.nodes
    for collection in COLLECTIONS.values():
        for identity in list(collection.ids(world.control)):
            json.dumps(collection.items(world.control, identity, 0.0), allow_nan=False)
    liar.hang_up()
    world.clock.advance(STATE_SECONDS_MAX)
    assert "b" not in world.control.cluster.nodes
