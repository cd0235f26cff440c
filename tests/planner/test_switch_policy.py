"""When a push stops and the switch begins."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.model.records import MoveOptions
from flocker_lite.model.state import Round
from flocker_lite.planner import switch_policy
from flocker_lite.planner.switch_policy import Decision, Progress, Verdict, decide, fit, outlook

MB = 1_000_000
SECONDS_MAX = 1e5
PLAIN = MoveOptions()
COSTS = 0.5
DECIDED_WITHIN_LAPS = 200

ROUND = st.builds(
    Round,
    st.integers(0, 2**40),
    st.floats(0, SECONDS_MAX),
    st.just(0.0) | st.floats(0.001, SECONDS_MAX),
)
POINTS = st.lists(ROUND, max_size=8).map(tuple)


@dataclass(frozen=True)
class Link:
    """A link and a container as they might be, with no noise; rates in bytes per second."""

    fixed_seconds: float
    rate: float
    write_rate: float
    full_bytes: float

    def pushed(self, laps: int) -> Progress:
        """The push after so many rounds, each right after the other."""
        done: list[Round] = []
        since, size = 0.0, self.full_bytes
        for _ in range(laps):
            seconds = self.fixed_seconds + size / self.rate
            done.append(Round(int(size), seconds, since))
            since, size = seconds, self.write_rate * seconds
        return Progress(tuple(done), since)


LINKS = st.builds(
    Link,
    st.floats(0.005, 1.0),
    st.floats(MB, 1e9),
    st.floats(0, 2e9),
    st.floats(MB, 1e12),
)
OPTIONS = st.builds(
    MoveOptions,
    st.none() | st.floats(0.001, 100.0),
    st.none() | st.floats(1.0, 1e6),
    st.sampled_from(["force", "abort"]),
)


def decided(link: Link, laps: int, options: MoveOptions = PLAIN) -> Decision:
    """What is decided after so many laps."""
    push = link.pushed(laps)
    elapsed_seconds = sum(done.seconds for done in push.rounds)
    return decide((push,), outlook((push,), COSTS), options, elapsed_seconds)


BUSY = Link(0.05, 100 * MB, 20 * MB, 10_000 * MB)
TOO_BUSY = Link(0.05, 35 * MB, 41 * MB, 1000 * MB)


# Without a budget


def test_one_round_tells_nothing() -> None:
    """Nobody knows how much is written meanwhile."""
    assert outlook((BUSY.pushed(1),), COSTS) is None
    assert decided(BUSY, 1).verdict is Verdict.PUSH


def test_switches_when_the_rest_is_small() -> None:
    """The last send fits into the limit."""
    assert decided(Link(0.01, 100 * MB, MB, 100 * MB), 2).verdict is Verdict.SWITCH


def test_goes_on_while_it_helps() -> None:
    """A gigabyte, then a fifth of it: another round is worth its while."""
    assert decided(BUSY, 2).verdict is Verdict.PUSH


def test_switches_when_rounds_do_not_shrink() -> None:
    """A container that writes as fast as the network takes it is switched all the same."""
    assert decided(TOO_BUSY, 2).verdict is Verdict.SWITCH


@given(st.lists(ROUND, min_size=switch_policy.ROUNDS_MAX, max_size=switch_policy.ROUNDS_MAX))
def test_it_ends(done: list[Round]) -> None:
    """After so many rounds it is enough, whatever they were."""
    push = Progress(tuple(done), 1.0)
    assert decide((push,), outlook((push,), COSTS), PLAIN, 0.0).verdict is Verdict.SWITCH


# With a budget


def test_pushes_until_the_pause_fits() -> None:
    """Longer than it would without, if need be."""
    options = MoveOptions(max_pause_seconds=COSTS + 0.07)
    verdicts = [decided(BUSY, laps, options).verdict for laps in range(1, 12)]
    first = verdicts.index(Verdict.SWITCH)
    assert first >= 2
    assert set(verdicts[:first]) == {Verdict.PUSH}
    seen = outlook((BUSY.pushed(first + 1),), COSTS)
    assert seen is not None
    assert seen.pause_seconds <= COSTS + 0.07


def test_says_early_that_it_cannot_be_kept() -> None:
    """After the first round that tells, with the figures."""
    options = MoveOptions(max_pause_seconds=1.0, on_miss="abort")
    decision = decided(TOO_BUSY, 2, options)
    assert decision.verdict is Verdict.GIVE_UP
    assert "writes 41 MB/s, link 35 MB/s, smallest reachable pause 39.9 s" in decision.reason
    assert "but max_pause_seconds is 1 s" in decision.reason


def test_what_becomes_of_a_miss_is_the_users_choice() -> None:
    """Switch all the same, give up, or go on in the hope that the container writes less."""
    found = {
        on_miss: decided(TOO_BUSY, 2, MoveOptions(1.0, None, on_miss))
        for on_miss in ("force", "abort", "continue")
    }
    assert found["force"].verdict is Verdict.SWITCH
    assert found["abort"].verdict is Verdict.GIVE_UP
    assert found["continue"].verdict is Verdict.PUSH
    assert found["continue"].wait_seconds == switch_policy.PACE_SECONDS
    assert all(decision.is_missed for decision in found.values())


def test_deadline() -> None:
    """Time that is over is a miss, even where rounds still shrink, or nothing is known yet."""
    options = MoveOptions(0.6, 60.0, "abort")
    assert decided(BUSY, 1, MoveOptions(0.6, 1000.0, "abort")).verdict is Verdict.PUSH
    decision = decided(BUSY, 1, options)
    assert decision.verdict is Verdict.GIVE_UP
    assert decision.reason == "not switched within 60 s"
    assert decided(BUSY, 1, MoveOptions(0.6, 60.0, "force")).verdict is Verdict.PUSH
    assert decided(BUSY, 2, MoveOptions(0.6, 60.0, "force")).verdict is Verdict.SWITCH
    on = decided(BUSY, 2, MoveOptions(0.6, 60.0, "continue"))
    assert (on.verdict, on.wait_seconds, on.is_missed) == (Verdict.PUSH, 0.0, True)


def test_after_a_wait_it_is_the_outlook_that_counts() -> None:
    """What was written in the wait makes a round longer; that says nothing against the next."""
    before = Round(10 * MB, 0.15, 0.2)
    waited = Round(200 * MB, 2.05, 10.2)
    push = Progress((before, before, waited), 2.05)
    seen = outlook((push,), COSTS)
    options = MoveOptions(COSTS + 0.2, None, "continue")
    assert decide((push,), seen, options, 0.0).wait_seconds > 0
    assert decide((push,), seen, options, 0.0, has_waited=True).wait_seconds == 0


@given(LINKS, OPTIONS)
def test_a_decision_is_always_reached(link: Link, options: MoveOptions) -> None:
    """Whatever the container writes and the link takes."""
    for laps in range(1, DECIDED_WITHIN_LAPS):
        if link.pushed(laps).rounds[-1].seconds > 1e9:
            break
        if decided(link, laps, options).verdict is not Verdict.PUSH:
            return
    raise AssertionError("it pushes without end")


@given(LINKS, st.integers(1, 20), st.floats(0.001, 100.0), st.none() | st.floats(1.0, 1e6))
def test_never_above_the_budget_unless_forced(
    link: Link, laps: int, budget: float, deadline: float | None
) -> None:
    """Giving up is for who asked for that, and so is a longer pause."""
    seen = outlook((link.pushed(laps),), COSTS)
    for on_miss in ("abort", "continue", "force"):
        decision = decided(link, laps, MoveOptions(budget, deadline, on_miss))
        fits = seen is not None and seen.pause_seconds <= budget
        if decision.verdict is Verdict.SWITCH:
            assert fits or (on_miss == "force" and decision.is_missed)
        if decision.verdict is Verdict.GIVE_UP:
            assert on_miss == "abort"


# The prediction


def test_prediction_is_exact_where_nothing_is_noise() -> None:
    """Two rounds are enough for c, r and d."""
    seen = outlook((BUSY.pushed(3),), COSTS)
    assert seen is not None
    last = BUSY.pushed(4).rounds[-1]
    assert seen.rest_seconds == pytest.approx(last.seconds, rel=1e-3)
    assert seen.pause_seconds == pytest.approx(COSTS + last.seconds, rel=1e-3)
    assert seen.write_rate == pytest.approx(BUSY.write_rate, rel=1e-3)
    assert seen.link_rate == pytest.approx(BUSY.rate, rel=1e-3)
    assert seen.smallest_seconds == pytest.approx(COSTS + 0.05 / (1 - 0.2), rel=1e-3)


@given(POINTS, st.floats(0, 1e12), st.floats(0, 1e12))
def test_more_bytes_never_take_less(done: tuple[Round, ...], few: float, more: float) -> None:
    """Whatever the rounds were, none of them included; and nothing takes less than no time."""
    few, more = sorted((few, more))
    found = fit(done)
    assert 0 <= found.seconds(few) <= found.seconds(more)


@given(POINTS, st.floats(0, 1e6), st.floats(0, 1e6))
def test_an_older_snapshot_never_means_a_shorter_pause(
    done: tuple[Round, ...], fresh: float, stale: float
) -> None:
    """All that was written since has to be sent."""
    fresh, stale = sorted((fresh, stale))
    first = outlook((Progress(done, fresh),), COSTS)
    second = outlook((Progress(done, stale),), COSTS)
    assert (first is None) == (second is None)
    if first is not None and second is not None:
        assert COSTS <= first.pause_seconds <= second.pause_seconds
        assert first.smallest_seconds <= first.pause_seconds


def test_a_round_that_was_held_up_does_not_count_for_much() -> None:
    """A hiccup of the network is no property of the link."""
    done = (*BUSY.pushed(4).rounds, Round(MB, 5.0, 1.0))
    assert fit(done).fixed_seconds < 5.0 / 10


def test_datasets_of_one_container_add_up() -> None:
    """They are sent one after the other in the pause."""
    one, two = BUSY.pushed(3), TOO_BUSY.pushed(3)
    apart = [outlook((push,), 0.0) for push in (one, two)]
    both = outlook((one, two), 0.0)
    assert both is not None
    assert both.pause_seconds == pytest.approx(sum(s.pause_seconds for s in apart if s))
    assert both.load == pytest.approx(sum(s.load for s in apart if s))


def test_a_limit_does_not_hold_for_the_last_send() -> None:
    """The link's own rate is what counts there, where it is known."""
    limited = outlook((BUSY.pushed(3),), COSTS)
    lifted = outlook((BUSY.pushed(3),), COSTS, unlimited_rate=10 * BUSY.rate)
    assert limited is not None
    assert lifted is not None
    assert lifted.rest_seconds < limited.rest_seconds
    assert lifted.load == limited.load


