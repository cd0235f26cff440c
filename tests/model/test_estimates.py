"""What durations that were seen tell about the next one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.model.estimates import Estimate, estimate, total

SECONDS = st.floats(0, 1e6)
ESTIMATES = st.builds(lambda likely, more: Estimate(likely, likely + more), SECONDS, SECONDS)


@given(st.lists(SECONDS, min_size=1, max_size=20))
def test_estimate(samples: list[float]) -> None:
    """The middle of what was seen; nothing that was seen is beyond what hardly ever happens."""
    seen = estimate(samples)
    assert min(samples) <= seen.p50_seconds <= max(samples) <= seen.p95_seconds
    assert seen.p95_seconds <= max(*samples, 2 * seen.p50_seconds)


def test_more_samples_are_surer() -> None:
    """One could be half of the next; ten that agree are off by a tenth."""
    assert estimate([2.0]) == Estimate(2.0, 4.0)
    assert estimate([2.0] * 10) == Estimate(2.0, 2.0 * (1 + 1 / 10))


@given(st.lists(ESTIMATES, max_size=12))
def test_total(parts: list[Estimate]) -> None:
    """At least as unsure as its least sure part, and no more than if all were slow at once."""
    whole = total(parts)
    assert whole.p50_seconds == pytest.approx(sum(each.p50_seconds for each in parts))
    margin = whole.p95_seconds - whole.p50_seconds
    margins = [each.p95_seconds - each.p50_seconds for each in parts]
    assert margin >= max(margins, default=0.0) * (1 - 1e-6) - 1e-6
    assert margin <= sum(margins) * (1 + 1e-6) + 1e-6
