"""The interface to what copies one directory of the node into another one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from zope.interface import Interface


class IDirectories(Interface):
    """Copies directories of this node with all that a program can tell of a file.

    That is owners by their numbers, permissions, times, hard links, holes, ACLs and extended
    attributes. All of it raises CopyFailed, with what to do, when it cannot be done.
    """

    def require() -> Awaitable[None]:
        """Raise CopyFailed unless this node has all that it takes."""

    def is_empty(path: str) -> Awaitable[bool]:
        """Whether the directory has nothing in it; a missing one is CopyFailed."""

    def settle(path: str) -> Awaitable[float]:
        """Write down what programs have changed there, and return the time, in seconds since 1970.

        From then on each change of a file shows in its times, even of one that is mapped into
        memory.
        """

    def copy(
        source: str,
        destination: str,
        since: float,
        progress: Callable[[int], None],
        bytes_per_second: int | None = None,
        in_use: bool = True,
    ) -> Awaitable[int]:
        """Make the destination like the source, and return how many bytes of files were copied.

        Files that have changed since `since`, a time that `settle` returned before the copy of them
        began, are copied again even if they look the same. `progress` is told how many bytes were
        copied so far. What vanishes meanwhile is no error while the source is `in_use`. A
        cancellation ends it; it has ended when the Deferred fires.
        """

    def difference(source: str, destination: str) -> Awaitable[str | None]:
        """In which files the two differ, as far as names, sizes and metadata tell; None if in none.

        It changes nothing. Of many files it names a few.
        """
