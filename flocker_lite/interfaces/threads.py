"""How functions that block are called: in a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred

Result = TypeVar("Result")


class RunInThread(Protocol):
    """`deferToThreadPool` with a reactor and a pool of its own."""

    def __call__(
        self, function: Callable[..., Result], /, *arguments: Any
    ) -> Deferred[Result]: ...  # pragma: no cover
