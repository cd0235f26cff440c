"""Trials: the destination's ends before the source's, whatever the clocks and the agents do."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.convergence.trials import (
    FENCE_ENDS,
    MARGIN_SECONDS,
    NO_TRIAL,
    TICK_SECONDS,
    Trials,
    trial_seconds,
)
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import HealthCheck
from flocker_lite.model.state import LocalDataset
from flocker_lite.testing.memory_fence import MemoryFence

D, E = "d1", "d2"
LENT = Lease(Role.LENT, 8, "b", 45)


def copies(leases: dict[str, Lease]) -> dict[str, LocalDataset]:
    """What discovery found."""
    return {
        each: LocalDataset(each, held, True, f"/flocker/{each}", None, ())
        for each, held in leases.items()
    }


class TrialsTests(SynchronousTestCase):
    """The trials of one node, with a clock that never jumps beside one that may."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.true_seconds = 1000.0
        self.ended: list[str] = []
        self.kept: list[str] = []
        self.lost: list[str] = []
        self.changes = 0
        self.fence = MemoryFence(self.ended.append, self.clock)
        self.trials = self.make()

    def make(self) -> Trials:
        """Those of an agent that has just started."""
        return Trials(
            self.clock,
            lambda: self.true_seconds,
            self.fence,
            self.changed,
            self.kept.append,
            self.lose,
        )

    def changed(self) -> None:
        self.changes += 1

    async def lose(self, container: str) -> None:
        self.lost.append(container)

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        self.successResultOf(Deferred.fromCoroutine(work))

    def pass_(self, seconds: float) -> None:
        """Time passes, on both clocks."""
        while seconds > 0:
            step = min(seconds, TICK_SECONDS)
            self.true_seconds += step
            self.clock.advance(step)
            seconds -= step

    def test_it_may_run_while_the_trial_goes_on(self) -> None:
        self.do(self.trials.ask("db", [D, E], 45))
        assert self.trials.on_trial == {D, E}
        assert self.trials.is_offered("db", D)
        assert not self.trials.is_offered("web", D)
        assert self.trials.over("db") is None

    def test_it_ends_before_its_fence_does_it(self) -> None:
        self.do(self.trials.ask("db", [D], 45))
        self.pass_(44)
        assert self.trials.on_trial == frozenset()
        assert self.trials.over("db") == "the trial is over"
        assert self.changes == 1
        assert self.ended == []
        self.pass_(1)
        assert self.ended == [D]

    def test_asked_for_again_it_counts_anew(self) -> None:
        self.do(self.trials.ask("db", [D], 45))
        self.pass_(30)
        self.do(self.trials.ask("db", [D], 45))
        self.pass_(30)
        assert self.trials.on_trial == {D}
        assert self.ended == []

    def test_a_time_of_day_that_is_set_back_does_not_lengthen_it(self) -> None:
        self.do(self.trials.ask("db", [D], 45))
        self.true_seconds += 60
        assert self.trials.on_trial == frozenset()
        assert not self.trials.is_offered("db", D)

    def test_it_is_kept_once_all_of_it_is_acquired(self) -> None:
        self.do(self.trials.ask("db", [D, E], 45))
        self.do(self.trials.acquired(D))
        assert (self.kept, self.trials.over("db")) == ([], None)
        self.do(self.trials.acquired(E))
        assert (self.kept, self.trials.over("db")) == (["db"], NO_TRIAL)
        self.pass_(60)
        assert self.ended == []

    def test_what_discovery_finds_primary_is_kept(self) -> None:
        """Whoever set the leases; one from before the trial says nothing."""
        self.do(self.trials.ask("db", [D, E], 45))
        for dataset_id in (D, E):
            self.trials.started("db", dataset_id, 8)
        for found in (
            {},
            {D: Lease(Role.PRIMARY, 8)},
            {D: Lease(Role.PRIMARY, 8), E: Lease(Role.PROBATION, 8)},
            {D: Lease(Role.PRIMARY, 8), E: Lease(Role.PRIMARY, 7)},
        ):
            self.do(self.trials.see(copies(found)))
            assert (self.kept, self.trials.over("db")) == ([], None)
        self.do(self.trials.see(copies({E: Lease(Role.PRIMARY, 8)})))
        assert (self.kept, self.trials.over("db")) == (["db"], NO_TRIAL)
        self.pass_(60)
        assert self.ended == []

    def test_what_is_recalled_is_over_with_a_reason(self) -> None:
        self.do(self.trials.ask("db", [D, E], 45))
        self.trials.end_trials_of([E], "wanted back")
        assert (self.trials.over("db"), self.trials.on_trial) == ("wanted back", frozenset())
        self.trials.end("db", "another reason")
        assert (self.trials.over("db"), self.changes) == ("wanted back", 1)

    def test_what_is_given_back_is_fenced_no_more(self) -> None:
        self.do(self.trials.ask("db", [D], 45))
        self.trials.end("db", "sick")
        self.do(self.trials.given_back("db"))
        assert (self.trials.over("db"), self.lost) == (NO_TRIAL, ["db"])
        self.pass_(60)
        assert self.ended == []

    def test_what_goes_on_or_is_not_all_given_back_is_not_settled(self) -> None:
        self.do(self.trials.ask("db", [D, E], 45))
        self.do(self.trials.settle([D, E]))
        assert self.trials.over("db") is None
        self.trials.end("db", "sick")
        self.do(self.trials.settle([D]))
        assert self.trials.over("db") == "sick"
        self.do(self.trials.settle([D, E]))
        assert (self.trials.over("db"), self.lost) == (NO_TRIAL, ["db"])

    def test_a_new_agent_has_no_trials_and_the_fence_stays(self) -> None:
        self.do(self.trials.ask("db", [D], 45))
        self.trials.stop()
        assert self.make().on_trial == frozenset()
        self.pass_(45)
        assert self.ended == [D]

    def test_it_ends_with_its_fence(self) -> None:
        """Nothing is on trial that nobody would end."""
        self.do(self.trials.ask("db", [D], 45))
        self.fence.expire("db")
        assert (self.trials.over("db"), self.trials.on_trial) == (FENCE_ENDS, frozenset())
        assert (self.changes, self.ended) == (1, [D])

    def test_the_lender_waits_for_the_trial_and_a_margin(self) -> None:
        self.trials.granted(D, 45)
        self.pass_(45)
        assert self.trials.still_granted_seconds(D, LENT) == MARGIN_SECONDS
        self.pass_(MARGIN_SECONDS)
        assert self.trials.still_granted_seconds(D, LENT) == 0

    def test_a_new_lender_takes_it_to_be_lent_just_now(self) -> None:
        self.trials.granted(D, 45)
        self.pass_(30)
        assert self.make().still_granted_seconds(D, LENT) == 45 + MARGIN_SECONDS


def test_a_trial_leaves_time_for_the_health_check() -> None:
    """The start period, one try, and what mounting and starting take."""
    check = HealthCheck(port=1, timeout_seconds=5, start_period_seconds=30)
    assert trial_seconds(check) > 30 + 5
