"""What Docker's events say of containers that are gone: which of them ended by themselves."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from flocker_lite.containers import exit_events as exit_events_module
from flocker_lite.containers.exit_events import ExitEvents
from flocker_lite.containers.translate import create_arguments
from flocker_lite.model.records import Container
from flocker_lite.model.state import ContainerExit

JOB = Container("job", "node-a", "redis:latest")
LABELS = create_arguments(JOB, {}, "10.79.1.11")["Labels"]
BY_STOP = ("kill 15", "die 143", "stop", "destroy")
BY_FORCE = ("kill 9", "die 137", "destroy")


def event(action: str, at: float = 100.0, container_id: str = "i1") -> dict[str, Any]:
    """One of Docker's; a kill has a signal with it, an end its exit code."""
    action, _, value = action.partition(" ")
    attributes = {**LABELS, "name": "flocker--job", "exitCode": value, "signal": value}
    actor = {"ID": container_id, "Attributes": attributes}
    return {"Action": action, "Actor": actor, "timeNano": round(at * 1e9)}


def told(*actions: str) -> ExitEvents:
    """Somebody was told all that."""
    exit_events = ExitEvents()
    exit_events.attend(True)
    for action in actions:
        exit_events.tell(event(action))
    return exit_events


def exit_code(exit_events: ExitEvents) -> int | None:
    """That of the one that is gone and ended by itself."""
    for local in exit_events.gone():
        assert (local.container, local.instance) == (JOB, "i1")
        assert local.last_exit is not None
        return local.last_exit.exit_code
    return None


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (("start", *BY_STOP), 143),
        (("start", "kill 15", "stop", "die 143", "destroy"), 143),
        (("start", "kill 15", "kill 9", "die 137", "stop", "destroy"), 137),
        (("start", "die 0", "destroy"), 0),
        (("start", "kill 1", "die 3", "destroy"), 3),
        (("start", *BY_FORCE), None),
        (("start", "kill 15", "die 143", "stop", "start", *BY_FORCE), None),
        (("start", "die 1"), None),
        (("start", "destroy"), None),
    ],
)
def test_how_it_ended(actions: tuple[str, ...], expected: int | None) -> None:
    """By a stop or alone it ended by itself, in whichever order that is told; not by force."""
    assert exit_code(told(*actions)) == expected


def test_our_doing() -> None:
    """What we end is none, however late it is told of; what was started since then is."""
    exit_events = told("start")
    exit_events.is_our_doing("i1")
    for action in BY_STOP[:-1]:
        exit_events.tell(event(action))
    exit_events.tell(event("start"))
    for action in BY_STOP:
        exit_events.tell(event(action))
    assert exit_code(exit_events) == 143
    exit_events = told("start")
    exit_events.is_our_doing("i1")
    for action in BY_STOP:
        exit_events.tell(event(action))
    assert exit_events.gone() == ()


def test_until_another_is_made() -> None:
    """Then it says nothing any more."""
    exit_events = told("start", *BY_STOP)
    exit_events.is_made("job")
    assert exit_events.gone() == ()


def test_a_look_saw_it_end() -> None:
    """It is the same end, and not one more; also of one that nobody but the look told of."""
    for actions in (BY_STOP, BY_FORCE, ("destroy",)):
        exit_events = told("start")
        seen = ContainerExit(143, 99.9, 7.0)
        exit_events.saw("job", "i1", seen)
        for action in actions:
            exit_events.tell(event(action))
        (local,) = exit_events.gone()
        assert local.last_exit == seen


def test_a_look_saw_it_before_it_was_removed() -> None:
    """Nobody waits for an event that came between Docker's answer and the end of the look."""
    exit_events = told("start", *BY_FORCE)
    exit_events.saw("job", "i1", None)
    assert exit_events.here() == frozenset()


def test_an_event_that_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """One look waits for it, and no later one."""
    monkeypatch.setattr(exit_events_module, "TELLING_SECONDS_MAX", 0.01)
    exit_events = told("start")
    exit_events.saw("job", "i1", None)
    exit_events.wait(exit_events.here())
    assert exit_events.here() == frozenset()


def test_a_look_waits_for_what_is_told() -> None:
    """What was here and is not any more: until its end is told, or nobody tells any more."""
    for action in ("destroy", None):
        exit_events = told("start", "die 0")
        exit_events.saw("job", "i1", None)
        looking = threading.Thread(target=exit_events.wait, args=(exit_events.here("job"),))
        looking.start()
        looking.join(0.05)
        assert looking.is_alive()
        if action is not None:
            exit_events.tell(event(action))
        else:
            exit_events.attend(False)
        looking.join(2.0)
        assert not looking.is_alive()
        assert exit_code(exit_events) == (0 if action is not None else None)
