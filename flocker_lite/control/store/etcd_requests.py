"""What is said to etcd's JSON gateway, and how its answers are read; pure.

Keys and values travel as base64, numbers as texts, and what is zero or empty is left out.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

OPERATION_BYTES = 64
"""What one operation of a transaction adds to its key and its value, with room to spare."""


@dataclass(frozen=True, slots=True)
class KeyValue:
    """A key with its value, and the revisions at which it was created and last changed."""

    key: str
    value: str
    created_at: int
    changed_at: int


def encoded(text: str) -> str:
    """A key or a value as the gateway takes it."""
    return b64encode(text.encode("utf-8")).decode("ascii")


def end_of(prefix: str) -> str:
    """The first key after all that begin with the prefix, which ends with an ASCII character."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def put(key: str, value: str, lease: int = 0) -> Json:
    """The operation that writes a key; it goes when its `lease` ends, if it has one."""
    body = {"key": encoded(key), "value": encoded(value)}
    return {"request_put": {**body, "lease": str(lease)} if lease else body}


def delete(key: str) -> Json:
    """The operation that deletes a key; a missing one is no error."""
    return {"request_delete_range": {"key": encoded(key)}}


def delete_all(prefix: str) -> Json:
    """The operation that deletes all keys with this prefix."""
    ends = {"key": encoded(prefix), "range_end": encoded(end_of(prefix))}
    return {"request_delete_range": ends}


def get(key: str) -> Json:
    """The operation that reads a key."""
    return {"request_range": {"key": encoded(key)}}


def page(start: str, end: str, count_max: int, revision: int) -> Json:
    """The body that reads the first keys from `start` on, at a revision, or at the newest: 0."""
    body = {"key": encoded(start), "range_end": encoded(end), "limit": str(count_max)}
    return {**body, "revision": str(revision)} if revision else body


def was_created_at(key: str, revision: int) -> Json:
    """The condition that the key was created at this revision; 0 if it must not be there."""
    return _compare(key, "CREATE", "create_revision", revision)


def was_changed_at(key: str, revision: int) -> Json:
    """The condition that the key was last changed at this revision; 0 if it must not be there."""
    return _compare(key, "MOD", "mod_revision", revision)


def _compare(key: str, target: str, field: str, revision: int) -> Json:
    return {
        "key": encoded(key),
        "target": target,
        "result": "EQUAL",
        field: str(revision),
    }


def transaction(
    conditions: Sequence[Json], then: Sequence[Json], otherwise: Sequence[Json] = ()
) -> Json:
    """The body that does `then` if all conditions are true, and else `otherwise`, at one moment."""
    return {"compare": list(conditions), "success": list(then), "failure": list(otherwise)}


def bytes_of(operations: Sequence[Mapping[str, Any]]) -> int:
    """How large etcd finds these operations, or a little more."""
    total = 0
    for operation in operations:
        [body] = operation.values()
        texts = (body.get("key", ""), body.get("value", ""))
        total += OPERATION_BYTES + sum(len(text) * 3 // 4 for text in texts)
    return total


def revision_of(answer: Mapping[str, Any]) -> int:
    """The revision of the store when it answered."""
    return int(answer["header"]["revision"])


def found(answer: Mapping[str, Any]) -> list[KeyValue]:
    """The keys that a range found."""
    return [
        KeyValue(
            _decoded(each["key"]),
            _decoded(each.get("value", "")),
            int(each["create_revision"]),
            int(each["mod_revision"]),
        )
        for each in answer.get("kvs", ())
    ]


def read(answer: Mapping[str, Any]) -> list[KeyValue | None]:
    """What each `get` of a transaction found, in order; None where there is no such key."""
    ranges = (
        each["response_range"] for each in answer.get("responses", ()) if "response_range" in each
    )
    return [next(iter(found(each)), None) for each in ranges]


def _decoded(text: str) -> str:
    return b64decode(text).decode("utf-8")