@given(LINKS, st.integers(2, 10), st.floats(0, 1e4))
def test_what_a_stop_writes_is_in_the_pause_and_never_in_the_way(
    link: Link, laps: int, longer: float
) -> None:
    """No round makes it smaller: without a budget the switch comes as early as without it."""
    plain = link.pushed(laps)
    if max(done.seconds for done in plain.rounds) > SECONDS_MAX:
        return
    more = Progress(plain.rounds, plain.stale_seconds, longer)
    before, after = outlook((plain,), COSTS), outlook((more,), COSTS)
    assert before is not None
    assert after is not None
    assert after.pause_seconds == pytest.approx(before.pause_seconds + longer)
    assert after.smallest_seconds == pytest.approx(before.smallest_seconds + longer)
    decisions = [decide((plain,), before, PLAIN, 0.0), decide((more,), after, PLAIN, 0.0)]
    assert decisions[0].verdict is decisions[1].verdict


def test_what_a_hook_wrote_is_no_rate() -> None:
    """The round after a hook sends its burst, and does not show how fast the container writes."""
    calm = (Round(100 * MB, 1.0), Round(MB, 0.05, 1.0), Round(MB, 0.05, 1.0))
    burst = Round(500 * MB, 5.0, 1.0, after_hook=True)
    before = outlook([Progress(calm, 0.0)], COSTS)
    after = outlook([Progress((*calm, burst), 0.0)], COSTS)
    assert before is not None
    assert after is not None
    assert after.write_rate == before.write_rate == MB


def test_rounds_after_a_hook() -> None:
    """One is enough if it was short; others follow a long one for as long as they are shorter."""
    calm = (Round(100 * MB, 1.0), Round(MB, 0.05, 1.0), Round(MB, 0.05, 1.0))
    short = (Progress((*calm, Round(MB, 0.05, 1.0, after_hook=True)), 0.05),)
    assert switch_policy.is_quiet(short, outlook(short, COSTS), 1)
    busy = (Round(100 * MB, 1.0), Round(50 * MB, 0.5, 1.0))
    burst = (*busy, Round(500 * MB, 5.0, 0.5, after_hook=True))
    long = (Progress(burst, 5.0),)
    assert not switch_policy.is_quiet(long, outlook(long, COSTS), 1)
    shrinking = (Progress((*burst, Round(250 * MB, 2.5, 5.0)), 10.0),)
    assert not switch_policy.is_quiet(shrinking, outlook(shrinking, COSTS), 2)
    stuck = (Progress((*burst, Round(500 * MB, 5.0, 5.0)), 10.0),)
    assert switch_policy.is_quiet(stuck, outlook(stuck, COSTS), 2)
