"""Promotion and rejoining on one node, as changes: cut off anywhere, and with data ahead."""

from __future__ import annotations

from typing import Any

import pytest
from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.convergence.executors import execute
from flocker_lite.errors import Conflict, FlockerError, PeerRefused
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.membership import Fate, Membership, fate
from flocker_lite.model.state import LocalDataset, Snapshot
from flocker_lite.planner.failover_changes import Promoted, PromoteDatasets, RejoinDataset
from flocker_lite.testing.cluster import MemoryNode
from flocker_lite.testing.memory_peers import MemoryNetwork
from flocker_lite.testing.memory_storage import Copy

FIRST, SECOND = "d1", "d2"
REPLICA = Lease(Role.REPLICA, 7)
SET = Snapshot("flocker-lite-7-1", "set")
LATER = Snapshot("flocker-lite-7-2", "later")
USERS = Snapshot("users", "users")


class CutOff(FlockerError):
    """The agent dies here."""


class PromotionCase(SynchronousTestCase):
    """A standby with two datasets, which is granted both as of epoch 9."""

    def setUp(self) -> None:
        clock = Clock()
        self.node = MemoryNode("me", "10.0.0.1")
        self.context = self.node.context(MemoryNetwork(clock=clock), clock, clock.seconds)
        self.has(FIRST, REPLICA, SET)
        self.has(SECOND, REPLICA, SET, LATER, USERS)

    def has(self, dataset_id: str, lease: Lease, *snapshots: Snapshot, live: str = "") -> None:
        """A copy, whose content names its snapshots, and what was written since."""
        local = LocalDataset(dataset_id, lease, False, f"/flocker/{dataset_id}", None, snapshots)
        names = tuple(each.name for each in snapshots)
        frozen = {each.guid: names[: place + 1] for place, each in enumerate(snapshots)}
        content = (*names, live) if live else names
        self.node.storage.copies[dataset_id] = Copy(local, content, pmap(frozen))

    def local(self, dataset_id: str) -> LocalDataset:
        return self.node.storage.copies[dataset_id].local

    def change(self, guid: str = SET.guid, goes_on: bool = False) -> PromoteDatasets:
        """The promotion, as it is planned now."""
        held = {each: self.local(each).lease for each in (FIRST, SECOND)}
        due = tuple(
            Promoted(each, lease, 9, guid)
            for each, lease in held.items()
            if lease is not None and lease != Lease(Role.PRIMARY, 9)
        )
        return PromoteDatasets(due, "shop", goes_on)

    def run_change(self, change: Any) -> None:
        self.successResultOf(Deferred.fromCoroutine(execute(change, self.context)))

    def fails(self, change: Any, error: type[FlockerError]) -> str:
        failed = Deferred.fromCoroutine(execute(change, self.context))
        return str(self.failureResultOf(failed, error).value)


