"""One control service leads at a time, and it stops before another can begin."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.awaiting import deferred_of
from flocker_lite.control.change_feed import ChangeFeed
from flocker_lite.control.store.etcd_client import Etcd
from flocker_lite.control.store.leader_watch import LeaderWatch
from flocker_lite.control.store.leadership import (
    LEASE_SECONDS,
    MARGIN_SHARE,
    RENEWALS_PER_COMPACTION,
    RENEWALS_PER_LEASE,
    TERM_STEP,
    Leadership,
    parsed,
)
from flocker_lite.errors import EtcdUnsure, StoreError
from flocker_lite.testing.memory_etcd import MemoryEtcd, MemoryGateway

OWN_SECONDS = LEASE_SECONDS * (1 - MARGIN_SHARE)
WALL_SECONDS = 1.7e9


class LeadershipTests(SynchronousTestCase):
    """Two control services with clocks of their own, and the etcd between them."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.etcd = MemoryEtcd(self.clock)
        self.ways = [MemoryGateway(self.etcd), MemoryGateway(self.etcd)]

    def client(self, number: int) -> Etcd:
        """A control service's way to etcd."""
        return Etcd(self.ways[number], self.clock, "/f/")

    def made(self, number: int) -> Leadership:
        """One that does not lead yet."""
        return Leadership(self.client(number), f"https://c{number}", f"c{number}", LEASE_SECONDS)

    def acquiring(self, leadership: Leadership, wall_seconds: float = WALL_SECONDS) -> Any:
        """It tries to lead."""
        return deferred_of(leadership.acquire(wall_seconds))

    def leading(self, number: int, wall_seconds: float = WALL_SECONDS) -> Leadership:
        """One that leads."""
        leadership = self.made(number)
        self.successResultOf(self.acquiring(leadership, wall_seconds))
        self.addCleanup(leadership.end, "the test is over")
        return leadership

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass, a tenth of a second at a time."""
        self.clock.pump([0.1] * round(seconds * 10))

    def test_feeds(self) -> None:
        """A watcher of one leader's changes has to begin anew with the next, and is told so.

        Even where a million things changed, and the next one's clock is years behind.
        """
        former = self.leading(0)
        feed = ChangeFeed.of_term(former.leader.term)
        feed.generation += 1_000_000
        self.successResultOf(deferred_of(former.resign()))
        later = ChangeFeed.of_term(self.leading(1, WALL_SECONDS - 1e8).leader.term)
        assert later.since(feed.generation, 1) is None
        assert later.has_changed("configuration/datasets", feed.generation)
        for _ in range(1_000):
            later.shown_otherwise([("datasets", "d")])
        assert later.since(feed.generation, 1) is None

    def test_renewed(self) -> None:
        """It leads for as long as its lease is renewed."""
        leadership = self.leading(0)
        self.pass_seconds(10 * LEASE_SECONDS)
        assert leadership.holds
        self.assertNoResult(leadership.ended)

    def test_one(self) -> None:
        """While one leads no other does, and the other learns who it is."""
        first = self.leading(0)
        refused = self.failureResultOf(self.acquiring(self.made(1)), StoreError).value
        assert "the control service at https://c0 uses this store" in str(refused)
        found = self.successResultOf(deferred_of(LeaderWatch(self.client(1)).look(1)))
        assert found == first.leader
        assert (found.api, found.agents) == ("https://c0", "c0")

    def test_resigned(self) -> None:
        """After an orderly stop another leads at once."""
        first = self.leading(0)
        self.successResultOf(deferred_of(first.resign()))
        assert not first.holds
        assert self.successResultOf(first.ended) == "it resigned"
        assert self.successResultOf(deferred_of(LeaderWatch(self.client(1)).look(1))) is None
        assert self.leading(1).holds
        self.successResultOf(deferred_of(first.resign()))

    def test_cut_off(self) -> None:
        """Without etcd it stops by its own clock, before etcd lets another one lead."""
        first, other = self.leading(0), self.made(1)
        self.ways[0].is_cut = True
        self.pass_seconds(OWN_SECONDS - 0.2)
        assert first.holds
        self.failureResultOf(self.acquiring(other), StoreError)
        self.pass_seconds(0.4)
        assert not first.holds
        assert "lease" in self.successResultOf(first.ended)
        self.failureResultOf(self.acquiring(self.made(1)), StoreError)
        self.pass_seconds(LEASE_SECONDS - OWN_SECONDS)
        assert self.leading(1).holds

    def test_stalled(self) -> None:
        """A renewal that hangs is no renewal; counted from when it was asked for, at that."""
        first = self.leading(0)
        self.ways[0].stalled = []
        self.pass_seconds(OWN_SECONDS - 0.2)
        assert first.holds
        asked = len(self.ways[0].stalled)
        assert asked == 1
        self.ways[0].go_on()
        # Asked for 7 s ago: that leaves 2 s.
        assert first.holds
        self.ways[0].is_cut = True
        self.pass_seconds(2.4)
        assert not first.holds

    def test_paused(self) -> None:
        """A process that sleeps beyond its lease does not lead when it wakes up, nor ever again."""
        first = self.leading(0)
        timers, self.clock.calls = self.clock.calls, []
        self.clock.advance(OWN_SECONDS + 0.5)
        assert not first.holds
        self.clock.calls = timers
        self.clock.advance(0)
        self.pass_seconds(2)
        assert not first.holds
        assert self.successResultOf(first.ended)

    def test_asked_before_the_pause(self) -> None:
        """An answer that comes after the time is over does not bring leadership back."""
        first = self.leading(0)
        self.pass_seconds(1.9)
        self.ways[0].stalled = []
        self.pass_seconds(0.2)
        timers, self.clock.calls = self.clock.calls, []
        self.clock.advance(OWN_SECONDS)
        self.clock.calls = timers
        self.ways[0].go_on()
        assert not first.holds

    def test_lease_gone(self) -> None:
        """When etcd says that the lease has ended, it has."""
        first = self.leading(0)
        lease = self.etcd.answer("lease/grant", {"TTL": "1"})
        self.etcd.answer("lease/revoke", {"ID": str(int(lease["ID"]) - 1)})
        self.pass_seconds(LEASE_SECONDS / 5 + 0.1)
        assert self.successResultOf(first.ended) == "etcd has ended its lease"

    def test_key_gone(self) -> None:
        """When its key was removed, it ends with its next renewal, and does not make it anew."""
        first = self.leading(0)
        self.etcd.entries.clear()
        self.pass_seconds(LEASE_SECONDS / RENEWALS_PER_LEASE + 0.1)
        assert self.successResultOf(first.ended) == "etcd has given the lead to another"
        assert not self.etcd.entries

    def test_history(self) -> None:
        """Its renewals are writes, whose history etcd is told to forget now and then."""
        self.leading(0)
        between = LEASE_SECONDS / RENEWALS_PER_LEASE
        self.clock.pump([between] * RENEWALS_PER_COMPACTION)
        assert self.etcd.compacted_at > RENEWALS_PER_COMPACTION

    def test_terms(self) -> None:
        """Each leader has a later term, even one whose clock is far behind."""
        first = self.leading(0)
        assert first.leader.term == int(WALL_SECONDS * 1e6)
        self.successResultOf(deferred_of(first.resign()))
        second = self.leading(1, WALL_SECONDS - 3600)
        assert second.leader.term == first.leader.term + TERM_STEP
        assert second.created_at > first.created_at

    def test_lost_answer(self) -> None:
        """A key that was written although nobody heard so is recognised."""
        leadership = self.made(0)
        self.ways[0].answers_before_loss, self.ways[0].lost_answers = 2, 1
        acquiring = self.acquiring(leadership)
        self.assertNoResult(acquiring)
        assert self.ways[0].paths[-1] == "kv/txn"
        self.clock.advance(0.1)
        self.successResultOf(acquiring)
        assert leadership.holds
        leadership.end("the test is over")

    def test_no_etcd(self) -> None:
        """Without etcd nobody begins to lead, and nothing is left behind."""
        self.ways[0].is_cut = True
        acquiring = self.acquiring(self.made(0))
        self.pass_seconds(11)
        self.failureResultOf(acquiring, EtcdUnsure)

    def test_no_lease_is_left(self) -> None:
        """When the key could not be had, the lease is given back."""
        leadership = self.made(0)
        self.ways[0].stalled = []
        acquiring = self.acquiring(leadership)
        waiting, self.ways[0].stalled = self.ways[0].stalled, None
        other = self.leading(1)
        for each in waiting:
            each.callback(None)
        self.failureResultOf(acquiring, StoreError)
        assert other.holds


def test_what_is_not_a_leader() -> None:
    """Whatever is at the key, somebody has it."""
    for text in ("", "[]", "{", '{"api": 1}'):
        assert parsed(text).api == ""
