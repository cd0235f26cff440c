"""Formats, levels and request ids of log lines."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.logger import Logger, LogLevel, PredicateResult, capturedLogs
from twisted.python.failure import Failure

from flocker_lite.logs.bound_fields import MOVE, REQUEST, bound, bound_request_id, only
from flocker_lite.logs.formats import VALUE_CHARACTERS_MAX, as_json, as_text
from flocker_lite.logs.levels import predicate
from flocker_lite.logs.request_ids import request_id

log = Logger("flocker_lite.peers.client")


def event(text: str, **fields: Any) -> Any:
    """What Twisted makes of a line."""
    with capturedLogs() as events:
        log.info(text, **fields)
    return events[0]


def test_json() -> None:
    """The sentence stays constant beside its fields; what is long is cut off."""
    line = as_json(event("{node} refused: {why}", node="n1", why="x" * 5000, times=2))
    assert line is not None
    assert line.endswith("}\n")
    said = json.loads(line)
    assert said["sentence"] == "{node} refused: {why}"
    assert said["message"].startswith("n1 refused: xxx")
    assert (said["level"], said["room"]) == ("info", "flocker_lite.peers.client")
    assert (said["node"], said["times"]) == ("n1", 2)
    assert len(said["why"]) == VALUE_CHARACTERS_MAX + 3
    assert said["time"].endswith("+00:00")
    assert "request_id" not in said


def test_hostile_values() -> None:
    """Whatever a field has, it is one line; a field does not take the place of our keys."""
    line = as_json(event("{a}", a='x"\n{"level": "critical"}', request_id="", time="x", b=b"\xff"))
    assert line is not None
    assert line.count("\n") == 1
    said = json.loads(line)
    assert said["time"] != "x"
    assert said["b"] == "\ufffd"


def test_a_failure() -> None:
    """A bug has its traceback in a field of its own."""
    with capturedLogs() as events:
        log.failure("it broke", Failure(ValueError("why")))
    line = as_json(events[0])
    assert line is not None
    said = json.loads(line)
    assert said["message"] == "it broke"
    assert "ValueError: why" in said["traceback"]
    assert said["level"] == "critical"


def test_request_ids_in_lines() -> None:
    """In both formats, while something works for a request."""
    with bound({REQUEST: "r-1"}):
        seen = event("done")
        assert json.loads(as_json(seen) or "")["request_id"] == "r-1"
        assert (as_text(seen) or "").endswith("done (request r-1)\n")
    assert (as_text(event("done")) or "").endswith("done\n")
    assert (as_text(event("done", request_id="r-2")) or "").endswith("(request r-2)\n")


def test_bound_fields() -> None:
    """Blocks within blocks add to them, or replace them; a line says no id twice."""
    with bound({REQUEST: "r-1"}):
        with bound({MOVE: "m-1"}):
            seen = event("{what}", what="m-1 goes on")
            said = json.loads(as_json(seen) or "")
            assert (said["request_id"], said["move_id"]) == ("r-1", "m-1")
            assert (as_text(seen) or "").endswith("m-1 goes on (request r-1)\n")
        with only({MOVE: "m-2"}):
            assert bound_request_id() == ""
            assert (as_text(event("done")) or "").endswith("done (move m-2)\n")
        with bound({REQUEST: "", MOVE: "m-3"}):
            assert (as_text(event("done")) or "").endswith("done (move m-3)\n")
        assert bound_request_id() == "r-1"
    assert bound_request_id() == ""


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "é", "a\nb", None])
def test_bad_ids(given: str | None) -> None:
    """What is no short word is not taken over."""
    assert request_id(given) != given
    assert request_id("a-Z.0_9") == "a-Z.0_9"


def test_levels() -> None:
    """One for all, others for rooms and what is below them."""
    decides = predicate("warn,peers=debug,control.http=error")

    def passes(namespace: str, level: Any) -> bool:
        return decides({"log_namespace": namespace, "log_level": level}) is not PredicateResult.no

    assert not passes("flocker_lite.zfs.storage", LogLevel.info)
    assert passes("flocker_lite.zfs.storage", LogLevel.warn)
    assert passes("flocker_lite.peers.client", LogLevel.debug)
    assert not passes("flocker_lite.control.http.app", LogLevel.warn)
    assert passes("flocker_lite.control.service", LogLevel.warn)


@pytest.mark.parametrize("text", ["loud", "peers=loud", "=info", "info,", "info;warn"])
def test_bad_levels(text: str) -> None:
    """They are explained."""
    with pytest.raises(ValueError, match=r"is none of the levels|names no room"):
        predicate(text)
