"""The service: what is handed over as one is acquired as one, and of the coordinator first."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.convergence.move_log import MoveLog
from flocker_lite.convergence.trials import Trials
from flocker_lite.errors import CommandFailed, PeerRefused
from flocker_lite.interfaces import Released, TrialDataset
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.membership import Membership
from flocker_lite.model.state import LocalDataset, Snapshot
from flocker_lite.peers.service import PeerService
from flocker_lite.testing.memory_fence import MemoryFence
from flocker_lite.testing.memory_storage import Copy, MemoryStorage
from flocker_lite.testing.stub_host import StubHost

A, B, C = "d1", "d2", "d3"
EPOCHS = {A: 8, B: 3, C: 5}
ITEMS = tuple(Released(each, epoch, f"guid-{each}") for each, epoch in EPOCHS.items())
PRIMARIES = {each: Lease(Role.PRIMARY, epoch) for each, epoch in EPOCHS.items()}
LENT = tuple(TrialDataset(item.dataset_id, item.epoch, item.guid) for item in ITEMS)


class PeerServiceGroupsTests(SynchronousTestCase):
    """A service before a storage with replicas of three datasets, of which B coordinates."""

    def setUp(self) -> None:
        self.steps: list[str] = []
        self.fails_at: str | None = None
        self.storage = MemoryStorage(before=self.before)
        self.clock = Clock()
        self.kept: list[str] = []
        fence = MemoryFence(lambda _: None, self.clock)
        self.trials = Trials(self.clock, self.clock.seconds, fence, kept=self.kept.append)
        self.host = StubHost()
        self.service = PeerService("me", self.storage, MoveLog(self.clock), self.trials, self.host)
        for each, epoch in EPOCHS.items():
            last = Snapshot(f"flocker-lite-{epoch - 1}-1", f"guid-{each}")
            local = LocalDataset(
                each, Lease(Role.REPLICA, epoch - 1), False, f"/flocker/{each}", None, (last,)
            )
            self.storage.copies[each] = Copy(local, ("one",), pmap({last.guid: ("one",)}))

    async def before(self, method: str, dataset_id: str) -> None:
        """Each change is written down, and one may fail."""
        if method.startswith("set_"):
            self.steps.append(f"{method} {dataset_id}")
            if self.steps[-1] == self.fails_at:
                self.fails_at = None
                raise CommandFailed(("zfs", "set"), 1, "no space left")

    @property
    def leases(self) -> dict[str, Lease | None]:
        """Those of the copies here."""
        return {each: copy.local.lease for each, copy in self.storage.copies.items()}

    def acquire(self) -> Coroutine[Any, Any, None]:
        """What the source asks for."""
        return self.service.acquire_group(B, ITEMS)

    def ask(self, asking: Coroutine[Any, Any, Any]) -> None:
        """It is done."""
        self.successResultOf(Deferred.fromCoroutine(asking))

    def refused(self, asking: Coroutine[Any, Any, Any], why: str) -> None:
        """It is refused, for this reason."""
        failure = self.failureResultOf(Deferred.fromCoroutine(asking), PeerRefused)
        assert why in str(failure.value)

    def test_order(self) -> None:
        """The group is written on all of them before the coordinator acquires, the others after."""
        self.ask(self.acquire())
        assert self.leases == PRIMARIES
        assert self.steps == [
            *(f"set_membership {each}" for each in (A, B, C)),
            *(f"set_lease {each}" for each in (B, A, C)),
        ]
        memberships = {each: self.storage.copies[each].local.membership for each in EPOCHS}
        assert memberships == {
            each: Membership(epoch, "me", B, 3) for each, epoch in EPOCHS.items()
        }

    def test_again(self) -> None:
        """Asked again, nothing is changed."""
        self.ask(self.acquire())
        self.steps.clear()
        self.ask(self.acquire())
        assert (self.leases, self.steps) == (PRIMARIES, [])

    def test_cut_off_at_each_step(self) -> None:
        """Whatever fails, asking again brings the rest; none was primary before the coordinator."""
        for step in [
            *(f"set_membership {each}" for each in EPOCHS),
            *(f"set_lease {each}" for each in EPOCHS),
        ]:
            self.setUp()
            self.fails_at = step
            self.failureResultOf(Deferred.fromCoroutine(self.acquire()), CommandFailed)
            ours = {each for each, held in self.leases.items() if held == PRIMARIES[each]}
            assert not ours or B in ours
            assert set(self.host.changed) == set(EPOCHS)
            self.ask(self.acquire())
            assert self.leases == PRIMARIES

    def test_all_or_none(self) -> None:
        """What may not be acquired, whichever it is, keeps all the others from it."""
        for held, why in (
            (Lease(Role.PRIMARY, 4), "acquire: not from primary:4"),
            (Lease(Role.REPLICA, 5), "epoch 5 is not later"),
            (Lease(Role.PROBATION, 5), "its trial here is over"),
        ):
            self.setUp()
            self.storage._set(C, lease=held)
            before = self.leases
            self.refused(self.acquire(), why)
            assert (self.leases, self.steps) == (before, [])

    def test_another_snapshot(self) -> None:
        """A copy that does not end with the snapshot that was sent last keeps all from it."""
        self.storage.user_snapshot(C, "flocker-lite-4-2")
        self.refused(self.acquire(), "the copy here ends with")
        del self.storage.copies[C]
        self.refused(self.acquire(), "there is no copy of it here")
        assert self.steps == []

    def test_not_a_group(self) -> None:
        """The coordinator is one of them, and each is named once."""
        self.refused(self.service.acquire_group(B, ITEMS[:1]), "not the coordinator")
        self.refused(self.service.acquire_group(B, ITEMS + ITEMS), "not the coordinator")
        assert self.steps == []

    def test_on_trial(self) -> None:
        """What is on trial is kept, and its trial is over once all of it is."""
        self.ask(self.service.offer_trial("shop", tuple(EPOCHS), 30))
        self.ask(self.service.start_trial("shop", LENT))
        self.ask(self.acquire())
        assert (self.leases, self.kept) == (PRIMARIES, ["shop"])

    def test_on_trial_that_was_decided(self) -> None:
        """Once the trial is over the node itself has the others follow a coordinator of its own."""
        self.ask(self.service.offer_trial("shop", tuple(EPOCHS), 30))
        self.ask(self.service.start_trial("shop", LENT))
        self.fails_at = f"set_lease {A}"
        self.failureResultOf(Deferred.fromCoroutine(self.acquire()), CommandFailed)
        self.clock.advance(60)
        self.refused(self.acquire(), "its trial here is over")
        assert self.leases[B] == PRIMARIES[B]
