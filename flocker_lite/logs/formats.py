"""The two formats of a log line, for people and for programs; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from twisted.logger import LogEvent, formatEvent, formatEventAsClassicLogText

from flocker_lite.logs.bound_fields import MOVE, REQUEST, bound_fields

_OURS = {"time", "level", "room", "message", "sentence", REQUEST, MOVE, "traceback"}
_WORDS = {REQUEST: "request", MOVE: "move"}
VALUE_CHARACTERS_MAX = 2000
"""What is longer is cut off, such as the error of a command that failed."""


def as_text(event: LogEvent) -> str | None:
    """A line as Twisted writes it; with the ids of its request and its move, if it has them."""
    line: str | None = formatEventAsClassicLogText(event)
    if line is None:
        return None
    belongs = _belongs_to(event)
    ids = [f"{_WORDS[key]} {each}" for key, each in belongs.items() if each not in line]
    return f"{line.removesuffix(chr(10))} ({', '.join(ids)})\n" if ids else line


def as_json(event: LogEvent) -> str | None:
    """A line with an object: the message, the constant sentence it was made of, and its fields."""
    message = formatEvent(event)
    if not message and "log_failure" not in event:
        return None
    level = event.get("log_level")
    said: dict[str, Any] = {
        "time": datetime.fromtimestamp(event["log_time"], UTC).isoformat(timespec="milliseconds"),
        "level": level.name if level is not None else "info",
        "room": event.get("log_namespace", ""),
        "message": message,
        "sentence": event.get("log_format") or message,
        **_fields(event),
        **_belongs_to(event),
    }
    if "log_failure" in event:
        said["traceback"] = event["log_failure"].getTraceback()
    return json.dumps(said) + "\n"


def _belongs_to(event: Mapping[str, Any]) -> dict[str, str]:
    """The ids that it was given itself, or that are bound."""
    current = bound_fields()
    known = {key: event.get(key) or current.get(key, "") for key in _WORDS}
    return {key: str(each) for key, each in known.items() if each}


def _fields(event: Mapping[str, Any]) -> dict[str, Any]:
    """What the sentence was filled with; a key of our own stays ours."""
    return {
        key: _plain(value)
        for key, value in event.items()
        if not key.startswith("log_") and key not in _OURS and key not in _LEGACY
    }


_LEGACY = {"format", "isError", "system", "time", "message", "failure", "log_text"}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= VALUE_CHARACTERS_MAX else text[:VALUE_CHARACTERS_MAX] + "..."
