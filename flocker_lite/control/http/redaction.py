"""What a read-only user is not shown: what may hold passwords; pure.

A certificate may let a read-only user see it all the same (`Kind.SECRETS_READER`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from flocker_lite.control.http.bodies import Body
from flocker_lite.control.http.resources import Collection

HIDDEN = "(hidden)"
"""Stands for each text that is not shown."""

NEEDS_SECRETS = (
    "Your certificate does not let you read what containers write, because that may hold secrets: "
    "ask for one that `flocker-ca create-user --read-only --secrets` made."
)


_COMMAND = re.compile(r"`.*` (did not end in time|exited with -?[0-9]+).*", re.DOTALL)
_HOOK = re.compile(
    r"(before_switch of container \S+ (?:exited with -?[0-9]+|did not end within \S+ s)).*",
    re.DOTALL,
)


def redacted(body: Body) -> Body:
    """A container's body without the texts that may hold passwords."""
    return {key: _HIDE[key](value) if key in _HIDE else value for key, value in body.items()}


@cache
def shown(collection: Collection, sees_secrets: bool) -> Collection:
    """The collection as a user sees it who may see secrets, or may not."""
    if sees_secrets or not collection.has_secrets:
        return collection
    items = collection.items
    return replace(
        collection,
        items=lambda control, identity, now: [
            redacted(item) for item in items(control, identity, now)
        ],
    )


def _values(given: dict[str, str]) -> dict[str, str]:
    return dict.fromkeys(given, HIDDEN)


def _words(given: list[str]) -> list[str]:
    return [HIDDEN] * len(given)


def _check(given: dict[str, Any]) -> dict[str, Any]:
    return {**given, "command": [HIDDEN]} if "command" in given else given


def _hooks(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a move ran in its container may have quoted anything."""
    return [{**run, "output": HIDDEN} if "output" in run else run for run in given]


def _logging(given: dict[str, Any]) -> dict[str, Any]:
    """An option of a log driver may be a token."""
    return {**given, "options": _values(given["options"])} if "options" in given else given


def _error(given: str) -> str:
    """A health check or a hook that fails is quoted in it, with what it said."""
    return _HOOK.sub(r"\1", _COMMAND.sub(rf"`{HIDDEN}` \1", given))


_HIDE: dict[str, Callable[[Any], Any]] = {
    "environment": _values,
    "command_line": _words,
    "entrypoint": _words,
    "health_check": _check,
    "before_switch": _check,
    "after_switch": _check,
    "hooks": _hooks,
    "logging": _logging,
    "last_output": _words,
    "error": _error,
}
