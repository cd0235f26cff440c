"""The fields that every log line of the present code has: the request and the move it works for.

A coroutine keeps what was bound when it began, and so does all that it calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from types import MappingProxyType

REQUEST = "request_id"
MOVE = "move_id"

_BOUND: ContextVar[Mapping[str, str]] = ContextVar("bound", default=MappingProxyType({}))


@contextmanager
def bound(fields: Mapping[str, str]) -> Iterator[None]:
    """Have these fields on each line until the end of the block; "" takes one off."""
    with only({**_BOUND.get(), **fields}):
        yield


@contextmanager
def only(fields: Mapping[str, str]) -> Iterator[None]:
    """Have these fields on each line until the end of the block, and no others."""
    token = _BOUND.set({key: value for key, value in fields.items() if value})
    try:
        yield
    finally:
        # A coroutine that is thrown away unfinished is closed in another context than its own.
        with suppress(ValueError):
            _BOUND.reset(token)


def bound_fields() -> Mapping[str, str]:
    """The fields that a line would have now."""
    return _BOUND.get()


def bound_request_id() -> str:
    """The id of the request that the present code works for; "" for none."""
    return _BOUND.get().get(REQUEST, "")
