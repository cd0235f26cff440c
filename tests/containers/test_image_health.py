"""What Docker says of the HEALTHCHECK of an image."""

from __future__ import annotations

from typing import Any

from flocker_lite.containers import image_health, translate
from flocker_lite.containers.image_health import of_state
from flocker_lite.model.records import Container, HealthCheck
from flocker_lite.model.state import HEALTHY, STARTING, UNHEALTHY, ImageHealth

START = "2026-01-02T03:04:05.678901234Z"
LAST = {"Start": START, "End": START, "ExitCode": 7, "Output": "curl: (7) no\n  connection"}


def state(status: str, *log: dict[str, Any]) -> dict[str, Any]:
    """As in "inspect"."""
    return {"Health": {"Status": status, "FailingStreak": 0, "Log": list(log) or None}}


def test_none() -> None:
    """Neither an image without one, nor one whose check was taken away."""
    for found in ({}, {"Health": None}, state("none"), state("odd")):
        assert of_state(found) is None


def test_starting() -> None:
    """It was not tried yet, or may still fail."""
    assert of_state(state("starting")) == ImageHealth(STARTING)
    assert of_state(state("starting", LAST)) == ImageHealth(STARTING)


def test_healthy() -> None:
    """A few failures do not change that."""
    assert of_state(state("healthy", LAST)) == ImageHealth(HEALTHY)


def test_unhealthy() -> None:
    """The last output is the reason, on one line."""
    first = {**LAST, "Output": "earlier"}
    said = "`HEALTHCHECK` exited with 7: curl: (7) no connection"
    assert of_state(state("unhealthy", first, LAST)) == ImageHealth(UNHEALTHY, said)
    found = of_state(state("unhealthy"))
    assert found == ImageHealth(UNHEALTHY, "`HEALTHCHECK` exited with -1")


def test_at_the_start_gate() -> None:
    """What was found before the program began says nothing of it."""
    found = of_state(state("unhealthy", LAST))
    assert image_health.since(found, translate.seconds(START) + 1) == ImageHealth(STARTING)
    assert image_health.since(found, translate.seconds(START) - 1) == found
    assert image_health.since(None, 5.0) is None


def test_in_the_list() -> None:
    """Docker's list says which containers have one."""
    for text in ("Up 2 hours (healthy)", "Up 1 second (health: starting)", "Up 9 s (unhealthy)"):
        assert image_health.has_check({"Status": text})
    for text in ("Up 2 hours", "Up 2 hours (Paused)", "Exited (0) 5 minutes ago", ""):
        assert not image_health.has_check({"Status": text})
    assert not image_health.has_check({})


def test_a_check_of_ours() -> None:
    """Docker leaves the image's alone then; containers that exist are not made anew for that."""
    plain = Container("web", "node", "nginx:1")
    ours = Container("web", "node", "nginx:1", health_check=HealthCheck(port=80))
    assert "Healthcheck" not in translate.create_arguments(plain, {}, "10.0.0.1")
    arguments = translate.create_arguments(ours, {}, "10.0.0.1")
    assert arguments["Healthcheck"] == {"Test": ["NONE"]}
    older = {key: value for key, value in arguments.items() if key != "Healthcheck"}
    assert translate.made_from(arguments, older["Labels"])
