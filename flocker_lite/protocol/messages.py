"""The messages on a link: changes with generations, as bytes; pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from flocker_lite.errors import FlockerError
from flocker_lite.logs.request_ids import is_request_id
from flocker_lite.model import codec, deltas
from flocker_lite.model.records import Change

PART_BYTES_MAX = 60_000
"""AMP limits a value to 65,535 bytes; a cluster's configuration does not fit in one."""

MESSAGE_BYTES_MAX = 32 * 1024 * 1024

REPORTED_COUNT_MAX = 50_000
"""All datasets, containers, moves, images and ports that one agent may report."""

REPORTED_BYTES_MAX = 64 * 1024 * 1024
"""A whole report and the deltas since then; after more, the agent has to send the whole again."""

Maps = TypeVar("Maps")


class Gap(FlockerError):
    """A delta does not follow on what was received before: the whole state is needed."""


class BadMessage(FlockerError):
    """A message that cannot be decoded; the text says why."""


@dataclass(frozen=True, slots=True)
class Message:
    """Changes from generation `base` to `generation`; if `base` is None, from an empty state.

    `requests` has the id of the request that each change follows from, "" where that is none or is
    not known; it is empty when all are.
    """

    base: int | None
    generation: int
    changes: tuple[Change, ...]
    requests: tuple[str, ...] = ()


def encode(message: Message) -> bytes:
    """The message as bytes."""
    changes = [codec.change_to_json(change) for change in message.changes]
    value: dict[str, Any] = {"base": message.base, "generation": message.generation}
    value["changes"] = changes
    if message.requests:
        # Agents that do not know the key ignore it.
        value["requests"] = list(message.requests)
    return json.dumps(value, separators=(",", ":")).encode()


def decode(data: bytes, maps: type) -> Message:
    """Decode a message with changes to `maps`, a record of maps; BadMessage if it is not valid.

    Ignores changes of unknown kinds: they are from a later release.
    """
    known = codec.record_types(maps)
    try:
        match json.loads(data):
            case {
                "base": int() | None as base,
                "generation": int(generation),
                "changes": [*changes],
                **others,
            }:
                requests = _requests(others.get("requests"), len(changes))
                understood = [
                    (codec.change_from_json(maps, change), request)
                    for change, request in zip(changes, requests, strict=True)
                    if not _is_of_another_kind(change, known)
                ]
                decoded = tuple(change for change, _ in understood)
                ids = tuple(request for _, request in understood)
                return Message(base, generation, decoded, ids if any(ids) else ())
    except (ValueError, TypeError, RecursionError, codec.CodecError) as error:
        raise BadMessage(f"not understood: {error}") from None
    raise BadMessage("not understood: it has no base, generation and changes")


def _requests(given: object, count: int) -> list[str]:
    """The id of the request of each change; what is no such list is only for the log."""
    if not isinstance(given, list) or len(given) != count:
        return [""] * count
    return [each if isinstance(each, str) and is_request_id(each) else "" for each in given]


def _is_of_another_kind(change: object, known: Collection[str]) -> bool:
    match change:
        case [str(kind), str(), _]:
            return kind not in known
    return False


def parts(data: bytes) -> Iterator[tuple[bytes, bool]]:
    """Split the data into parts that fit, each with whether it is the last; at least one part."""
    for start in range(0, max(len(data), 1), PART_BYTES_MAX):
        end = start + PART_BYTES_MAX
        yield data[start:end], end >= len(data)


class Assembly:
    """Joins the parts of a message."""

    def __init__(self) -> None:
        self._parts = bytearray()

    def add(self, part: bytes, last: bool) -> bytes | None:
        """The whole message after its last part, else None; BadMessage if it gets too long."""
        self._parts += part
        if len(self._parts) > MESSAGE_BYTES_MAX:
            self._parts.clear()
            raise BadMessage(f"longer than {MESSAGE_BYTES_MAX} bytes")
        if not last:
            return None
        whole = bytes(self._parts)
        self._parts.clear()
        return whole


class Inbox(Generic[Maps]):
    """The other side's state, a record of maps, which its messages build up."""

    def __init__(
        self,
        empty: Maps,
        known: Maps | None = None,
        count_max: int | None = None,
        bytes_max: int | None = None,
    ) -> None:
        """`known` is the state of an earlier connection, with which the first message is compared.

        `count_max` limits the number of records, and `bytes_max` the length of the messages since
        the last whole one.
        """
        self.maps = empty if known is None else known
        self._count_max = count_max
        self._bytes_max = bytes_max
        self._bytes = 0
        self._empty = empty
        self._generation: int | None = None
        self.requests: tuple[tuple[Change, str], ...] = ()

    def take(self, data: bytes) -> tuple[Change, ...]:
        """Apply a message and return what changed; `requests` has those with a request's id.

        Raises Gap if an earlier message is missing, or too much has come since the last whole;
        BadMessage if the message is not valid or has too many records. Then nothing is applied.
        """
        message = decode(data, type(self._empty))
        if message.base is not None and message.base != self._generation:
            raise Gap(f"generation {message.base} is not {self._generation}")
        length = len(data) + (self._bytes if message.base is not None else 0)
        if self._bytes_max is not None and length > self._bytes_max:
            raise Gap(f"more than {self._bytes_max} bytes since the whole was sent")
        before = self.maps
        start = self._empty if message.base is None else before
        after: Maps = deltas.apply(start, message.changes)  # type: ignore[type-var]
        if self._count_max is not None and deltas.count(after) > self._count_max:  # type: ignore[type-var]
            raise BadMessage(f"more than {self._count_max} records: too many for one node")
        self.maps = after
        self._bytes = length
        self._generation = message.generation
        requests = zip(message.changes, message.requests, strict=False)
        self.requests = tuple((change, request) for change, request in requests if request)
        if message.base is None:
            return deltas.difference(before, self.maps)  # type: ignore[type-var]
        return message.changes
