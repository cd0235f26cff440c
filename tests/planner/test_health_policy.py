"""What follows from the tries of a health check."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.model.records import HealthCheck
from flocker_lite.model.state import HEALTHY, STARTING, UNHEALTHY
from flocker_lite.planner import health_policy
from flocker_lite.planner.health_policy import RETRY_SECONDS_MAX, Health

CHECK = HealthCheck(port=80, on_unhealthy="restart")
WELL = health_policy.tried(Health(), None, 0.0)


def after(begin: Health, *troubles: str | None, every: float = 30.0) -> Health:
    """What is known after tries with these results, one each so many seconds."""
    for number, said in enumerate(troubles):
        begin = health_policy.tried(begin, said, number * every)
    return begin


def test_starting() -> None:
    """Nothing is known of it yet."""
    assert health_policy.status(Health(), CHECK) == STARTING
    assert health_policy.trouble(Health(), CHECK) is None


def test_it_may_fail_a_few_times() -> None:
    """Only with `retries` failures in a row is it unhealthy, and the last one is quoted."""
    known = after(WELL, "a", "b")
    assert health_policy.status(known, CHECK) == HEALTHY
    assert health_policy.trouble(known, CHECK) is None
    known = after(WELL, "a", "b", "c")
    assert health_policy.status(known, CHECK) == UNHEALTHY
    assert health_policy.trouble(known, CHECK) == "c"
    assert health_policy.is_to_restart(known, CHECK, 60.0)
    assert not health_policy.is_to_restart(known, replace(CHECK, on_unhealthy="nothing"), 60.0)


def test_it_never_was_healthy() -> None:
    """It is unhealthy at once, since it had its time, and has some more before it is restarted."""
    known = after(Health(), *["no"] * 10, every=1.0)
    assert health_policy.status(known, CHECK) == UNHEALTHY
    assert not health_policy.is_to_restart(known, CHECK, 59.0)
    assert health_policy.is_to_restart(known, CHECK, 60.0)
    slow = replace(CHECK, start_period_seconds=600.0)
    assert not health_policy.is_to_restart(known, slow, 599.0)


@given(st.lists(st.none() | st.just("no"), max_size=12), st.integers(1, 4))
def test_status(results: list[str | None], retries: int) -> None:
    """It follows from the last results alone, and from whether any was good."""
    check = replace(CHECK, retries=retries)
    known = after(Health(), *results)
    in_a_row = next((n for n, said in enumerate(reversed(results)) if said is None), len(results))
    if None not in results:
        assert health_policy.status(known, check) == (UNHEALTHY if results else STARTING)
    else:
        is_well = in_a_row < retries
        assert health_policy.status(known, check) == (HEALTHY if is_well else UNHEALTHY)
        assert health_policy.is_to_restart(known, check, 1e9) == (not is_well)
    assert (health_policy.trouble(known, check) is not None) == (
        health_policy.status(known, check) == UNHEALTHY
    )


@given(
    st.lists(st.none() | st.just("no"), max_size=200),
    st.floats(1.0, 86400.0, allow_nan=False),
)
def test_waits(results: list[str | None], interval_seconds: float) -> None:
    """They are never long without reason, and never shorter than a second."""
    check = replace(CHECK, interval_seconds=interval_seconds)
    known = after(Health(), *results)
    wait_seconds = health_policy.wait_seconds(known, check)
    assert 1.0 <= wait_seconds <= interval_seconds
    if None in results:
        assert wait_seconds == interval_seconds
    else:
        assert wait_seconds <= RETRY_SECONDS_MAX


def test_spread() -> None:
    """Of 50 containers that started together, few are tried in any second of the interval."""
    waits = [health_policy.first_wait_seconds(f"web-{number}", 30.0) for number in range(50)]
    assert all(0.0 < wait <= 30.0 for wait in waits)
    seconds = [int(wait) for wait in waits]
    assert max(map(seconds.count, seconds)) <= 6
