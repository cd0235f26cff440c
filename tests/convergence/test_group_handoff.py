"""What follows its coordinator, as changes: cut off anywhere, and with its trial or without."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.convergence.executors import execute
from flocker_lite.convergence.trials import Trials
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.membership import Membership
from flocker_lite.model.state import LocalDataset
from flocker_lite.planner.move_changes import (
    AcquireDatasets,
    CommitDatasets,
    GiveBackDatasets,
    Moved,
)
from flocker_lite.testing.cluster import MemoryNode
from flocker_lite.testing.memory_peers import MemoryNetwork
from flocker_lite.testing.memory_storage import Copy

FIRST, SECOND = "d1", "d2"
PROBATION = Lease(Role.PROBATION, 4)


class FollowingTests(SynchronousTestCase):
    """A node whose coordinator is primary, with a second dataset that is still on probation."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.node = MemoryNode("me", "10.0.0.1")
        self.context = self.node.context(
            MemoryNetwork(clock=self.clock), self.clock, self.clock.seconds
        )
        self.kept: list[str] = []
        fence = self.node.fence
        trials = Trials(self.clock, self.clock.seconds, fence, kept=self.kept.append)
        self.context = replace(self.context, trials=trials)
        self.has(FIRST, Lease(Role.PRIMARY, 8), Membership(8, "me", FIRST, 8))
        self.has(SECOND, PROBATION, Membership(4, "me", FIRST, 8))

    def has(self, dataset_id: str, lease: Lease, note: Membership) -> None:
        """A copy here."""
        local = LocalDataset(dataset_id, lease, False, f"/flocker/{dataset_id}", membership=note)
        self.node.storage.copies[dataset_id] = Copy(local, (), pmap())

    def lease(self, dataset_id: str) -> Lease | None:
        """That of a copy here."""
        return self.node.storage.copies[dataset_id].local.lease

    def run_change(self, change: Any) -> None:
        """It is done."""
        self.successResultOf(Deferred.fromCoroutine(execute(change, self.context)))

    def ask(self) -> None:
        """There is a trial of both, which goes on."""
        asking = self.context.trials.ask("shop", (FIRST, SECOND), 60)
        self.successResultOf(Deferred.fromCoroutine(asking))

    def test_a_trial_that_goes_on_ends_with_both_kept(self) -> None:
        """Also when the request that acquired the coordinator was cut off before it said so."""
        self.ask()
        self.run_change(AcquireDatasets((Moved(SECOND, PROBATION),), "shop"))
        assert self.lease(SECOND) == Lease(Role.PRIMARY, 4)
        assert self.kept == ["shop"]
        assert not self.node.fence.armed

    def test_without_a_trial(self) -> None:
        """It is this node's own all the same, and nobody is told of a trial that nobody knows."""
        self.run_change(AcquireDatasets((Moved(SECOND, PROBATION),), "shop"))
        assert self.lease(SECOND) == Lease(Role.PRIMARY, 4)
        assert self.kept == []

    def test_what_was_acquired_meanwhile(self) -> None:
        """A peer came first: nothing is changed, and no container is stopped."""
        self.has(SECOND, Lease(Role.PRIMARY, 4), Membership(4, "me", FIRST, 8))
        self.run_change(AcquireDatasets((Moved(SECOND, PROBATION),), "shop"))
        self.run_change(GiveBackDatasets((Moved(SECOND, PROBATION),), "shop"))
        assert self.lease(SECOND) == Lease(Role.PRIMARY, 4)

    def test_what_is_decided_is_not_given_back(self) -> None:
        """Though it was planned before the coordinator acquired."""
        self.run_change(GiveBackDatasets((Moved(SECOND, PROBATION),), "shop"))
        assert self.lease(SECOND) == PROBATION
        assert self.node.storage.copies[SECOND].local.snapshots == ()

    def test_commit(self) -> None:
        """What is lent, or about to be, is released in the epoch that follows."""
        lent, releasing = Lease(Role.LENT, 8, "b", 45), Lease(Role.RELEASING, 3, "b")
        self.has(FIRST, lent, Membership(8, "b", FIRST, 8))
        self.has(SECOND, releasing, Membership(4, "b", FIRST, 8))
        self.run_change(CommitDatasets((Moved(FIRST, lent), Moved(SECOND, releasing)), "shop"))
        assert self.lease(FIRST) == Lease(Role.RELEASED, 8, "b")
        assert self.lease(SECOND) == Lease(Role.RELEASED, 4, "b")
