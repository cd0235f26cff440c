"""What an agent says of fencing by its link to the control service."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.agent.fencing import WAIT_SECONDS_MAX, ControlFencing
from flocker_lite.convergence.witnessing import Witnessing
from flocker_lite.interfaces.peer_requests import ContainerEpoch, Renew
from flocker_lite.model.fencing.claims import Attempt, Proposal, promise_seconds
from flocker_lite.protocol.renewals import NoRenewal
from flocker_lite.testing.memory_fencing_record import MemoryFencingRecord

AFTER = 10
PROPOSAL = Proposal(Attempt("t", 1), "shop", pmap({"d": 7}), AFTER)


class AgreementTests(SynchronousTestCase):
    """A standby that promised something a while ago."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.witnessing = Witnessing(MemoryFencingRecord(), self.clock.seconds)
        renewals: Any = SimpleNamespace()
        self.fencing = ControlFencing(self.clock, renewals, self.witnessing)
        self.addCleanup(self.fencing.stop)
        self.clock.advance(100)
        self.renew()

    def renew(self) -> None:
        self.witnessing.renew(Renew("shop", (ContainerEpoch("d", 7),), AFTER))

    def agree(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.fencing.agree(PROPOSAL))

    def test_a_promise_that_is_over_soon(self) -> None:
        """It agrees the moment after that, so that nobody has to ask again."""
        self.clock.advance(promise_seconds(AFTER) - WAIT_SECONDS_MAX / 2)
        agreeing = self.agree()
        self.clock.advance(WAIT_SECONDS_MAX / 2)
        self.assertNoResult(agreeing)
        self.clock.advance(0.1)
        self.successResultOf(agreeing)
        assert len(self.witnessing.agreements) == 1

    def test_a_renewal_meanwhile(self) -> None:
        """Then it does not agree."""
        self.clock.advance(promise_seconds(AFTER) - WAIT_SECONDS_MAX / 2)
        agreeing = self.agree()
        self.renew()
        self.clock.advance(WAIT_SECONDS_MAX)
        self.failureResultOf(agreeing, NoRenewal)
        assert not self.witnessing.agreements

    def test_a_promise_for_longer(self) -> None:
        """It says no at once."""
        self.clock.advance(promise_seconds(AFTER) - 2 * WAIT_SECONDS_MAX)
        self.failureResultOf(self.agree(), NoRenewal)
