"""A follower removes the key of a leader that is surely gone, and no other."""

from __future__ import annotations

import json
from base64 import b64encode
from random import Random
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.awaiting import deferred_of
from flocker_lite.control.store import etcd_requests
from flocker_lite.control.store.etcd_client import Etcd
from flocker_lite.control.store.leader_watch import LeaderWatch
from flocker_lite.control.store.leadership import LEASE_SECONDS, MARGIN_SHARE, Leader, Leadership
from flocker_lite.errors import StoreError
from flocker_lite.testing.memory_etcd import MemoryEtcd, MemoryGateway

STEP_SECONDS = 0.1
LOOK_STEPS_MAX = 20
SEEDS = range(40)
DRIFT = MARGIN_SHARE * 0.9
"""How much faster one clock is than another here, at most: a little less than what is allowed."""


class EndlessEtcd(MemoryEtcd):
    """One whose leases never end, as when its own leader is lost again and again."""

    def _end_leases(self) -> None:
        """Renew them all."""
        for lease, (seconds, _) in list(self._leases.items()):
            self._leases[lease] = seconds, self.clock.seconds() + seconds


class WatchTests(SynchronousTestCase):
    """A leader and a follower, each with a clock of its own, on an etcd that ends no lease."""

    def setUp(self) -> None:
        self.clock, self.own = Clock(), Clock()
        self.etcd = EndlessEtcd(Clock())
        self.ways = [MemoryGateway(self.etcd), MemoryGateway(self.etcd)]
        leader = Etcd(self.ways[0], self.own, "/f/")
        self.leadership = Leadership(leader, "https://c0", "c0", LEASE_SECONDS)
        self.successResultOf(deferred_of(self.leadership.acquire(1.0)))
        self.addCleanup(self.leadership.end, "the test is over")
        self.watch = LeaderWatch(Etcd(self.ways[1], self.clock, "/f/"))

    def look(self) -> Leader | None:
        """The follower looks who leads."""
        found: Leader | None = self.successResultOf(deferred_of(self.watch.look(1)))
        return found

    def pass_seconds(self, seconds: float, own: float = 1.0) -> None:
        """Let time pass, for the leader's clock so many times as fast; the follower looks on."""
        for _ in range(round(seconds / STEP_SECONDS)):
            self.own.advance(STEP_SECONDS * own)
            self.clock.advance(STEP_SECONDS)
            self.look()

    def test_renewed(self) -> None:
        """A leader that renews its lease stays."""
        self.pass_seconds(10 * LEASE_SECONDS)
        assert self.look() == self.leadership.leader
        assert self.leadership.holds

    def test_lost(self) -> None:
        """A leader that is lost is gone once its lease is over, though etcd goes on with that."""
        self.pass_seconds(1)
        self.ways[0].is_cut = True
        self.pass_seconds(LEASE_SECONDS - 1.2)
        assert self.look() == self.leadership.leader
        assert not self.leadership.holds
        self.pass_seconds(1.4)
        assert self.look() is None

    def test_a_follower_that_just_came(self) -> None:
        """It counts from when it first saw the key."""
        self.ways[0].is_cut = True
        self.own.advance(LEASE_SECONDS)
        self.clock.advance(LEASE_SECONDS)
        self.pass_seconds(LEASE_SECONDS - 0.2)
        assert self.look() == self.leadership.leader
        self.pass_seconds(0.4)
        assert self.look() is None

    def test_cut_off_itself(self) -> None:
        """A follower that did not reach etcd for long removes no leader that renewed meanwhile."""
        self.look()
        self.ways[1].is_cut = True
        for _ in range(3 * LEASE_SECONDS):
            self.own.advance(1)
            self.clock.advance(1)
        self.ways[1].is_cut = False
        assert self.look() == self.leadership.leader
        assert self.leadership.holds

    def test_renewed_at_the_last_moment(self) -> None:
        """A writing that arrives while the key is being removed keeps it; the leader goes on."""
        self.look()
        self.clock.advance(LEASE_SECONDS)
        self.ways[1].stalled = []
        looking = deferred_of(self.watch.look(1))
        [read], self.ways[1].stalled = self.ways[1].stalled, []
        read.callback(None)
        self.own.advance(2)
        self.ways[1].go_on()
        assert self.successResultOf(looking) is None
        assert self.look() == self.leadership.leader
        assert self.leadership.holds

    def test_renewed_too_late(self) -> None:
        """A writing that arrives after the removal does not count, nor bring the key back."""
        self.look()
        self.ways[0].stalled = []
        self.own.advance(2)
        self.own.advance(LEASE_SECONDS / 2)
        self.clock.advance(LEASE_SECONDS + 2)
        assert self.look() is None
        self.ways[0].go_on()
        assert not self.leadership.holds
        assert self.look() is None

    def test_an_older_release(self) -> None:
        """A leader that does not write its key anew is left to etcd."""
        said = {"api": "a", "agents": "b", "term": 1, "session": "s"}
        text = json.dumps(said)
        self.leadership.end("it is older")
        self.etcd.answer("kv/put", etcd_requests.put("/f/leader", text)["request_put"])
        self.pass_seconds(10 * LEASE_SECONDS)
        assert self.look() == Leader("a", "b", 1, "s")
        assert b64encode(b"/f/leader").decode() in self.etcd.entries


