"""A text in an AMP box that may be longer than one value of AMP."""

from __future__ import annotations

from typing import Any

from twisted.protocols import amp

from flocker_lite.protocol.link import BOX_BYTES_MAX

VALUE_BYTES_MAX = 60_000
TEXT_BYTES_MAX = BOX_BYTES_MAX - VALUE_BYTES_MAX
"""The rest of the box is for its keys and its other values."""


class LongText(amp.Argument):
    """A text of at most TEXT_BYTES_MAX bytes; the sender sees to that.

    Its parts are values of their own, with numbered keys.
    """

    def toBox(self, name: bytes, strings: dict[bytes, bytes], objects: Any, proto: Any) -> None:
        data = objects[name.decode("ascii")].encode("utf-8")
        for number, start in enumerate(range(0, len(data) or 1, VALUE_BYTES_MAX)):
            strings[_key(name, number)] = data[start : start + VALUE_BYTES_MAX]

    def fromBox(self, name: bytes, strings: dict[bytes, bytes], objects: Any, proto: Any) -> None:
        parts: list[bytes] = []
        while _key(name, len(parts)) in strings:
            parts.append(strings[_key(name, len(parts))])
        objects[name.decode("ascii")] = b"".join(parts).decode("utf-8")


def _key(name: bytes, number: int) -> bytes:
    return name if number == 0 else b"%s.%d" % (name, number)
