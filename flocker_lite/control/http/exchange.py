"""What a handler of the REST API is given, what it answers, and how it refuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.web.iweb import IRequest

from flocker_lite.control.interfaces import EditFunction, IControl
from flocker_lite.control.journal import Journal
from flocker_lite.model import edits
from flocker_lite.model.records import Edit

JSON = "application/json"
TAG_HEADER = "X-Configuration-Tag"
GENERATION_HEADER = "X-Generation"

WATCHERS_MAX = 1000
"""Requests that wait for changes, all together."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request that passed the schema; `body` is None where the operation takes none.

    `query` has those parameters that the operation knows, as JSON values. The write is wanted
    only if the configuration has one of the `tags`, where there are any. `last_event_id` is the
    header Last-Event-ID. `clock` provides IReactorTime; the reactor's seconds are those since
    1970.
    """

    path: str
    clock: Any
    parameters: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    tags: tuple[str, ...] = ()
    accept: str = ""
    last_event_id: str | None = None
    accept_unknown_nodes: bool = False

    @property
    def now(self) -> float:
        """Seconds since 1970."""
        return self.clock.seconds()

    def placing(self, where: str | None, function: EditFunction) -> EditFunction:
        """The edit, which puts something on the node `where`: it is made known where it may be."""
        if where is None or not self.accept_unknown_nodes:
            return function
        return lambda configuration: edits.in_turn(
            configuration, lambda before: edits.expect_node(before, where), function
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status, what to say as JSON (or bytes, which are as they are), and more headers."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = JSON


@dataclass(frozen=True, slots=True)
class Streaming:
    """A 200 whose body is written bit by bit: `start` does so, and fires when it is over."""

    media_type: str
    start: Callable[[IRequest], Deferred[bytes]]


Handler: TypeAlias = Callable[[IControl, Call], Awaitable[Answer | Streaming]]


def written(status: int, body: Any, edit: Edit) -> Answer:
    """The answer to a write, with the tag of the configuration that it made."""
    return Answer(status, body, {TAG_HEADER: edit.tag})


def require_room(journal: Journal) -> None:
    """HTTPError when as many requests wait for changes as may."""
    if journal.waiting_count >= WATCHERS_MAX:
        raise HTTPError(
            503, f"{WATCHERS_MAX} requests wait for changes already: end some, or ask again later."
        )


class HTTPError(Exception):
    """The request itself is wrong, whatever the configuration; `errors` are its violations.

    `problems` say what is wrong in words for a person, as `problems.explain` does.
    """

    def __init__(
        self,
        status: int,
        description: str,
        errors: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        problems: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.errors = errors
        self.headers = headers or {}
        self.problems = problems
