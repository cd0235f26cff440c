"""Limits the connections on a port, and chooses which one to close when one more comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Connection = TypeVar("Connection")


class ConnectionLimiter(Generic[Connection]):
    """Closes the connection that has been idle longest, so that a new one is always served.

    If new connections were refused instead, anybody could block the port by filling it. If no
    other connection is idle, the new one is closed.
    """

    def __init__(self, count_max: int, hang_up: Callable[[Connection], None]) -> None:
        self._count_max = count_max
        self._hang_up = hang_up
        self._idle: dict[Connection, None] = {}
        self._busy: set[Connection] = set()

    def __len__(self) -> int:
        return len(self._idle) + len(self._busy)

    def __iter__(self) -> Iterator[Connection]:
        return iter([*self._idle, *self._busy])

    def came(self, connection: Connection) -> None:
        """A new connection; it counts as idle until `busy` is called."""
        self._idle[connection] = None
        if len(self) > self._count_max:
            longest_idle = next(iter(self._idle))
            self.left(longest_idle)
            self._hang_up(longest_idle)

    def busy(self, connection: Connection) -> None:
        """A request is being served on it, so it stays."""
        if connection in self._idle:
            del self._idle[connection]
            self._busy.add(connection)

    def idle(self, connection: Connection) -> None:
        """Its request is over."""
        if connection in self._busy:
            self._busy.remove(connection)
            self._idle[connection] = None

    def left(self, connection: Connection) -> None:
        """It is closed, or need not be limited any more. Idempotent."""
        self._idle.pop(connection, None)
        self._busy.discard(connection)
