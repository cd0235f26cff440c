"""The service: what other nodes may ask of this one, whatever they believe, however late."""

from __future__ import annotations

import json
import os
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.agent.proofs import Proofs
from flocker_lite.convergence.move_log import MoveLog
from flocker_lite.convergence.trials import NO_TRIAL, Trials
from flocker_lite.errors import CommandFailed, Conflict, PeerRefused
from flocker_lite.interfaces import PeerCopy, TrialDataset
from flocker_lite.model.grants import Signed, Statement
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.membership import Membership
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import LocalDataset, Snapshot
from flocker_lite.peers.service import PeerService
from flocker_lite.testing.memory_chains import MemoryChains
from flocker_lite.testing.memory_fence import MemoryFence
from flocker_lite.testing.memory_storage import Copy, MemoryStorage
from flocker_lite.testing.stub_host import StubHost

D = "d1"
LAST = Snapshot("flocker-lite-7-2", "guid-2")
REPLICA = Lease(Role.REPLICA, 7)
PRIMARY = Lease(Role.PRIMARY, 8)


class PeerServiceTests(SynchronousTestCase):
    """A service before a storage that has a replica of a dataset."""

    def setUp(self) -> None:
        self.storage = MemoryStorage()
        clock = Clock()
        moves = MoveLog(clock)
        self.fence = MemoryFence(lambda _: None, clock)
        self.kept: list[str] = []
        self.trials = Trials(clock, clock.seconds, self.fence, kept=self.kept.append)
        self.host = StubHost()
        self.chains = MemoryChains()
        proofs = Proofs("me", self.chains)
        self.service = PeerService("me", self.storage, moves, self.trials, self.host, proofs)
        self.has(REPLICA)

    def has(self, lease: Lease | None, mounted: bool = False, *more: Snapshot) -> None:
        """This node's copy."""
        local = LocalDataset(D, lease, mounted, "/flocker/d1", None, (LAST, *more))
        self.storage.copies[D] = Copy(local, ("one",), pmap({LAST.guid: ("one",)}))

    @property
    def lease(self) -> Lease | None:
        """The lease of the copy here."""
        return self.storage.copies[D].local.lease

    def ask(self, asking: Coroutine[Any, Any, Any]) -> Any:
        """The answer."""
        return self.successResultOf(Deferred.fromCoroutine(asking))

    def refused(self, asking: Coroutine[Any, Any, Any], why: str) -> None:
        """It is refused, for this reason."""
        failure = self.failureResultOf(Deferred.fromCoroutine(asking), PeerRefused)
        assert why in str(failure.value)

    def stream(self, base: str | None, guid: str = "guid-3") -> int:
        """A descriptor from which a stream can be read."""
        fd = os.memfd_create("stream")
        self.addCleanup(os.close, fd)
        text = {"base": base, "name": "flocker-lite-7-3", "guid": guid, "content": ["one", "two"]}
        os.write(fd, json.dumps(text).encode() + b"\n")
        os.lseek(fd, 0, os.SEEK_SET)
        return fd

    def test_copy(self) -> None:
        """What is here, up to its newest snapshot."""
        assert self.ask(self.service.copy(D)) == PeerCopy(True, REPLICA, LAST, None, (LAST,))
        assert self.ask(self.service.copy("other")) == PeerCopy(exists=False)

    def test_copy_tells_of_all(self) -> None:
        """With the newest come those before it, from one of which an increment may start."""
        stash = self.storage.user_snapshot(D, "stash-8")
        copy = self.ask(self.service.copy(D))
        assert (copy.newest, copy.snapshots) == (stash, (LAST, stash))

    def test_a_part_of_a_promotion(self) -> None:
        """Whose coordinator may be promoted already: an earlier primary sends it nothing more."""
        local = self.storage.copies[D].local
        for epoch, is_refused in ((8, False), (9, True)):
            note = Membership(epoch, "me", "d0", epoch)
            self.storage.copies[D] = Copy(replace(local, membership=note))
            asking = self.service.may_receive(D, 7, LAST.guid)
            if is_refused:
                self.refused(asking, "promoted as of epoch 9")
            else:
                self.ask(asking)

    def test_acquire(self) -> None:
        """A replica that is complete becomes primary, and the agent looks."""
        self.ask(self.service.acquire(D, 8, LAST.guid))
        assert self.lease == PRIMARY
        assert self.host.changed == [D]

    def test_the_proof_comes_first(self) -> None:
        """It is on disk before the copy is primary: what is primary can show why."""
        link = Signed(Statement("cluster", D, "me", 8, "peer", LAST.guid), "c", "s")
        waiting: Deferred[None] = Deferred()
        write = self.chains.write

        async def slow(dataset_id: str, links: tuple[Signed, ...]) -> None:
            await waiting
            await write(dataset_id, links)

        self.patch(self.chains, "write", slow)
        asking = Deferred.fromCoroutine(self.service.acquire(D, 8, LAST.guid, (link,)))
        assert self.lease == REPLICA
        waiting.callback(None)
        self.successResultOf(asking)
        assert (self.lease, self.chains.known) == (PRIMARY, {D: (link,)})

    def test_acquire_again(self) -> None:
        """The sender that did not hear the answer asks once more, and nothing changes."""
        self.ask(self.service.acquire(D, 8, LAST.guid))
        self.ask(self.service.acquire(D, 8, LAST.guid))
        assert self.lease == PRIMARY

    def test_acquire_whose_command_failed_late(self) -> None:
        """What was lent is kept by the repeated request, though the lease says so already."""
        self.ask(self.service.offer_trial("db", (D,), 45))
        self.ask(self.service.start_trial("db", (TrialDataset(D, 8, LAST.guid),)))
        set_lease = self.storage.set_lease

        async def fails_late(dataset_id: DatasetId, lease: Lease) -> None:
            await set_lease(dataset_id, lease)
            raise CommandFailed(("zfs", "set"), -9, "")

        self.patch(self.storage, "set_lease", fails_late)
        self.failureResultOf(
            Deferred.fromCoroutine(self.service.acquire(D, 8, LAST.guid)), CommandFailed
        )
        assert (self.lease, self.kept) == (PRIMARY, [])
        self.ask(self.service.acquire(D, 8, LAST.guid))
        assert (self.kept, self.trials.over("db"), self.fence.armed) == (["db"], NO_TRIAL, {})

    def test_a_trial_that_is_over(self) -> None:
        """It was given back when storage says so, whatever became of who did it."""
        steps: list[Deferred[None]] = []

        def next_step() -> Deferred[None]:
            steps.append(Deferred())
            return steps[-1]

        self.patch(self.host, "next_step", next_step)
        self.ask(self.service.offer_trial("db", (D,), 45))
        self.host.trial = PeerRefused("it is sick")
        trying = Deferred.fromCoroutine(
            self.service.start_trial("db", (TrialDataset(D, 8, LAST.guid),))
        )
        self.trials.end("db", "it is sick")
        self.assertNoResult(trying)
        assert self.trials.over("db") == "it is sick"
        self.has(Lease(Role.REPLICA, 7))
        steps[-1].callback(None)
        self.failureResultOf(trying, PeerRefused)
        assert (self.trials.over("db"), self.fence.armed) == (NO_TRIAL, {})

    def test_acquire_what_is_not_complete(self) -> None:
        """Without the last snapshot nobody becomes primary."""
        self.refused(self.service.acquire(D, 8, "guid-3"), "ends with")
        assert self.lease == REPLICA

    def test_acquire_what_is_not_here(self) -> None:
        """Nor without a copy."""
        self.refused(self.service.acquire("other", 8, LAST.guid), "no copy")

    def test_acquire_from_the_past(self) -> None:
        """An epoch that this copy has seen is over."""
        for lease in (Lease(Role.REPLICA, 8), Lease(Role.PRIMARY, 9), Lease(Role.RELEASED, 9, "b")):
            self.has(lease)
            self.refused(self.service.acquire(D, 8, LAST.guid), "")
            assert self.lease == lease

    def test_acquire_with_a_users_snapshot(self) -> None:
        """A snapshot that cron took of the replica does not stop a handoff."""
        self.has(REPLICA, False, Snapshot("cron", "guid-cron"))
        self.ask(self.service.acquire(D, 8, LAST.guid))
        assert self.lease == PRIMARY

    def test_a_late_request(self) -> None:
        """What a killed peer asked for takes effect in turn: never on top of what came later."""
        slow: list[Deferred[None]] = []

        async def before(method: str, _: str) -> None:
            if method == "set_lease" and not slow:
                slow.append(Deferred())
                await slow[0]

        self.storage.before = before
        first = Deferred.fromCoroutine(self.service.acquire(D, 8, LAST.guid))
        second = Deferred.fromCoroutine(self.service.acquire(D, 8, LAST.guid))
        self.assertNoResult(second)
        slow[0].callback(None)
        self.successResultOf(first)
        self.successResultOf(second)
        assert self.lease == PRIMARY

    def test_receive(self) -> None:
        """A replica goes on, and takes the sender's epoch."""
        self.ask(self.service.may_receive(D, 8, LAST.guid))
        self.ask(self.service.receive(D, 8, self.stream(LAST.guid)))
        assert self.storage.read(D) == ("one", "two")
        assert self.lease == Lease(Role.REPLICA, 8)

    def test_receive_the_first_time(self) -> None:
        """A copy is made as a replica."""
        self.ask(self.service.may_receive("new", 3, None))
        self.ask(self.service.receive("new", 3, self.stream(None)))
        assert self.storage.copies["new"].local.lease == Lease(Role.REPLICA, 3)
        assert not self.storage.copies["new"].local.mounted

    def test_not_received(self) -> None:
        """Nothing is received that does not continue a replica here."""
        self.refused(self.service.may_receive(D, 7, "guid-1"), "ends with guid-2")
        self.refused(self.service.may_receive(D, 7, None), "ends with guid-2")
        self.refused(self.service.may_receive("new", 7, LAST.guid), "no copy")
        self.refused(self.service.may_receive(D, 6, LAST.guid), "older")

    def test_nobody_writes_over_a_primary(self) -> None:
        """Whoever holds the dataset, or did not give it away yet, receives nothing."""
        for lease in (PRIMARY, Lease(Role.RELEASING, 8, "b"), Lease(Role.DEPOSED, 9)):
            self.has(lease)
            self.refused(self.service.may_receive(D, 9, LAST.guid), "holds it as")
            self.refused(self.service.receive(D, 9, self.stream(LAST.guid)), "holds it as")
            self.refused(self.service.set_aside(D), "holds it as")
            assert self.storage.read(D) == ("one",)

    def test_nobody_writes_below_a_mount(self) -> None:
        """A mounted copy receives nothing, whatever its lease."""
        self.has(REPLICA, mounted=True)
        self.refused(self.service.may_receive(D, 9, LAST.guid), "mounted")

    def test_one_stream_at_a_time(self) -> None:
        """While one is received there is no other, no handoff, and nothing set aside."""
        going: list[Deferred[None]] = []

        async def before(method: str, _: str) -> None:
            if method == "receive":
                going.append(Deferred())
                await going[0]

        self.storage.before = before
        receiving = Deferred.fromCoroutine(self.service.receive(D, 7, self.stream(LAST.guid)))
        self.refused(self.service.receive(D, 7, self.stream(LAST.guid)), "another stream")
        self.refused(self.service.may_receive(D, 6, LAST.guid), "a stream of epoch 7")
        self.refused(self.service.acquire(D, 8, LAST.guid), "being received")
        self.refused(self.service.set_aside(D), "being received")
        going[0].callback(None)
        self.successResultOf(receiving)

    def test_a_stream_that_hangs(self) -> None:
        """Its sender, which lost power, begins anew: the old stream ends, and is out of the way."""
        hanging: list[Deferred[None]] = []

        async def before(method: str, _: str) -> None:
            if method == "receive" and not hanging:
                hanging.append(Deferred())
                await hanging[0]

        self.storage.before = before
        receiving = Deferred.fromCoroutine(self.service.receive(D, 7, self.stream(LAST.guid)))
        self.assertNoResult(receiving)
        self.ask(self.service.may_receive(D, 7, LAST.guid))
        self.failureResultOf(receiving, PeerRefused)
        self.ask(self.service.receive(D, 7, self.stream(LAST.guid)))
        assert self.storage.read(D) == ("one", "two")

    def cut_stream(self, base: str | None) -> None:
        """A stream for D that ends early."""
        fd = self.stream(base)
        os.ftruncate(fd, os.fstat(fd).st_size - 5)
        receiving = Deferred.fromCoroutine(self.service.receive(D, 7, fd))
        self.failureResultOf(receiving, CommandFailed)

    def test_a_part_of_the_first_stream(self) -> None:
        """It is no copy, and lets its sender go on."""
        self.storage.resumes = True
        self.storage.copies.clear()
        self.cut_stream(None)
        copy = self.ask(self.service.copy(D))
        assert (copy.exists, copy.lease, copy.newest) == (False, None, None)
        assert copy.resume_token is not None
        self.ask(self.service.may_receive(D, 7, None, resumes=True))
        assert self.ask(self.service.copy(D)) == copy

    def test_a_part_of_an_increment(self) -> None:
        """The replica is what it was, and lets its sender go on."""
        self.storage.resumes = True
        self.cut_stream(LAST.guid)
        copy = self.ask(self.service.copy(D))
        assert (copy.exists, copy.lease, copy.newest) == (True, REPLICA, LAST)
        assert copy.resume_token is not None
        self.ask(self.service.may_receive(D, 7, LAST.guid, resumes=True))
        assert self.ask(self.service.copy(D)) == copy

    def test_a_part_that_nobody_goes_on_with(self) -> None:
        """It is thrown away when another stream is to come, and nothing else is."""
        self.storage.resumes = True
        self.cut_stream(LAST.guid)
        self.ask(self.service.may_receive(D, 7, LAST.guid))
        assert self.ask(self.service.copy(D)) == PeerCopy(True, REPLICA, LAST, None, (LAST,))
        self.storage.copies.clear()
        self.cut_stream(None)
        self.ask(self.service.may_receive(D, 7, None))
        assert self.ask(self.service.copy(D)) == PeerCopy(exists=False)
        assert D not in self.storage.copies

    def test_no_part_of_a_primary(self) -> None:
        """Whoever holds the dataset throws nothing away for others."""
        self.storage.resumes = True
        self.cut_stream(LAST.guid)
        held = self.storage.copies[D]
        self.storage.copies[D] = replace(held, local=replace(held.local, lease=PRIMARY))
        self.refused(self.service.may_receive(D, 9, LAST.guid), "holds it as")
        assert D in self.storage.partial

    def test_looks_of_a_stream(self) -> None:
        """At the end of an increment nothing is asked: the service waits for it."""
        asked: list[str] = []

        async def before(method: str, _: str) -> None:
            asked.append(method)

        self.storage.before = before
        self.ask(self.service.receive(D, 7, self.stream(LAST.guid)))
        assert asked == ["look", "receive"]

    def test_a_stream_that_does_not_fit(self) -> None:
        """It changes nothing, and the next one may come."""
        receiving = Deferred.fromCoroutine(self.service.receive(D, 7, self.stream("guid-1")))
        self.failureResultOf(receiving, Conflict)
        self.ask(self.service.receive(D, 7, self.stream(LAST.guid)))

    def test_set_aside_what_came_later(self) -> None:
        """The copy goes on from the snapshot that is asked for; doing it again is no error."""
        self.storage.user_snapshot(D, "stash-8")
        self.refused(self.service.set_aside(D, "unknown"), "no snapshot unknown")
        for _ in range(2):
            self.ask(self.service.set_aside(D, LAST.guid))
            assert self.storage.copies[D].local.snapshots == (LAST,)
        (aside,) = self.ask(self.storage.asides()).values()
        assert (aside.dataset_id, aside.reason) == (D, "trial")
        assert D in self.host.changed

    def test_pruning_lives_with_what_was_set_aside(self) -> None:
        """A snapshot that is needed stays, and the others go all the same."""
        self.storage.user_snapshot(D, "stash-8")
        self.ask(self.service.set_aside(D, LAST.guid))
        later = [self.storage.user_snapshot(D, f"flocker-lite-7-{number}") for number in (3, 4)]
        self.ask(self.service.prune(D, frozenset({later[-1].guid})))
        assert self.storage.copies[D].local.snapshots == (LAST, later[-1])

    def test_set_aside(self) -> None:
        """A diverged replica is kept under another name; doing it again is no error."""
        self.ask(self.service.set_aside(D))
        self.ask(self.service.set_aside(D))
        assert D not in self.storage.copies
        assert [copy.content for copy in self.storage.aside.values()] == [("one",)]

    def test_prune(self) -> None:
        """Old snapshots of pushes go; users' stay."""
        cron = Snapshot("cron", "guid-cron")
        self.has(REPLICA, False, cron, Snapshot("flocker-lite-7-3", "guid-3"))
        self.ask(self.service.prune(D, frozenset({"guid-3"})))
        left = [snapshot.name for snapshot in self.storage.copies[D].local.snapshots]
        assert left == ["cron", "flocker-lite-7-3"]
        self.ask(self.service.prune("other", frozenset()))
