"""How long what failed waits, as a function of how often and of what it failed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.convergence.failures import failed_again
from flocker_lite.errors import ContainerError, DockerAway
from flocker_lite.planner.backoff import (
    AWAY_DELAY_SECONDS_MAX,
    DELAY_FACTOR,
    DELAY_SECONDS_MAX,
    FIRST_DELAY_SECONDS,
)

NOW_SECONDS = 100.0
TIMES = 20


def waits(error: Exception, times: int) -> list[float]:
    """How long a change waits after each of so many failures."""
    failed, found = None, []
    for _ in range(times):
        failed = failed_again(failed, error, NOW_SECONDS)
        found.append(failed.until_seconds - NOW_SECONDS)
    return found


@given(st.integers(1, 100))
def test_waits_grow_to_a_ceiling(times: int) -> None:
    """A change that fails waits twice as long each time, up to a limit."""
    found = waits(ContainerError("no"), times)
    assert found[0] == FIRST_DELAY_SECONDS
    assert found == sorted(found)
    assert found[-1] <= DELAY_SECONDS_MAX


def test_docker_is_away() -> None:
    """However long it was away, what waits for it is done soon after it is back."""
    assert max(waits(DockerAway("it does not answer"), TIMES)) == AWAY_DELAY_SECONDS_MAX


def test_docker_is_back_and_refuses() -> None:
    """How long it was away does not count then."""
    failed = None
    for error in (*[DockerAway("away")] * TIMES, ContainerError("no")):
        failed = failed_again(failed, error, NOW_SECONDS)
    assert failed is not None
    assert failed.times == TIMES + 1
    assert failed.delay_seconds == AWAY_DELAY_SECONDS_MAX * DELAY_FACTOR


def test_what_is_said() -> None:
    """An error without a text is told by its kind."""
    assert failed_again(None, ContainerError("no"), NOW_SECONDS).error == "no"
    assert failed_again(None, TimeoutError(), NOW_SECONDS).error == "TimeoutError"
