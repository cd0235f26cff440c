"""Which lines are logged: a level for all, and others for single rooms; pure."""

from __future__ import annotations

from typing import Any

from twisted.logger import LogLevel, LogLevelFilterPredicate

PACKAGE = "flocker_lite"
NAMES = ("debug", "info", "warn", "error", "critical")


def predicate(text: str) -> LogLevelFilterPredicate:
    """What decides, by a text such as "warn" or "info,peers=debug,control.http=warn".

    ValueError says what is wrong.
    """
    base: Any = LogLevel.info
    rooms: dict[str, Any] = {}
    for part in text.split(","):
        room, has_room, name = part.strip().rpartition("=")
        if name not in NAMES:
            raise ValueError(f"{name!r} is none of the levels {', '.join(NAMES)}")
        if not has_room:
            base = LogLevel.levelWithName(name)
        elif room:
            rooms[room] = LogLevel.levelWithName(name)
        else:
            raise ValueError(f"{part!r} names no room: say peers={name}, for example")
    decides = LogLevelFilterPredicate(defaultLogLevel=base)
    for room, level in rooms.items():
        decides.setLogLevelForNamespace(f"{PACKAGE}.{room}", level)
    return decides
