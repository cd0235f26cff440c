"""A program that deletes the kernel's conntrack entries of some UDP ports of this node.

The kernel applies NAT rules to the first datagram between two ends alone. It remembers where that
went, and sends later ones there too, as long as they keep coming. So when a container has moved, a
client that keeps sending would never reach it.

The program talks to the kernel itself (netlink), because many machines lack the command
`conntrack`. It runs as a process of its own: a busy node has hundreds of thousands of entries.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_NETLINK_NETFILTER = 12
_GET, _DELETE = 0x101, 0x102
_ERROR, _DONE = 2, 3
_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300
_TUPLE_ORIGINAL, _ZONE = 1, 18
_TUPLE_IP, _TUPLE_PROTOCOL = 1, 2
_DESTINATIONS = {2: socket.AF_INET, 4: socket.AF_INET6}
_NUMBER, _DESTINATION_PORT = 1, 3
_TYPE = 0x3FFF
_HEADER, _FAMILY, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=BBH"), struct.Struct("=HH")
_RECEIVE_BYTES = 1 << 17
TIMEOUT_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Flow:
    """A conntrack entry: the protocol, and the destination that the first datagram had.

    `identity` has the attributes by which the kernel finds the entry again.
    """

    family: int
    protocol: int
    address: str
    port: int
    identity: bytes


def argv(ports: Iterable[int]) -> tuple[str, ...]:
    """The command line that runs this program for these ports; it only needs Python."""
    return (sys.executable, "-I", "-S", __file__, *map(str, sorted(ports)))


def flows(data: bytes) -> Iterator[Flow]:
    """The flows in the kernel's answer, one in each message; OSError for an error."""
    for kind, body in _messages(data):
        if kind == _ERROR:
            _raise(body)
        elif kind != _DONE:
            yield from _flow(body)


def is_last(data: bytes) -> bool:
    """Whether the answer contains the end of the kernel's list."""
    return any(kind == _DONE for kind, _ in _messages(data))


def forget(ports: frozenset[int]) -> None:
    """Delete the flows to these ports at any address of this node."""
    local: dict[str, bool] = {}
    for family in (socket.AF_INET, socket.AF_INET6):
        for flow in [flow for flow in listed(family) if flow.port in ports]:
            if flow.protocol != socket.IPPROTO_UDP:
                continue
            if local.setdefault(flow.address, _is_local(family, flow.address)):
                _delete(flow)


def listed(family: int) -> Iterator[Flow]:
    """All flows of one version of IP."""
    with _kernel() as kernel:
        kernel.send(_request(_GET, _REQUEST | _DUMP, family))
        while True:
            data = kernel.recv(_RECEIVE_BYTES)
            yield from flows(data)
            if is_last(data):
                return


def _delete(flow: Flow) -> None:
    with _kernel() as kernel:
        kernel.send(_request(_DELETE, _REQUEST | _ACK, flow.family, flow.identity))
        for kind, body in _messages(kernel.recv(_RECEIVE_BYTES)):
            if kind == _ERROR:
                _raise(body)


def _kernel() -> socket.socket:
    kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
    kernel.settimeout(TIMEOUT_SECONDS)
    return kernel


def _request(kind: int, flags: int, family: int, attributes: bytes = b"") -> bytes:
    body = _FAMILY.pack(family, 0, 0) + attributes
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0) + body


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, at)
        yield kind, data[at + _HEADER.size : at + length]
        at += _aligned(max(length, _HEADER.size))


def _raise(body: bytes) -> None:
    """Raise the error of a message; 0 is none, and a flow may have ended by itself."""
    number = -struct.unpack_from("=i", body)[0]
    if number not in (0, errno.ENOENT):
        raise OSError(number, "the kernel's list of flows")


def _flow(body: bytes) -> Iterator[Flow]:
    family, *_ = _FAMILY.unpack_from(body)
    raw = dict(_attributes(body[_FAMILY.size :]))
    if _TUPLE_ORIGINAL not in raw:
        return
    ends = dict(_attributes(raw[_TUPLE_ORIGINAL]))
    protocol = dict(_attributes(ends.get(_TUPLE_PROTOCOL, b"")))
    for kind, value in _attributes(ends.get(_TUPLE_IP, b"")):
        if kind in _DESTINATIONS and _DESTINATION_PORT in protocol:
            yield Flow(
                family,
                protocol[_NUMBER][0],
                socket.inet_ntop(_DESTINATIONS[kind], value),
                int.from_bytes(protocol[_DESTINATION_PORT], "big"),
                _again(raw, _TUPLE_ORIGINAL, nested=True) + _again(raw, _ZONE),
            )


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        yield kind & _TYPE, data[at + _ATTRIBUTE.size : at + length]
        at += _aligned(max(length, _ATTRIBUTE.size))


def _again(raw: dict[int, bytes], kind: int, nested: bool = False) -> bytes:
    if kind not in raw:
        return b""
    value = raw[kind]
    head = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind | (0x8000 if nested else 0))
    return (head + value).ljust(_aligned(len(head) + len(value)), b"\0")


def _aligned(length: int) -> int:
    return (length + 3) & ~3


def _is_local(family: int, address: str) -> bool:
    """Whether this node has the address: it can bind only to its own."""
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        try:
            one.bind((address, 0))
        except OSError as error:
            # A link-local address also needs an interface, which we do not know; it is our own.
            return error.errno == errno.EINVAL
    return True


if __name__ == "__main__":
    forget(frozenset(map(int, sys.argv[1:])))
