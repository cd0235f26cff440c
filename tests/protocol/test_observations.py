"""The control service asks an agent what it sees, and is always answered."""

from __future__ import annotations

from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import ContainerError
from flocker_lite.model.diagnosis import Diagnosis, Finding
from flocker_lite.model.machine import Machine
from flocker_lite.model.usage import ContainerUsage, NodeUsage
from flocker_lite.protocol.link import Link
from flocker_lite.protocol.long_text import TEXT_BYTES_MAX
from flocker_lite.protocol.observations import (
    OBSERVATION_SECONDS_MAX,
    NoObservation,
    ObservationUnknown,
    ObservingLink,
    examine,
    measure,
)
from tests.protocol.joined import joined

DIAGNOSIS = Diagnosis(pmap({"docker": "24"}), (Finding("pool", "full", "empty it", False),), 4.5)
USAGE = NodeUsage(Machine("1", load=2.0), 8, pmap({"db": ContainerUsage(0.5, 100)}))


class Sees:
    """An agent that sees what a test wants."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.seen: Deferred[Diagnosis] | None = None
        self.found = DIAGNOSIS

    async def diagnosis(self) -> Diagnosis:
        """What is wrong."""
        if self.error is not None:
            raise self.error
        return self.found if self.seen is None else await self.seen

    async def usage(self) -> NodeUsage:
        """What it uses."""
        if self.error is not None:
            raise self.error
        return USAGE


class ObservationTests(SynchronousTestCase):
    """Two ends in memory; nothing arrives but by `pump`."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.sees = Sees()
        self.agent = ObservingLink(self.clock)
        self.agent.observer = self.sees
        self.join(self.agent)

    def join(self, agent: Link) -> None:
        """Join the control service to this agent."""
        self.control, self.pump = joined(self.clock, agent)

    def ask(self) -> Deferred[Diagnosis]:
        """Ask what is wrong, and let the answer come if there is one."""
        asking = Deferred.fromCoroutine(examine(self.control, self.clock))
        self.pump.flush()
        return asking

    def refusal(self, kind: type[NoObservation] = NoObservation) -> str:
        """In which words there is no answer."""
        return str(self.failureResultOf(self.ask(), kind).value)

    def test_answers(self) -> None:
        """All that the agent says arrives."""
        assert self.successResultOf(self.ask()) == DIAGNOSIS
        asking = Deferred.fromCoroutine(measure(self.control, self.clock))
        self.pump.flush()
        assert self.successResultOf(asking) == USAGE

    def test_it_cannot_tell(self) -> None:
        """The reason arrives, and the connection stays."""
        self.sees.error = ContainerError("Docker does not answer")
        assert "Docker does not answer" in self.refusal()
        self.sees.error = None
        assert self.successResultOf(self.ask()) == DIAGNOSIS

    def test_a_mistake(self) -> None:
        """Is logged there, and is an answer."""
        self.sees.error = ZeroDivisionError("oh")
        self.refusal()
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1

    def test_no_answer(self) -> None:
        """There is a time limit."""
        self.sees.seen = Deferred()
        asking = self.ask()
        self.clock.advance(OBSERVATION_SECONDS_MAX)
        assert "within 15 s" in str(self.failureResultOf(asking, NoObservation).value)

    def test_it_disconnects(self) -> None:
        """That ends the wait."""
        self.sees.seen = Deferred()
        asking = self.ask()
        self.control.connectionLost(Failure(ConnectionDone()))
        assert "disconnected" in str(self.failureResultOf(asking, NoObservation).value)

    def test_an_older_agent(self) -> None:
        """Is told apart: it has to be upgraded."""
        self.join(Link(self.clock))
        assert "release" in self.refusal(ObservationUnknown)

    def test_it_starts(self) -> None:
        """An agent that sees nothing yet says so."""
        self.agent.observer = None
        assert "starting" in self.refusal()

    def test_a_long_answer(self) -> None:
        """Has a limit, and words for it."""
        finding = Finding("pool", "x" * TEXT_BYTES_MAX, "")
        self.sees.found = Diagnosis(findings=(finding,))
        assert str(TEXT_BYTES_MAX) in self.refusal()
