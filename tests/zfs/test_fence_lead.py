"""How long before a deadline a fence begins to kill."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.model.fencing.claims import KILL_SECONDS_MAX
from flocker_lite.zfs.fence_lead import LEAD_SECONDS_MAX, lead_seconds, to_begin

MEASURED = ((1000, 0.24), (5000, 2.24))
"""Processes, and the seconds after which all of them were dead."""

_DEADLINES = st.lists(
    st.tuples(st.uuids().map(str), st.floats(0, 100), st.integers(0, 20_000)), max_size=6
)


def test_what_was_measured_ends_within_the_bound() -> None:
    for processes, seconds in MEASURED:
        assert seconds - lead_seconds(processes) <= KILL_SECONDS_MAX


def test_few_processes_are_killed_at_the_deadline() -> None:
    assert lead_seconds(500) == 0.0
    assert 0.0 < lead_seconds(501) < lead_seconds(1000)


def test_processes_alone_never_end_a_container_that_is_renewed() -> None:
    """A sixth of the shortest time, five seconds, passes between two renewals."""
    assert lead_seconds(10**9) == LEAD_SECONDS_MAX < 5 * 5 / 6


@given(_DEADLINES, st.floats(0, 100))
def test_nothing_is_ended_later_than_its_deadline(
    deadlines: list[tuple[str, float, int]], now: float
) -> None:
    """Nor much earlier; and the next look is in time for the others."""
    due, next_at = to_begin(deadlines, now)
    for name, until, _ in deadlines:
        assert name in due or (now < until and next_at <= until)
        assert name not in due or now >= min(each for _, each, _ in deadlines) - LEAD_SECONDS_MAX
    assert to_begin(deadlines, next_at)[0] if next_at < float("inf") else True
