"""The `healthcheck` of a service as the `health_check` of a container; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flocker_lite.applications import keys, values
from flocker_lite.applications.faults import Findings, Path
from flocker_lite.model.quantities import duration_seconds

_KEYS = ("disable", "interval", "retries", "start_interval", "start_period", "test", "timeout")
_NONE = "NONE"

INTERVAL_SECONDS = 30.0
TIMEOUT_SECONDS = 30.0
RETRIES = 3
"""What Docker takes for a health check that does not say."""

START_SECONDS_MAX = 3600.0


def translated(value: Any, path: Path, findings: Findings) -> dict[str, Any] | None:
    """The health check as a request has it; None for none.

    Docker counts a container unhealthy when `retries` tries in a row have failed after the
    `start_period`; so much time the container has here for its first success.
    """
    given = values.object_of(value, path, findings)
    keys.check(given, _KEYS, {}, path, findings)
    command = _command(given, path, findings)
    if command is None:
        return None
    interval = _seconds(given, "interval", INTERVAL_SECONDS, path, findings)
    timeout = _seconds(given, "timeout", TIMEOUT_SECONDS, path, findings)
    start = _seconds(given, "start_period", 0.0, path, findings)
    retries = values.number(given.get("retries", RETRIES), path, findings) or RETRIES
    tries = retries if isinstance(retries, int) else RETRIES
    return {
        "command": command,
        "interval_seconds": max(interval, 1.0),
        "timeout_seconds": timeout or TIMEOUT_SECONDS,
        "start_period_seconds": min(start + tries * interval, START_SECONDS_MAX),
        "retries": retries,
    }


def _command(given: Mapping[str, Any], path: Path, findings: Findings) -> list[str] | None:
    test = given.get("test")
    if given.get("disable") is True or test in (_NONE, [_NONE]):
        findings.note(
            "a health check that is switched off leaves that of the image, of which only the state "
            "shows what Docker says"
        )
        return None
    if "test" not in given:
        findings.fault((*path, "test"), "test is missing: that of an image cannot be changed")
        return None
    if isinstance(test, str):
        return ["sh", "-c", test]
    words = values.texts(test, (*path, "test"), findings)
    match words:
        case ["CMD", *command] if command:
            return command
        case ["CMD-SHELL", command]:
            return ["sh", "-c", command]
    findings.fault(
        (*path, "test"),
        'this should be a text, ["CMD", program, ...], ["CMD-SHELL", text] or ["NONE"]',
    )
    return None


def _seconds(
    given: Mapping[str, Any], key: str, default: float, path: Path, findings: Findings
) -> float:
    """The seconds of one of the times; `default` where it is not given."""
    if key not in given:
        return default
    return duration(given[key], (*path, key), findings) or default


def duration(value: Any, path: Path, findings: Findings) -> float | None:
    """The seconds of a text such as "1m30s" or "500ms"; a bare number counts as seconds."""
    text = values.as_text(value)
    try:
        return duration_seconds("" if text is None else text)
    except ValueError:
        findings.fault(path, 'this should be a time such as "30s" or "1m30s"')
        return None
