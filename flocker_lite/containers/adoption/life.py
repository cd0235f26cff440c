"""When a container is started again, whether it serves, and where its output goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flocker_lite.containers.adoption.draft import NONE_OF, Draft, Inspected
from flocker_lite.containers.arguments.life import ROTATION
from flocker_lite.model.container_fields.life import HealthCheck
from flocker_lite.model.container_fields.logs import JSON_FILE

_SECOND_NANOSECONDS = 10**9
_INTERVAL_SECONDS = 30.0
_TIMEOUT_SECONDS = 30.0
_TRIES = 3
_START_SECONDS_MIN = HealthCheck().start_period_seconds
"""A move is taken back when nothing succeeds for so long; Docker's patience has no such price."""

_START_SECONDS_MAX = 3600.0
_SHELL = ("/bin/sh", "-c")


def add_life(found: Inspected, draft: Draft) -> None:
    """Its restart policy, its health check and its log; and whether it runs."""
    policy = found.host.get("RestartPolicy") or NONE_OF
    name, count = policy.get("Name") or "no", policy.get("MaximumRetryCount") or 0
    if name == "on-failure":
        times = {"maximum_retry_count": count} if count else {}
        draft.keep(restart_policy={"name": name, **times})
    elif name != "no":
        draft.keep(restart_policy={"name": "always"})
    draft.keep(logging=_logging(found.host.get("LogConfig") or NONE_OF))
    _add_health_check(found, draft)
    if not found.is_running:
        draft.fields["running"] = False
        draft.lose(
            "running",
            'it does not run now, and would not be started here either: leave "running" out to '
            "have it started",
        )
    elif found.details["State"].get("Paused"):
        draft.lose("running", "it is paused: the container here would run")
    if found.host.get("AutoRemove"):
        draft.hinder(
            "--rm",
            "Docker removes it, and its anonymous volumes, as soon as it is stopped: start it "
            "without --rm first",
        )


def _logging(config: Mapping[str, Any]) -> dict[str, Any] | None:
    driver = config.get("Type") or JSON_FILE
    options = dict(config.get("Config") or {})
    if driver == JSON_FILE:
        options = {key: value for key, value in options.items() if ROTATION.get(key) != value}
    if driver == JSON_FILE and not options:
        return None
    return {"driver": driver, **({"options": options} if options else {})}


def _add_health_check(found: Inspected, draft: Draft) -> None:
    """Docker counts a container as unhealthy once that many tries failed after its start period."""
    check, of_image = found.config.get("Healthcheck"), found.image_config.get("Healthcheck")
    if not check or check == of_image:
        return
    kind, *words = check.get("Test") or ["NONE"]
    if kind == "NONE":
        if of_image:
            draft.lose(
                "health_check",
                "--no-healthcheck: here Docker would carry out its image's HEALTHCHECK again, and "
                "the state would show the result; nothing else follows from it",
            )
        return
    shell = found.config.get("Shell") or _SHELL
    command = [*shell, *words] if kind == "CMD-SHELL" else words
    interval = _seconds(check, "Interval") or _INTERVAL_SECONDS
    tries = check.get("Retries") or _TRIES
    patience = _seconds(check, "StartPeriod") + interval * tries
    draft.keep(
        health_check={
            "command": command,
            "timeout_seconds": _seconds(check, "Timeout") or _TIMEOUT_SECONDS,
            "interval_seconds": max(interval, 1.0),
            "retries": tries,
            "start_period_seconds": min(max(patience, _START_SECONDS_MIN), _START_SECONDS_MAX),
        }
    )


def _seconds(check: Mapping[str, Any], key: str) -> float:
    return float(check.get(key) or 0) / _SECOND_NANOSECONDS
