"""What agents hear from control services that do not lead, and from one that stopped leading."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.protocols.amp import UnhandledCommand
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport, connect
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.control.agent_links import AgentLinkFactory
from flocker_lite.control.follower_links import AgentPort
from flocker_lite.control.service import ControlService
from flocker_lite.control.store.leadership import Leader
from flocker_lite.control.term import Term
from flocker_lite.control.unauthenticated_link import GREETING_SECONDS_MAX
from flocker_lite.control.view_publisher import ViewPublisher
from flocker_lite.protocol.link import VERSIONS, Hello, Link, Part, Ping
from flocker_lite.testing.memory_store import MemoryDisk, MemoryStore

NODE = "aaaaaaaa-0000-4000-8000-000000000001"


class FakeElection:
    """Who leads; the test says it."""

    leads = False
    leader: Leader | None = Leader("http://c2:4523", "c2:4524", 7, "session")
    trouble = ""


class LinkTests(SynchronousTestCase):
    """The agents' port of one control service."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.who_leads = FakeElection()
        self.port = AgentPort(self.who_leads, self.clock, unauthenticated_max=10)
        control = ControlService(MemoryStore(MemoryDisk()), ViewPublisher(), self.clock)
        term = Term(8, lambda: self.who_leads.leads)
        self.port.serving = AgentLinkFactory(control, self.clock, term=term)

    def connect(self) -> Any:
        """An agent connects; both ends, and what carries the bytes."""
        server, link = self.port.buildProtocol(None), Link(self.clock)
        self.lost: list[bool] = []
        link.attend(lambda data: None, lambda: self.lost.append(True))
        pump = connect(
            server, FakeTransport(server, True), link, FakeTransport(link, False), greet=False
        )
        return link, pump

    def hello(self, **words: Any) -> Any:
        """What the hello of an agent is answered with."""
        self.link, self.pump = self.connect()
        greeting = {
            "version": VERSIONS.newest,
            "node_id": NODE,
            "address": "10.77.0.11",
            "cluster_id": "",
            "era": "era",
            "session": "session",
            **words,
        }
        outcome: list[Any] = []
        self.link.callRemote(Hello, **greeting).addBoth(outcome.append)
        self.pump.flush()
        self.clock.advance(0)
        self.pump.flush()
        return outcome[0] if outcome else None

    def test_a_follower(self) -> None:
        """It names the leader and the term; it takes no reports."""
        answer = self.hello(follows=True)
        assert answer["leads"] is False
        assert (answer["leader"], answer["term"]) == ("c2:4524", 7)
        refused: list[Failure] = []
        self.link.callRemote(Part, data=b"{}", last=True).addErrback(refused.append)
        self.pump.flush()
        assert refused[0].check(UnhandledCommand)

    def test_nobody_leads(self) -> None:
        """That is said too."""
        self.who_leads.leader = None
        answer = self.hello(follows=True)
        assert answer["leads"] is False
        assert answer["leader"] is None

    def test_an_old_agent(self) -> None:
        """One that knows nothing of leaders is refused in words."""
        refused = self.hello()
        assert "does not lead, c2:4524 does" in str(refused.value)
        assert "control-service: {hosts: [...]}" in str(refused.value)

    def test_the_leader(self) -> None:
        """It says its term."""
        self.who_leads.leads = True
        answer = self.hello(follows=True)
        assert (answer["term"], answer["leads"]) == (8, None)

    def test_term_over(self) -> None:
        """One whose term is over hears nothing more and says nothing more: it hangs up."""
        self.who_leads.leads = True
        self.hello(follows=True)
        self.who_leads.leads = False
        refused: list[Failure] = []
        self.link.callRemote(Ping).addErrback(refused.append)
        self.pump.flush()
        assert refused
        assert self.lost

    def test_silence(self) -> None:
        """Who says nothing is hung up on."""
        _, pump = self.connect()
        self.clock.advance(GREETING_SECONDS_MAX)
        pump.flush()
        assert self.lost
