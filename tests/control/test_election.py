"""Of several control services one leads, the others know which, and the next one follows on."""

from __future__ import annotations

from dataclasses import dataclass, field

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.awaiting import deferred_of
from flocker_lite.control.election import (
    ANSWER_SECONDS_MAX,
    LOOK_SECONDS,
    REFUSED_SECONDS,
    Election,
)
from flocker_lite.control.store.etcd import EtcdStore, open_store
from flocker_lite.control.store.etcd_client import Etcd
from flocker_lite.control.store.leadership import LEASE_SECONDS, MARGIN_SHARE
from flocker_lite.errors import StoreError
from flocker_lite.testing.memory_etcd import MemoryEtcd, MemoryGateway

SECONDS_MAX = LEASE_SECONDS + 2 * LOOK_SECONDS


@dataclass
class Candidate:
    """One control service; what it serves is a note that it does."""

    name: str
    gateway: MemoryGateway
    clock: Clock
    etcd: Etcd = field(init=False)
    election: Election = field(init=False)
    served: list[str] = field(default_factory=list)
    trouble: Exception | None = None

    def __post_init__(self) -> None:
        self.etcd = Etcd(self.gateway, self.clock, "/f/")
        self.election = Election(self.etcd, self.opened, self.begin)

    async def opened(self) -> EtcdStore:
        """Become the leader."""
        return await open_store(self.etcd, self.name, self.name, wall_seconds=lambda: 1.0)

    async def begin(self, store: EtcdStore) -> Candidate:
        """Serve."""
        if self.trouble is not None:
            raise self.trouble
        self.served.append("began")
        return self

    async def end(self) -> None:
        """Serve no more."""
        self.served.append("ended")


class ElectionTests(SynchronousTestCase):
    """Two control services."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.etcd = MemoryEtcd(self.clock)
        self.a, self.b = (
            Candidate(name, MemoryGateway(self.etcd), self.clock) for name in ("a", "b")
        )
        for each in (self.a, self.b):
            each.election.start()
            self.addCleanup(self.stop, each)
        self.pass_seconds(LOOK_SECONDS)

    def stop(self, candidate: Candidate) -> None:
        """End one in order."""
        self.successResultOf(deferred_of(candidate.election.stop()))

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass; nobody may lead beside another at any moment."""
        for _ in range(max(1, round(seconds / 0.05))):
            self.clock.advance(0.05)
            assert not (self.a.election.leads and self.b.election.leads)

    def test_one_leads(self) -> None:
        """The other knows which one, and its term; for as long as nothing happens."""
        self.pass_seconds(3 * LEASE_SECONDS)
        assert self.a.election.leads
        assert not self.b.election.leads
        assert self.a.served == ["began"]
        assert self.b.served == []
        assert self.b.election.leader == self.a.election.leader
        assert self.b.election.leader is not None
        assert self.b.election.leader.api == "a"

    def test_an_orderly_stop(self) -> None:
        """The other one leads by its next look, with a later term."""
        before = self.b.election.leader
        self.stop(self.a)
        assert self.a.served == ["began", "ended"]
        self.pass_seconds(LOOK_SECONDS + 0.1)
        assert self.b.election.leads
        assert before is not None
        assert self.b.election.leader is not None
        assert self.b.election.leader.term > before.term

    def test_cut_off(self) -> None:
        """It stops serving by itself, before the other begins; back again, it follows."""
        self.a.gateway.is_cut = True
        self.pass_seconds(LEASE_SECONDS * (1 - MARGIN_SHARE) + 0.1)
        assert self.a.served == ["began", "ended"]
        assert self.b.served == []
        self.pass_seconds(SECONDS_MAX - LEASE_SECONDS * (1 - MARGIN_SHARE))
        assert self.b.election.leads
        self.pass_seconds(ANSWER_SECONDS_MAX)
        assert "no control service is known to lead" in self.a.election.trouble
        assert self.a.election.leader is None
        self.a.gateway.is_cut = False
        self.pass_seconds(1)
        assert self.a.election.leader == self.b.election.leader

    def test_no_etcd(self) -> None:
        """Without etcd nobody leads, and that is said; with it, one leads again."""
        for each in (self.a, self.b):
            each.gateway.is_cut = True
        self.pass_seconds(2 * LEASE_SECONDS)
        for each in (self.a, self.b):
            assert not each.election.leads
            assert "etcd does not answer" in each.election.trouble
            each.gateway.is_cut = False
        self.pass_seconds(2)
        assert self.a.election.leads != self.b.election.leads

    def test_an_old_etcd(self) -> None:
        """Nobody leads on an etcd that is too old, until it is upgraded; later it may be away."""
        etcd = MemoryEtcd(self.clock, version="3.3.25")
        old = Candidate("a", MemoryGateway(etcd), self.clock)
        old.election.start()
        self.addCleanup(self.stop, old)
        assert old.election.leader is None
        assert old.election.trouble == (
            "this control service cannot lead: etcd at memory is version 3.3.25, and "
            "flocker-control needs 3.4.22 or later: upgrade that member of etcd. Nothing needs to "
            "be restarted here"
        )
        assert not etcd.entries
        etcd.version = "3.4.22"
        self.pass_seconds(REFUSED_SECONDS + LOOK_SECONDS)
        assert old.election.leads

    def test_who_cannot_serve(self) -> None:
        """It leaves the lead to others, whatever the reason."""
        for trouble in (StoreError("damaged"), ZeroDivisionError()):
            self.b.trouble = trouble
            self.stop(self.a)
            self.a = Candidate("a", MemoryGateway(self.etcd), self.clock)
            self.pass_seconds(LOOK_SECONDS + 0.1)
            assert not self.b.election.leads
            self.a.election.start()
            self.addCleanup(self.stop, self.a)
            self.pass_seconds(LOOK_SECONDS)
            assert self.a.election.leads
            self.pass_seconds(REFUSED_SECONDS)
            assert self.a.election.leads
        self.flushLoggedErrors(ZeroDivisionError)

    def test_who_cannot_open_the_store(self) -> None:
        """It, too, leaves the lead to others: an older release, say, that knows no such format."""

        async def refused() -> EtcdStore:
            self.b.served.append("tried")
            raise StoreError("the store has format 99")

        self.stop(self.b)
        self.b = Candidate("b", MemoryGateway(self.etcd), self.clock)
        self.b.election = Election(self.b.etcd, refused, self.b.begin)
        self.b.election.start()
        self.addCleanup(self.stop, self.b)
        self.stop(self.a)
        self.pass_seconds(REFUSED_SECONDS)
        assert self.b.served == ["tried"]
        assert "this control service cannot lead: the store has format" in self.b.election.trouble

    def test_stopped_while_it_waits(self) -> None:
        """An end at any moment leaves nothing that goes on."""
        self.b.gateway.stalled = []
        self.pass_seconds(1)
        self.stop(self.b)
        self.stop(self.a)
        self.pass_seconds(SECONDS_MAX)
        assert self.clock.getDelayedCalls() == []
