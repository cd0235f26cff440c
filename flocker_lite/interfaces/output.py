"""The interface to what a container writes to its standard output and standard error."""

from __future__ import annotations

from collections.abc import Awaitable

from zope.interface import Interface

CHUNK_BYTES_MAX = 32 * 1024
"""One `read` returns at most this much."""


class IOutput(Interface):
    """The output of one container, read in chunks; nothing is read before somebody asks."""

    def read() -> Awaitable[bytes]:
        """The next chunk, of at most CHUNK_BYTES_MAX; empty at the end, and once it is closed.

        Do not call it again before it has fired. ContainerError if the output breaks off.
        """

    def close() -> None:
        """Stop reading; a `read` that waits returns. Idempotent."""
