"""Makes edits that follow from reports: no user asks for them, so nobody else would retry them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import copy_context

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from flocker_lite.control.interfaces import EditFunction
from flocker_lite.errors import StoreError
from flocker_lite.model.edits import EDIT_ERRORS
from flocker_lite.model.records import Edit

STORE_RETRY_SECONDS = 5.0


class RetriedEdits:
    """Makes each edit with `edit`, and retries it for as long as the store fails.

    `edit_without_hurry` makes those that nobody waits for.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        edit: Callable[[EditFunction], Awaitable[Edit]],
        edit_without_hurry: Callable[[EditFunction], Awaitable[Edit]],
    ) -> None:
        self._clock = clock
        self._edit = edit
        self._edit_without_hurry = edit_without_hurry
        self._stopped = False

    def make(self, what: str, function: EditFunction, hurry: bool = True) -> None:
        """Make an edit; `what` says for the log what it does, such as "end move 17"."""
        if not self._stopped:
            Deferred.fromCoroutine(self._make(what, function, hurry)).addErrback(
                lambda failure: self.log.failure("an edit failed: {what}", failure, what=what)
            )

    def stop(self) -> None:
        """Make no more edits; agents report anew to whoever serves next."""
        self._stopped = True

    async def _make(self, what: str, function: EditFunction, hurry: bool) -> None:
        try:
            await (self._edit if hurry else self._edit_without_hurry)(function)
        except EDIT_ERRORS as error:
            self.log.warn("could not {what}: {error}", what=what, error=error)
        except StoreError as error:
            if self._stopped:
                return
            self.log.error(
                "could not {what}, retrying in {delay:g} s: {error}",
                what=what,
                delay=STORE_RETRY_SECONDS,
                error=error,
            )
            again = copy_context().run
            self._clock.callLater(STORE_RETRY_SECONDS, again, self.make, what, function, hurry)
