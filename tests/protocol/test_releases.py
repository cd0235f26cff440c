"""The control service asks an agent what its container would become, and is always answered."""

from __future__ import annotations

from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import ContainerError
from flocker_lite.model.adoption import Release, Remark
from flocker_lite.protocol.adoptions import (
    ADOPTION_SECONDS_MAX,
    AdoptionAway,
    AdoptionForbidden,
    AdoptionUnknown,
    NoAdoption,
)
from flocker_lite.protocol.link import Link
from flocker_lite.protocol.releases import ReleasingLink, describe
from tests.protocol.joined import joined

RELEASE = Release("pg-2", pmap({"d1": "pgdata"}), (Remark("move", "none"),), (Remark("x", "y"),))


class ReleaseTests(SynchronousTestCase):
    """Two ends in memory; nothing arrives but by `pump`."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.agent = ReleasingLink(self.clock)
        self.asked: list[tuple[str, str | None]] = []
        self.control, self.pump = joined(self.clock, self.agent)

    def ask(self, docker_name: str | None = None) -> Deferred[Release]:
        """Ask, and let the answer come if there is one."""
        asking = Deferred.fromCoroutine(describe(self.control, self.clock, "pg", docker_name))
        self.pump.flush()
        return asking

    def answers(self, answer: Release | Exception | Deferred[Release]) -> None:
        """What the agent is to answer."""

        async def look(name: str, docker_name: str | None) -> Release:
            self.asked.append((name, docker_name))
            if isinstance(answer, Exception):
                raise answer
            return answer if isinstance(answer, Release) else await answer

        self.agent.look_at_release = look

    def test_answer(self) -> None:
        """All that the agent says arrives, and it is told what it is to be called."""
        self.answers(RELEASE)
        assert self.successResultOf(self.ask()) == RELEASE
        assert self.successResultOf(self.ask("shop")) == RELEASE
        assert self.asked == [("pg", None), ("pg", "shop")]

    def test_reasons(self) -> None:
        """What the agent cannot do is told in its words."""
        self.answers(AdoptionForbidden("This node lets nobody."))
        said = self.failureResultOf(self.ask(), AdoptionForbidden)
        assert str(said.value) == "This node lets nobody."
        self.answers(ContainerError("Docker does not answer"))
        assert "Docker does not answer" in str(self.failureResultOf(self.ask(), NoAdoption).value)

    def test_starting(self) -> None:
        """An agent that is not ready says so."""
        said = self.failureResultOf(self.ask(), NoAdoption)
        assert "only just starting" in str(said.value)

    def test_silence(self) -> None:
        """One that does not answer in time is not waited for."""
        self.answers(Deferred())
        asking = self.ask()
        self.clock.advance(ADOPTION_SECONDS_MAX)
        self.failureResultOf(asking, AdoptionAway)

    def test_older_release(self) -> None:
        """One that does not know the question is too old."""
        self.control, self.pump = joined(self.clock, Link(self.clock))
        self.failureResultOf(self.ask(), AdoptionUnknown)
