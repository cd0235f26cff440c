"""What Docker found out by the HEALTHCHECK of a container's image; pure.

Docker carries it out by itself, and tells by an event when the result is another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flocker_lite.containers import execution, translate
from flocker_lite.model.state import HEALTHY, STARTING, UNHEALTHY, ImageHealth

EVENTS = (f"health_status: {HEALTHY}", f"health_status: {UNHEALTHY}")


def of_state(state: Mapping[str, Any]) -> ImageHealth | None:
    """What the "State" in Docker's "inspect" says; None without a HEALTHCHECK."""
    found: Mapping[str, Any] = state.get("Health") or {}
    status = found.get("Status")
    if status not in (STARTING, HEALTHY, UNHEALTHY):
        return None
    last = (found.get("Log") or [{}])[-1]
    checked_at = translate.seconds(last["Start"]) if last.get("Start") else 0.0
    if status != UNHEALTHY:
        return ImageHealth(status, None, checked_at)
    outcome = f"exited with {last.get('ExitCode', -1)}"
    trouble = execution.describe(["HEALTHCHECK"], outcome, last.get("Output") or "")
    return ImageHealth(status, trouble, checked_at)


def since(known: ImageHealth | None, let_go_at: float) -> ImageHealth | None:
    """What is known of a program that was let go at that second since 1970.

    Docker begins to check when it starts the container, whose program may wait for its data then.
    """
    if known is None or known.checked_at >= let_go_at:
        return known
    return replace(known, status=STARTING, trouble=None)


def has_check(entry: Mapping[str, Any]) -> bool:
    """Whether a running container of Docker's list has a HEALTHCHECK: "Up 2 hours (healthy)"."""
    return "health" in (entry.get("Status") or "")
