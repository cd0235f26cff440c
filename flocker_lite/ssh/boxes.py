"""AMP with a limit to each box, which AMP itself lets go on for ever."""

from __future__ import annotations

from twisted.protocols import amp

BOX_BYTES_MAX = 4 * 1024 * 1024
"""All keys and values of one: 64 of the longest."""


class TooMuch(Exception):
    """A box that is longer; whoever sends it is no agent."""


class BoundedAMP(amp.AMP):
    """Hangs up on a box that is too long."""

    _box_bytes = 0

    def proto_value(self, string: bytes) -> str:
        self._box_bytes += len(self._currentKey or b"") + len(string)
        if self._box_bytes > BOX_BYTES_MAX:
            raise TooMuch(f"a box of more than {BOX_BYTES_MAX} bytes")
        return str(super().proto_value(string))

    def ampBoxReceived(self, box: amp.AmpBox) -> None:
        self._box_bytes = 0
        super().ampBoxReceived(box)
