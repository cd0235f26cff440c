"""Agents ask for renewals, and the control service asks them to agree to promotions."""

from __future__ import annotations

from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model import codec
from flocker_lite.model.fencing.claims import Agreement, Attempt, Proposal, Renewal
from flocker_lite.protocol.link import Link
from flocker_lite.protocol.renewals import (
    AGREEMENT_SECONDS_MAX,
    RENEWALS_MAX,
    Answered,
    Asked,
    FencingLink,
    NoRenewal,
    Renew,
    ask,
    propose,
    understood,
)
from tests.protocol.joined import joined

ATTEMPT = Attempt("3f1c", 7)
EPOCHS = pmap({f"d{number}": number for number in range(4)})
PROPOSAL = Proposal(ATTEMPT, "pg", EPOCHS, 30)


class ControlLink(Link):
    """The control service's end, which answers what it is told to."""

    answered = Answered(("pg",), pmap({"web": "another node owns it"}), (ATTEMPT,))
    asked: Asked | None = None

    @Renew.responder
    def renew(self, asked: str) -> dict[str, str]:
        self.asked = understood(Asked, asked)
        return {"answered": codec.dumps(self.answered)}


class RenewalTests(SynchronousTestCase):
    """Two ends in memory; nothing arrives but by `pump`."""

    def setUp(self) -> None:
        self.clock = Clock()

    def test_many_renewals_and_their_answer(self) -> None:
        """As many as one message may have arrive, and so does what is answered."""
        renewals = tuple(
            Renewal(f"container-{number}", "a" * 36, EPOCHS, "0" * 32, ("b" * 36,) * 3, 30)
            for number in range(RENEWALS_MAX)
        )
        asked = Asked(renewals, (Agreement(ATTEMPT, "web", EPOCHS),))
        control = ControlLink(self.clock)
        agent, pump = joined(self.clock, control)
        asking = Deferred.fromCoroutine(ask(agent, self.clock, asked))
        pump.flush()
        assert self.successResultOf(asking) == ControlLink.answered
        assert control.asked == asked

    def propose(self, agent: Link) -> Deferred[None]:
        control, pump = joined(self.clock, agent)
        proposing = Deferred.fromCoroutine(propose(control, self.clock, PROPOSAL))
        pump.flush()
        return proposing

    def test_agreement(self) -> None:
        """The standby's agent gets the proposal, and its answer comes once it has agreed."""
        agent, disk, seen = FencingLink(self.clock), Deferred[None](), list[Proposal]()

        async def agree(proposal: Proposal) -> None:
            seen.append(proposal)
            await disk

        agent.agree_to = agree
        control, pump = joined(self.clock, agent)
        proposing = Deferred.fromCoroutine(propose(control, self.clock, PROPOSAL))
        pump.flush()
        assert seen == [PROPOSAL]
        self.assertNoResult(proposing)
        disk.callback(None)
        pump.flush()
        assert self.successResultOf(proposing) is None

    def test_why_not(self) -> None:
        """The agent's reason arrives; so does that it is only just starting."""
        agent = FencingLink(self.clock)
        assert "starting" in str(self.failureResultOf(self.propose(agent), NoRenewal).value)

        async def refuse(_: Proposal) -> None:
            raise NoRenewal("the primary was heard too recently")

        agent = FencingLink(self.clock)
        agent.agree_to = refuse
        reason = self.failureResultOf(self.propose(agent), NoRenewal).value
        assert str(reason) == "the primary was heard too recently"

    def test_old_and_silent_agents(self) -> None:
        """An agent that knows no fencing, and one that does not answer, agree to nothing."""
        self.failureResultOf(self.propose(Link(self.clock)), NoRenewal)
        silent = FencingLink(self.clock)

        async def never(_: Proposal) -> None:
            await Deferred()

        silent.agree_to = never
        proposing = self.propose(silent)
        self.clock.advance(AGREEMENT_SECONDS_MAX)
        assert "no answer" in str(self.failureResultOf(proposing, NoRenewal).value)
