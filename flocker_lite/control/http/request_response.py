"""The requests that handlers get, the responses that they return, and the errors they raise."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.iweb import IRequest

from flocker_lite.control.change_feed import ChangeFeed
from flocker_lite.control.interfaces import EditFunction, IControl
from flocker_lite.model import edits
from flocker_lite.model.records import Edit

JSON = "application/json"
TAG_HEADER = "X-Configuration-Tag"
GENERATION_HEADER = "X-Generation"

WATCHERS_MAX = 1000
"""Requests that wait for changes at one time."""


async def _as_it_is(host: str) -> str:
    return host


@dataclass(frozen=True, slots=True)
class Request:
    """A request that passed the schema; `body` is None if the operation takes none.

    `query` has the parameters that the operation knows, as JSON values. If there are `tags`, a
    write is only made if the configuration has one of them. `last_event_id` is the header
    Last-Event-ID. `clock` counts the seconds since 1970. `sees_secrets` says whether its sender may
    see what may hold passwords, `may_write` whether he may change anything; `user` is his name, and
    `certificate_ends_at` says when his certificate ends, if he has one.
    `address_of` finds the node that a body names within it: its address or UUID; EditError if there
    is none.
    """

    path: str
    clock: IReactorTime
    parameters: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    tags: tuple[str, ...] = ()
    accept: str = ""
    last_event_id: str | None = None
    accept_unknown_nodes: bool = False
    sees_secrets: bool = True
    certificate_ends_at: float | None = None
    may_write: bool = True
    user: str | None = None
    address_of: Callable[[str], Awaitable[str]] = _as_it_is

    @property
    def now(self) -> float:
        """Seconds since 1970."""
        return self.clock.seconds()

    def placing(self, where: str | None, function: EditFunction) -> EditFunction:
        """The edit, which puts something on the node `where`; an unknown node is added first.

        Unknown nodes are added only if the service accepts them.
        """
        if where is None or not self.accept_unknown_nodes:
            return function
        return lambda configuration: edits.in_turn(
            configuration, lambda before: edits.expect_node(before, where), function
        )


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP status, a body (JSON; or bytes, sent as they are), and additional headers."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = JSON


@dataclass(frozen=True, slots=True)
class StreamingResponse:
    """A 200 with a streamed body: `start` writes it, and fires when it is complete.

    `abandon` is called instead if nobody wants the body.
    """

    media_type: str
    start: Callable[[IRequest], Deferred[bytes]]
    abandon: Callable[[], None] = lambda: None


Handler: TypeAlias = Callable[[IControl, Request], Awaitable[Response | StreamingResponse]]


def written(status: int, body: Any, edit: Edit) -> Response:
    """The response to a write, with the tag of the configuration that it made."""
    return Response(status, body, {TAG_HEADER: edit.tag})


def require_room(change_feed: ChangeFeed) -> None:
    """Raise HTTPError if too many requests wait for changes."""
    if change_feed.waiting_count >= WATCHERS_MAX:
        raise HTTPError(
            503, f"{WATCHERS_MAX} requests already wait for changes: end some, or try again later."
        )


class HTTPError(Exception):
    """The request itself is wrong, whatever the configuration.

    `errors` are the violations of the schema; `problems` explain them to people, as
    `problems.explain` does.
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