class PromotionTests(PromotionCase):
    """Becoming primary."""

    def test_all_are_promoted_from_their_snapshots(self) -> None:
        """What a copy has after it is set aside, users' snapshots too, and nothing is lost."""
        self.run_change(self.change())
        for dataset_id in (FIRST, SECOND):
            local = self.local(dataset_id)
            assert (local.lease, local.snapshots) == (Lease(Role.PRIMARY, 9), (SET,))
            assert local.membership == Membership(9, "me", FIRST, 9)
            assert self.node.storage.copies[dataset_id].content == (SET.name,)
        [(name, aside)] = self.node.storage.aside.items()
        assert name.startswith(f"{SECOND}.failover-")
        assert aside.content == (SET.name, LATER.name, USERS.name)

    def test_one_lacks_its_snapshot(self) -> None:
        """Then none is touched."""
        self.has(FIRST, REPLICA, LATER)
        assert "lacks the snapshot set" in self.fails(self.change(), Conflict)
        assert self.local(FIRST).lease == self.local(SECOND).lease == REPLICA
        assert self.node.storage.aside == {}

    def test_cut_off_at_each_step(self) -> None:
        """All or none are promoted in the end: the others follow their coordinator."""
        for cut_at in range(1, 40):
            self.setUp()
            steps = 0

            async def before(method: str, dataset_id: str) -> None:
                nonlocal steps
                steps += 1
                if steps == cut_at:  # noqa: B023
                    raise CutOff(method)

            self.node.storage.before = before
            doing = Deferred.fromCoroutine(execute(self.change(), self.context))
            doing.addErrback(lambda failure: failure.trap(CutOff))
            self.successResultOf(doing)
            self.node.storage.before = None
            self.successResultOf(Deferred.fromCoroutine(self.node.storage.discover()))
            first, second = self.local(FIRST), self.local(SECOND)
            if first.lease == Lease(Role.PRIMARY, 9) != second.lease:
                assert fate(second.membership, second.lease, first.lease) is Fate.FORWARD
            else:
                assert second.lease == first.lease
                if first.lease == REPLICA:
                    self.run_change(self.change())
            assert [each.snapshots for each in (self.local(FIRST), self.local(SECOND))] == [
                (SET,),
                (SET,),
            ]
            assert self.node.storage.aside
        assert steps < cut_at

    def test_the_lease_changed_meanwhile(self) -> None:
        """The next plan knows better."""
        change = self.change()
        self.has(FIRST, Lease(Role.PRIMARY, 8), SET)
        self.run_change(change)
        assert self.local(SECOND).lease == REPLICA

    def test_what_just_arrived_goes_on(self) -> None:
        """It is later than the snapshot, and nothing of it is set aside."""
        arrived = Lease(Role.PRIMARY, 8)
        self.has(FIRST, arrived, SET, LATER, live="more")
        self.has(SECOND, arrived, SET)
        self.run_change(self.change(goes_on=True))
        assert self.node.storage.copies[FIRST].content == (SET.name, LATER.name, "more")
        assert self.local(FIRST).lease == self.local(SECOND).lease == Lease(Role.PRIMARY, 9)

    def test_what_arrived_in_part_goes_back(self) -> None:
        """With what was written to it since kept aside."""
        self.has(FIRST, Lease(Role.PRIMARY, 8), SET, LATER, live="more")
        self.run_change(self.change())
        assert self.node.storage.copies[FIRST].content == (SET.name,)
        contents = {aside.content for aside in self.node.storage.aside.values()}
        assert (SET.name, LATER.name, "more") in contents

    def test_streams_are_kept_out(self) -> None:
        """One that is received ends before; another may not begin meanwhile."""
        incoming, ended = self.context.incoming, []
        never: Deferred[None] = Deferred(lambda _: ended.append(True))

        async def receive() -> None:
            await never

        receiving = Deferred.fromCoroutine(incoming.run(FIRST, 7, receive))
        refused = []

        async def before(method: str, dataset_id: str) -> None:
            attempt = Deferred.fromCoroutine(incoming.run(FIRST, 7, receive))
            refused.append(self.failureResultOf(attempt, PeerRefused))

        self.node.storage.before = before
        self.run_change(self.change())
        self.failureResultOf(receiving, PeerRefused)
        assert ended
        assert len(refused) > 2
        assert self.local(FIRST).lease == Lease(Role.PRIMARY, 9)


class RejoiningTests(PromotionCase):
    """Becoming a replica again."""

    def test_what_it_alone_wrote_is_kept(self) -> None:
        """As a snapshot, taken once, by a name that says so."""
        deposed = Lease(Role.DEPOSED, 9)
        self.has(FIRST, deposed, SET, live="mine")
        self.run_change(RejoinDataset(FIRST, deposed))
        local = self.local(FIRST)
        assert local.lease == Lease(Role.REPLICA, 9)
        assert [each.name for each in local.snapshots] == [SET.name, "deposed-9"]
        frozen = self.node.storage.copies[FIRST].frozen[local.snapshots[-1].guid]
        assert frozen == (SET.name, "mine")
        self.run_change(RejoinDataset(FIRST, deposed))
        assert self.local(FIRST) == local

    def test_cut_off_before_the_lease(self) -> None:
        """The snapshot of the first attempt will do."""
        deposed = Lease(Role.DEPOSED, 9)
        self.has(FIRST, deposed, SET, Snapshot("deposed-9", "kept"))
        self.run_change(RejoinDataset(FIRST, deposed))
        assert [each.name for each in self.local(FIRST).snapshots] == [SET.name, "deposed-9"]


@pytest.mark.parametrize("lease", [Lease(Role.PRIMARY, 9), REPLICA])
def test_changes_are_values(lease: Lease) -> None:
    """Equal ones are equal, and they name what they work on."""
    change = RejoinDataset(FIRST, lease)
    assert change == RejoinDataset(FIRST, lease)
    assert {str(each) for each in change.resources} == {f"dataset/{FIRST}"}
