"""The token bucket: what goes through in any time is the rate, and no more."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.peers.token_bucket import BURST_SECONDS, TokenBucket

RATES = st.integers(1, 10**10)


@given(RATES, st.floats(0, 1e6), st.lists(st.floats(0, 5), max_size=50))
def test_never_more_than_the_rate(rate: int, now: float, pauses: list[float]) -> None:
    """However it is asked, and not even at the beginning, but for one burst."""
    bucket = TokenBucket(rate, now)
    assert bucket.allowance_bytes(now) == 0
    went, began = 0, now
    for pause in pauses:
        now += pause
        count = bucket.allowance_bytes(now)
        bucket.take(count)
        went += count
        # A byte a second is let through one at a time.
        assert went <= rate * (now - began) * (1 + 1e-9) + 1
        assert count <= max(1, rate * BURST_SECONDS)


@given(RATES)
def test_never_much_less(rate: int) -> None:
    """Who waits as long as it says gets nearly all of it, in pieces that are worth the while."""
    bucket, now, went = TokenBucket(rate, 0.0), 0.0, 0
    for _ in range(200):
        count = bucket.allowance_bytes(now)
        bucket.take(count)
        went += count
        now += bucket.wait_seconds()
        assert bucket.allowance_bytes(now) > 0
    assert went >= 0.9 * rate * now - max(1, rate * BURST_SECONDS)


def test_time_that_was_not_used() -> None:
    """It is not saved up: after a while of nothing there is one burst."""
    bucket = TokenBucket(1000, 0.0)
    assert bucket.allowance_bytes(3600.0) == 1000 * BURST_SECONDS


def test_a_clock_that_goes_back() -> None:
    """It gives nothing, and takes nothing away."""
    bucket = TokenBucket(1000, 10.0)
    assert bucket.allowance_bytes(10.05) == 50
    assert bucket.allowance_bytes(9.0) == 50
