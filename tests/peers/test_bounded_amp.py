"""What another node says has an end."""

from __future__ import annotations

import pytest
from twisted.internet.testing import StringTransport

from flocker_lite.peers.bounded_amp import BOX_BYTES_MAX, BoundedAMP, BoxTooLong


def field(key: bytes, value: bytes) -> bytes:
    """A key with its value as AMP sends them."""
    return b"".join(len(each).to_bytes(2, "big") + each for each in (key, value))


def test_a_box_without_end() -> None:
    """AMP itself would collect it for ever."""
    session = BoundedAMP()
    session.makeConnection(StringTransport())
    count = BOX_BYTES_MAX // 60_000
    for key in range(count):
        session.dataReceived(field(str(key).encode(), b"x" * 60_000))
    with pytest.raises(BoxTooLong):
        session.dataReceived(field(b"more", b"x" * 60_000))


def test_boxes_that_end() -> None:
    """Each may be long: they are not added up."""
    session = BoundedAMP()
    transport = StringTransport()
    session.makeConnection(transport)
    for number in (b"1", b"2", b"3"):
        session.dataReceived(field(b"_command", b"Unknown") + field(b"_ask", number))
        for key in range(40):
            session.dataReceived(field(str(key).encode(), b"x" * 60_000))
        session.dataReceived(bytes(2))
    assert transport.value().count(b"UNHANDLED") == 3
