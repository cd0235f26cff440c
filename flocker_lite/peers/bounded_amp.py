"""AMP with a limit to the size of a box; Twisted's AMP has none."""

from __future__ import annotations

from twisted.protocols import amp

BOX_BYTES_MAX = 4 * 1024 * 1024
"""The most bytes of all keys and values of one box: enough for 64 of the longest values."""


class BoxTooLong(Exception):
    """A box is longer than that, so its sender is not an agent."""


class BoundedAMP(amp.AMP):
    """Hangs up on a box that is too long."""

    _box_bytes = 0

    def proto_value(self, string: bytes) -> str:
        self._box_bytes += len(self._currentKey or b"") + len(string)
        if self._box_bytes > BOX_BYTES_MAX:
            raise BoxTooLong(f"a box of more than {BOX_BYTES_MAX} bytes")
        return str(super().proto_value(string))

    def ampBoxReceived(self, box: amp.AmpBox) -> None:
        self._box_bytes = 0
        super().ampBoxReceived(box)
