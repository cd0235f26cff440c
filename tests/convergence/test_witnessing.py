"""What a standby's agent promises and agrees to, and what of that outlives it."""

from __future__ import annotations

import pytest
from pyrsistent import pmap
from twisted.trial.unittest import TestCase

from flocker_lite.convergence.witnessing import Witnessing
from flocker_lite.errors import FlockerError, PeerRefused
from flocker_lite.interfaces.peer_requests import ContainerEpoch, Renew
from flocker_lite.model.fencing.claims import Attempt, Proposal, promise_seconds
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.state import LocalDataset, NodeView
from flocker_lite.testing.memory_fencing_record import MemoryFencingRecord

AFTER = 10.0
EPOCHS = pmap({"d": 7})
ASKED = Renew("shop", (ContainerEpoch("d", 7),), 10)
PROPOSAL = Proposal(Attempt("t", 1), "shop", EPOCHS, AFTER)


def a_copy_of(epoch: int) -> dict[str, LocalDataset]:
    """The copy here, as of that epoch."""
    return {"d": LocalDataset("d", Lease(Role.REPLICA, epoch), False, "/flocker/d")}


class WitnessingTests(TestCase):
    """An agent whose node stands by for one container."""

    def setUp(self) -> None:
        self.time = 100.0
        self.record = MemoryFencingRecord()
        self.witnessing = self.started()

    def started(self) -> Witnessing:
        """The agent, as it starts, and looked at its copy."""
        witnessing = Witnessing(self.record, lambda: self.time)
        witnessing.see(NodeView(), a_copy_of(7))
        return witnessing

    def later(self, seconds: float) -> None:
        self.time += seconds

    async def test_it_renews(self) -> None:
        self.witnessing.renew(ASKED)

    async def test_it_renews_nothing_of_an_old_primary(self) -> None:
        """By the lease on its own copy, say."""
        self.witnessing.see(NodeView(), a_copy_of(9))
        with pytest.raises(PeerRefused, match="later primary"):
            self.witnessing.renew(ASKED)

    async def test_who_renewed_agrees_later(self) -> None:
        """And then renews no more, until the attempt is called off."""
        self.later(promise_seconds(AFTER) + 1)
        self.witnessing.renew(ASKED)
        with pytest.raises(PeerRefused, match="too recently"):
            await self.witnessing.agree(PROPOSAL)
        self.later(promise_seconds(AFTER) + 0.1)
        agreement = await self.witnessing.agree(PROPOSAL)
        assert self.witnessing.agreements == (agreement,)
        with pytest.raises(PeerRefused, match="agreed to take over"):
            self.witnessing.renew(ASKED)
        await self.witnessing.called_off([PROPOSAL.attempt])
        assert not self.witnessing.agreements
        assert not self.record.record.agreements
        self.witnessing.renew(ASKED)

    async def test_who_just_started_may_have_promised(self) -> None:
        with pytest.raises(PeerRefused):
            await self.witnessing.agree(PROPOSAL)

    async def test_an_agreement_outlives_the_agent(self) -> None:
        self.later(promise_seconds(AFTER) + 0.1)
        await self.witnessing.agree(PROPOSAL)
        again = self.started()
        with pytest.raises(PeerRefused, match="agreed to take over"):
            again.renew(ASKED)
        again.see(NodeView(), a_copy_of(9))
        assert again.agreements == ()

    async def test_what_cannot_be_written_down_is_not_told(self) -> None:
        """And is not renewed all the same."""
        self.later(promise_seconds(AFTER) + 0.1)
        self.record.error = FlockerError("the disk is full")
        with pytest.raises(FlockerError):
            await self.witnessing.agree(PROPOSAL)
        with pytest.raises(PeerRefused, match="agreed to take over"):
            self.witnessing.renew(ASKED)
