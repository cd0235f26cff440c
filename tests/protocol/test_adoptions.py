"""The control service asks an agent what a container would become, and is always answered."""

from __future__ import annotations

from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import ContainerError
from flocker_lite.model.adoption import Adoption, Remark, Source
from flocker_lite.protocol.adoptions import (
    ADOPTION_SECONDS_MAX,
    CONTAINER,
    AdoptingLink,
    AdoptionAway,
    AdoptionUnknown,
    NoAdoption,
    NoSuchContainer,
    describe,
)
from flocker_lite.protocol.link import Link
from flocker_lite.protocol.long_text import TEXT_BYTES_MAX, VALUE_BYTES_MAX
from tests.protocol.joined import joined

ADOPTION = Adoption(
    pmap({"name": "db", "ports": [{"internal": 80, "external": 8080}], "environment": {"A": "b"}}),
    (Source("pgdata", "/data", "volume", True, "a volume", "/x", "pgdata", False, 5),),
    (Remark("hostname", "another"),),
    (Remark("--rm", "start it without"),),
)


class AdoptionTests(SynchronousTestCase):
    """Two ends in memory; nothing arrives but by `pump`."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.agent = AdoptingLink(self.clock)
        self.asked: list[tuple[str, str | None, str]] = []
        self.join(self.agent)

    def join(self, agent: Link) -> None:
        """Join the control service to this agent."""
        self.control, self.pump = joined(self.clock, agent)

    def ask(self, name: str | None = None) -> Deferred[Adoption]:
        """Ask, and let the answer come if there is one."""
        asking = Deferred.fromCoroutine(describe(self.control, self.clock, "pg", name))
        self.pump.flush()
        return asking

    def refusal(self, kind: type[NoAdoption] = NoAdoption) -> str:
        """In which words there is no answer."""
        return str(self.failureResultOf(self.ask(), kind).value)

    def answers(self, answer: Adoption | Exception | Deferred[Adoption]) -> None:
        """What the agent is to answer."""

        async def look(container: str, name: str | None, kind: str) -> Adoption:
            self.asked.append((container, name, kind))
            if isinstance(answer, Exception):
                raise answer
            return answer if isinstance(answer, Adoption) else await answer

        self.agent.look_at_container = look

    def test_answer(self) -> None:
        """All that the agent says arrives, and it is told what it is to be called."""
        self.answers(ADOPTION)
        assert self.successResultOf(self.ask()) == ADOPTION
        assert self.successResultOf(self.ask("shop")) == ADOPTION
        assert self.asked == [("pg", None, CONTAINER), ("pg", "shop", CONTAINER)]

    def test_long_answer(self) -> None:
        """AMP's limit of one value is none for an answer; there is another, and words for it."""
        for size in (VALUE_BYTES_MAX - 30, VALUE_BYTES_MAX, TEXT_BYTES_MAX - 100):
            long = Adoption(pmap({"environment": {"A": "\N{SNOWMAN}" * (size // 6)}}))
            self.answers(long)
            assert self.successResultOf(self.ask()) == long
        self.answers(Adoption(pmap({"environment": {"A": "x" * TEXT_BYTES_MAX}})))
        assert "fewer or shorter labels and variables" in self.refusal()
        self.answers(ADOPTION)
        assert self.successResultOf(self.ask()) == ADOPTION

    def test_reasons(self) -> None:
        """What the agent cannot do is told in its words; the connection stays."""
        self.answers(NoSuchContainer("Container not found: pg."))
        assert self.refusal(NoSuchContainer) == "Container not found: pg."
        self.answers(ContainerError("Docker does not answer"))
        assert "Docker does not answer" in self.refusal()

    def test_bug(self) -> None:
        """A mistake of the agent's is logged there, and does not cost the connection."""
        self.answers(ZeroDivisionError("oops"))
        for _ in range(2):
            assert "oops" in self.refusal()
            assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1

    def test_starting(self) -> None:
        """An agent that is not ready says so."""
        assert "only just starting" in self.refusal()

    def test_silence(self) -> None:
        """One that does not answer in time is not waited for."""
        self.answers(Deferred())
        asking = self.ask()
        self.clock.advance(ADOPTION_SECONDS_MAX)
        assert "did not answer within" in str(self.failureResultOf(asking, AdoptionAway).value)

    def test_gone(self) -> None:
        """One that goes away meanwhile is not waited for."""
        self.answers(Deferred())
        asking = self.ask()
        self.control.connectionLost(Failure(ConnectionDone()))
        assert "disconnected meanwhile" in str(self.failureResultOf(asking, AdoptionAway).value)

    def test_older_release(self) -> None:
        """One that does not know the question is too old."""
        self.join(Link(self.clock))
        assert "too old" in self.refusal(AdoptionUnknown)
