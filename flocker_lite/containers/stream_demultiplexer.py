"""Takes what programs write to both streams out of Docker's frames; pure."""

from __future__ import annotations

_HEADER_BYTES = 8
_MARK_BYTES = 4
_MARKS = (b"\0\0\0\0", b"\1\0\0\0", b"\2\0\0\0")
"""The beginning of a frame says which stream it belongs to."""


class StreamDemultiplexer:
    """A frame is a header, whose last four bytes are a size, and that many bytes of text.

    The output of a program with a terminal has no frames; the first bytes tell which it is.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._missing_bytes = 0
        self._is_framed: bool | None = None

    def take(self, chunk: bytes) -> bytes:
        """The text in the next bytes; frames may be cut anywhere."""
        self._rest += chunk
        if self._is_framed is None:
            if len(self._rest) < _MARK_BYTES and any(
                mark.startswith(self._rest) for mark in _MARKS
            ):
                return b""
            self._is_framed = self._rest.startswith(_MARKS)
        if self._is_framed:
            return b"".join(self._texts())
        text, self._rest = self._rest, b""
        return text

    def _texts(self) -> list[bytes]:
        texts: list[bytes] = []
        while self._rest:
            if self._missing_bytes == 0:
                if len(self._rest) < _HEADER_BYTES:
                    break
                self._missing_bytes = int.from_bytes(self._rest[_MARK_BYTES:_HEADER_BYTES], "big")
                self._rest = self._rest[_HEADER_BYTES:]
            text = self._rest[: self._missing_bytes]
            self._rest = self._rest[self._missing_bytes :]
            self._missing_bytes -= len(text)
            texts.append(text)
        return texts
