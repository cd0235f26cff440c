"""What the tries of a container's health check say of it, and when the next one is; pure."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from flocker_lite.model.container_fields.life import RESTART
from flocker_lite.model.records import HealthCheck
from flocker_lite.model.state import HEALTHY, STARTING, UNHEALTHY

RETRY_SECONDS_FIRST = 1.0
RETRY_FACTOR = 2.0
RETRY_SECONDS_MAX = 60.0
"""Between the tries of a container that was never healthy; an interval that is shorter counts."""

ADOPTION_SECONDS_MAX = 5.0
"""By then an agent that starts tries each container that runs already."""


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of a container, by the tries of its health check since it started.

    It `was_healthy` once at least. The last `failures` tries failed, the first of them at
    `failing_since`, in seconds; the last one said `trouble`.
    """

    was_healthy: bool = False
    failures: int = 0
    failing_since: float = 0.0
    trouble: str | None = None


def tried(before: Health, trouble: str | None, now_seconds: float) -> Health:
    """What is known after one more try; `trouble` is None if it succeeded."""
    if trouble is None:
        return Health(was_healthy=True)
    since = before.failing_since if before.failures else now_seconds
    return Health(before.was_healthy, before.failures + 1, since, trouble)


def status(health: Health, check: HealthCheck) -> str:
    """STARTING, HEALTHY or UNHEALTHY.

    A container that was healthy may fail a few times. One that never was has had its start period.
    """
    failures_max = check.retries - 1 if health.was_healthy else 0
    if health.failures > failures_max:
        return UNHEALTHY
    return HEALTHY if health.was_healthy else STARTING


def trouble(health: Health, check: HealthCheck) -> str | None:
    """What is wrong with an unhealthy container, in words; None for others."""
    return health.trouble if status(health, check) == UNHEALTHY else None


def is_to_restart(health: Health, check: HealthCheck, now_seconds: float) -> bool:
    """Whether its user wants it to be restarted now.

    One that was never healthy is tried more often than each interval, and may only be slow; and an
    agent that starts does not know how long it has run. So it has its start period once more, and
    the time that the tries of another take.
    """
    if check.on_unhealthy != RESTART or health.failures < check.retries:
        return False
    if health.was_healthy:
        return True
    others_seconds = (check.retries - 1) * check.interval_seconds
    patience_seconds = max(others_seconds, check.start_period_seconds)
    return now_seconds - health.failing_since >= patience_seconds


def wait_seconds(health: Health, check: HealthCheck) -> float:
    """How long after the last try the next one begins."""
    if health.was_healthy:
        return check.interval_seconds
    # The exponent is limited because a float is.
    retry_seconds = RETRY_SECONDS_FIRST * RETRY_FACTOR ** min(max(health.failures - 1, 0), 64)
    return min(retry_seconds, RETRY_SECONDS_MAX, check.interval_seconds)


def first_wait_seconds(name: str, within_seconds: float) -> float:
    """When to try a container first, of the many that may have started at one moment.

    They are spread over that time by their names.
    """
    return within_seconds * (zlib.crc32(name.encode()) + 1) / 2**32
