"""What the kernel says of the flows that it remembers."""

from __future__ import annotations

import socket
import struct
import sys

import pytest

from flocker_lite.routing.flows import Flow, argv, flows, is_last

UDP = 17


def attribute(kind: int, value: bytes) -> bytes:
    """One of the kernel's attributes, filled up to a multiple of four bytes."""
    return (struct.pack("=HH", 4 + len(value), kind) + value).ljust(
        (len(value) + 7) // 4 * 4, b"\0"
    )


def message(kind: int, body: bytes) -> bytes:
    """One of its messages."""
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body


def original(address: str, port: int, protocol: int = UDP) -> bytes:
    """The ends of a flow, as its first datagram had them."""
    packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    destination = 4 if ":" in address else 2
    ends = attribute(destination - 1, packed) + attribute(destination, packed)
    numbers = [(1, bytes([protocol])), (2, b"\x80\x00"), (3, port.to_bytes(2, "big"))]
    inside = attribute(0x8001, ends) + attribute(
        0x8002, b"".join(attribute(*each) for each in numbers)
    )
    return attribute(0x8001, inside)


def test_flows() -> None:
    """Each has the destination that the client chose, and that by which the kernel knows it."""
    reply, mark, zone = attribute(0x8002, b"1234"), attribute(8, b"flod"), attribute(18, b"\0\5")
    four, six = original("10.0.0.1", 53), original("fd00::1", 5353, 6)
    data = message(0x100, b"\2\0\0\0" + four + reply + mark + zone)
    data += message(0x100, b"\n\0\0\0" + six + reply + mark)
    assert list(flows(data)) == [
        Flow(2, UDP, "10.0.0.1", 53, four + zone),
        Flow(10, 6, "fd00::1", 5353, six),
    ]
    assert not is_last(data)
    assert is_last(data + message(3, b"\0\0\0\0"))
    assert list(flows(message(3, b"\0\0\0\0"))) == []


def test_one_without_ports() -> None:
    """A ping has none, and is no matter of ours."""
    ends = attribute(0x8001, attribute(2, socket.inet_aton("10.0.0.1")))
    ping = attribute(0x8001, ends + attribute(0x8002, attribute(1, b"\1")))
    assert list(flows(message(0x100, b"\2\0\0\0" + ping))) == []


def test_errors() -> None:
    """Who may not ask is told so; a flow that has ended by itself is forgotten, as it should be."""
    with pytest.raises(PermissionError):
        list(flows(message(2, struct.pack("=i", -1))))
    for fine in (0, -2):
        assert list(flows(message(2, struct.pack("=i", fine)))) == []


def test_argv() -> None:
    """It runs alone, with what belongs to Python itself."""
    command = argv({7000, 53})
    assert command[:3] == (sys.executable, "-I", "-S")
    assert command[-2:] == ("53", "7000")
