"""A Deferred of whatever can be awaited: Twisted only makes one of a coroutine."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from twisted.internet.defer import Deferred

Result = TypeVar("Result")


def deferred_of(awaitable: Awaitable[Result]) -> Deferred[Result]:
    """Begin to await it at once; cancelling the Deferred cancels what it waits for."""
    return Deferred.fromCoroutine(_coroutine(awaitable))


async def _coroutine(awaitable: Awaitable[Result]) -> Result:
    return await awaitable
