"""The connections on a port: how many there may be, and which one goes when one more comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Connection = TypeVar("Connection")


class Crowd(Generic[Connection]):
    """Hangs up on the one that has been idle longest, so that whoever comes is heard.

    A port that is full for those who come would be shut by anybody who holds it full. When none is
    idle, the newcomer goes.
    """

    def __init__(self, count_max: int, hang_up: Callable[[Connection], None]) -> None:
        self._count_max = count_max
        self._hang_up = hang_up
        self._idle: dict[Connection, None] = {}
        self._busy: set[Connection] = set()

    def __len__(self) -> int:
        return len(self._idle) + len(self._busy)

    def came(self, connection: Connection) -> None:
        """A new one, idle until it is said to be busy."""
        self._idle[connection] = None
        if len(self) > self._count_max:
            longest_idle = next(iter(self._idle))
            self.left(longest_idle)
            self._hang_up(longest_idle)

    def busy(self, connection: Connection) -> None:
        """Something is done for it: it stays."""
        if connection in self._idle:
            del self._idle[connection]
            self._busy.add(connection)

    def idle(self, connection: Connection) -> None:
        """Nothing is done for it any more."""
        if connection in self._busy:
            self._busy.remove(connection)
            self._idle[connection] = None

    def left(self, connection: Connection) -> None:
        """It is gone, or not of this crowd any more; doing so twice is no error."""
        self._idle.pop(connection, None)
        self._busy.discard(connection)
