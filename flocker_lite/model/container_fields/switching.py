"""What runs inside a container because it moves: before it stops, and once it serves again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flocker_lite.model.container_fields.text_schemas import WORD
from flocker_lite.model.fields import Schema, described, exactly
from flocker_lite.model.quantities import as_number, duration, duration_seconds

BEFORE_SWITCH, AFTER_SWITCH = "before_switch", "after_switch"

HOOK_SECONDS_DEFAULT = 30.0
HOOK_SECONDS_MAX = 600.0
"""A hook occupies a thread of the agent, and the move waits for it."""

HOOKS_PROTOCOL = 2
"""Agents know since then what to run when a container moves."""


@dataclass(frozen=True, slots=True)
class SwitchHook:
    """A command that runs inside a container because it moves; `required` has the move fail."""

    command: tuple[str, ...]
    timeout_seconds: float = HOOK_SECONDS_DEFAULT
    required: bool = False


_COMMAND: Schema = {
    "description": "The program and its arguments; no shell, unless that is the program.",
    "type": "array",
    "minItems": 1,
    "maxItems": 4096,
    "items": WORD,
}
_TIMEOUT: Schema = duration(
    HOOK_SECONDS_MAX, f"How long it may take; {HOOK_SECONDS_DEFAULT:g} unless given."
)
_REQUIRED: Schema = {
    "description": "Whether the move is given up when the command fails; false unless given.",
    "type": "boolean",
}


def _schema(doc: str, timeout: Schema, more: Mapping[str, Schema]) -> Schema:
    return {
        "description": doc,
        "x-words": 'an object such as {"command": ["sync"]}',
        **exactly(
            command=_COMMAND, timeout_seconds=timeout, **more, optional=("timeout_seconds", *more)
        ),
    }


def _parse(body: Mapping[str, Any]) -> SwitchHook:
    """Of what passed the schema."""
    seconds = duration_seconds(body.get("timeout_seconds", HOOK_SECONDS_DEFAULT))
    return SwitchHook(tuple(body["command"]), seconds, body.get("required", False))


def _render(hook: SwitchHook) -> dict[str, Any]:
    body: dict[str, Any] = {
        "command": list(hook.command),
        "timeout_seconds": hook.timeout_seconds,
    }
    return {**body, "required": True} if hook.required else body


def _described(doc: str, about: str, more: Mapping[str, Schema]) -> dict[str, Any]:
    return described(
        doc,
        _schema(about, _TIMEOUT, more),
        _schema(about, as_number(_TIMEOUT), more),
        parse=_parse,
        render=_render,
        protocol=HOOKS_PROTOCOL,
    )


BEFORE = _described(
    "What runs inside it before a move stops it, such as a database's checkpoint.",
    """\
A command that a move of its data runs inside it, once the rounds are done. One more round
sends what the command wrote, then the container is stopped.
""",
    {"required": _REQUIRED},
)
AFTER = _described(
    "What runs inside it after a move, once it serves at the destination.",
    """\
A command that a move of its data runs inside it at the destination, once it serves there. If
it fails, the move says so, and is done all the same.
""",
    {},
)
