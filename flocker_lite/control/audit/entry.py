"""One request that changed something, or should have; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

ERROR_CHARACTERS_MAX = 500
SHOWN = (
    *("host", "primary", "name", "container", "dataset_id", "image", "running", "schedulable"),
    *("application", "owner", "epoch", "registry", "user", "expires"),
)
"""The keys of a body whose values are kept. Of the others, which may be secrets, only the names."""

_VALUE_CHARACTERS_MAX = 200
_NAMES = ("name", "dataset_id", "move_id", "registry", "host")


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """`at` is in seconds since 1970. `user` is None without certificates.

    `given` has values of the body, `also` the names of its other keys. `about` names what was
    created. `error` is what the answer said of a `status` from 400 on.
    """

    at: float
    user: str | None
    address: str
    request_id: str
    operation: str
    method: str
    path: str
    status: int
    error: str | None = None
    about: str | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    also: tuple[str, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether the request was carried out."""
        return self.status < 400

    def body(self, identity: str) -> dict[str, Any]:
        """The entry as the REST API shows it."""
        said = {"id": identity, **asdict(self), "given": dict(self.given), "also": list(self.also)}
        return {key: value for key, value in said.items() if value not in (None, {}, [])}


def given_and_also(body: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What may be kept of a body, and the names of its other keys."""
    if not isinstance(body, dict):
        return {}, ()
    given = {key: _short(body[key]) for key in SHOWN if _is_plain(body.get(key))}
    return given, tuple(sorted(str(key) for key in body.keys() - given.keys()))


def about(answer: Any) -> str | None:
    """What an answer is about, by the first name in it."""
    if not isinstance(answer, dict):
        return None
    return next((str(answer[key]) for key in _NAMES if answer.get(key)), None)


def described(answer: Any) -> str | None:
    """What an answer that is an error says."""
    said = answer.get("description") if isinstance(answer, dict) else answer
    return None if said is None else str(said)[:ERROR_CHARACTERS_MAX]


def to_text(entry: AuditEntry) -> str:
    """The entry as it is stored."""
    return json.dumps({**asdict(entry), "given": dict(entry.given)})


def from_text(text: str) -> AuditEntry:
    """What `to_text` wrote; what a later release added is left out."""
    said = json.loads(text)
    known = {key: said[key] for key in AuditEntry.__dataclass_fields__ if key in said}
    return AuditEntry(**{**known, "also": tuple(known.get("also", ()))})


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | bool | int | float)


def _short(value: Any) -> Any:
    return value[:_VALUE_CHARACTERS_MAX] if isinstance(value, str) else value