@pytest.mark.parametrize("seed", SEEDS)
def test_never_two(seed: int) -> None:
    """Pauses, cuts, late answers and clocks that drift: when another can lead, the first does not.

    etcd ends no lease here, so all rests on the clocks of the leader and of the follower.
    """
    random = Random(seed)
    drift = random.uniform(1 - DRIFT, 1)
    true, own, theirs = Clock(), Clock(), Clock()
    etcd = EndlessEtcd(true)
    ways = [MemoryGateway(etcd), MemoryGateway(etcd)]
    first = Leadership(Etcd(ways[0], own, "/f/"), "a", "a", LEASE_SECONDS)
    follower = Etcd(ways[1], theirs, "/f/")
    watch = LeaderWatch(follower)
    assert _done(first.acquire(1.0))
    paused_for = cut_for = slow_for = 0
    timers: list[Any] = []
    next_look = 0
    for step in range(5_000):
        true.advance(STEP_SECONDS)
        theirs.advance(STEP_SECONDS)
        if paused_for:  # its clock goes on, and nothing else does
            paused_for -= 1
            own.calls, timers = [], timers or own.calls
            own.advance(STEP_SECONDS * drift)
            if not paused_for:
                own.calls, timers = timers, []
        else:
            own.advance(STEP_SECONDS * drift)
        cut_for, slow_for = max(0, cut_for - 1), max(0, slow_for - 1)
        ways[0].is_cut = bool(cut_for)
        if not slow_for and ways[0].stalled is not None and not paused_for:
            ways[0].go_on()
        if random.random() < 0.002:
            paused_for = random.randrange(1, 150)
        if random.random() < 0.002:
            cut_for = random.randrange(1, 150)
        if random.random() < 0.002 and ways[0].stalled is None:
            ways[0].stalled, slow_for = [], random.randrange(1, 150)
        if step >= next_look:
            next_look = step + random.randrange(1, LOOK_STEPS_MAX)
            _done(watch.look(1))
            if b64encode(b"/f/leader").decode() not in etcd.entries:
                assert not first.holds
                return
    assert first.holds


def _done(work: Any) -> bool:
    """Do it; False if etcd refused, or did not answer."""
    outcome: list[bool] = []
    doing = deferred_of(work)
    doing.addCallbacks(lambda _: True, lambda failure: not failure.trap(StoreError))
    doing.addCallback(outcome.append)
    return outcome == [True]
