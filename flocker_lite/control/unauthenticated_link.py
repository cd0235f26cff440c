"""A connection to the agents' port, until its other side has said who it is."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from flocker_lite.control.connection_limiter import ConnectionLimiter
from flocker_lite.protocol.link import Link

GREETING_SECONDS_MAX = 30.0
"""From the connection to an answered hello; a refused agent has this time to read why."""


class UnauthenticatedLink(Link):
    """Hangs up unless it is `authenticated` in time; `unauthenticated` limits how many wait."""

    def __init__(self, clock: IReactorTime, unauthenticated: ConnectionLimiter[Any]) -> None:
        super().__init__(clock)
        self._timer = clock
        self._unauthenticated = unauthenticated
        self._patience: IDelayedCall | None = None

    @property
    def is_authenticated(self) -> bool:
        """Whether nothing limits this connection any more."""
        return self._patience is None

    def authenticated(self) -> None:
        """Its other side is known, or it is closed. Idempotent."""
        self._unauthenticated.left(self)
        if self._patience is not None and self._patience.active():
            self._patience.cancel()
        self._patience = None

    def connectionMade(self) -> None:
        super().connectionMade()
        self._patience = self._timer.callLater(GREETING_SECONDS_MAX, self.hang_up)
        self._unauthenticated.came(self)

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        self.authenticated()
        super().connectionLost(reason)
