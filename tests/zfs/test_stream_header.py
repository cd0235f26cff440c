"""The header of a stream: anything but a plain copy is refused, and reading it takes no bytes."""

from __future__ import annotations

import os
import socket
import struct
from typing import Any, cast

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.zfs.stream_header import (
    HEADER_BYTES,
    INCOMPLETE_SECONDS,
    read_header,
    rejection_reason,
)

MAGIC = 0x2F5BACBAC
FEATURES = 0xFFFFFC


def header(
    order: str = "<",
    versions: int = 1 | FEATURES,
    kind: int = 2,
    flags: int = 4,
    magic: int = MAGIC,
) -> bytes:
    """That of a stream as an agent sends it, unless said otherwise."""
    return struct.pack(f"{order}IIQQQII", 0, 0, magic, versions, 1_700_000_000, kind, flags)


@pytest.mark.parametrize("order", ["<", ">"])
def test_what_is_let_in(order: str) -> None:
    """A snapshot of one filesystem, from a machine of either byte order."""
    assert rejection_reason(header(order)) is None


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("what", "why"),
    [
        ({"versions": 2 | FEATURES}, "properties"),
        ({"versions": 0}, "properties"),
        ({"kind": 3}, "filesystem"),
        ({"flags": 1}, "clone"),
        ({"flags": 5}, "clone"),
    ],
)
def test_what_is_not(order: str, what: dict[str, int], why: str) -> None:
    """Several of them, their properties, a volume, a clone."""
    assert why in str(rejection_reason(header(order, **what)))


@pytest.mark.parametrize(
    "data", [b"", b"x" * 39, b"x" * 40, header(magic=7), header()[:39], b"\x01" + header()]
)
def test_what_is_no_stream(data: bytes) -> None:
    """ZFS refuses it in its own words."""
    assert rejection_reason(data) is None


class Reactor(Clock):
    """Time, and whoever waits for a descriptor."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Any] = []

    def addReader(self, reader: Any) -> None:
        self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        self.readers.remove(reader)


class BeginningOfTests(SynchronousTestCase):
    """Pipes and sockets, as sshd has one or the other."""

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.open: set[int] = set()
        self.addCleanup(self.close_all)

    def close_all(self) -> None:
        """Hang up all that is still open."""
        for fd in list(self.open):
            self.close(fd)

    def ends(self, kind: str) -> tuple[int, int]:
        """Where to read and where to write."""
        if kind == "pipe":
            ends = os.pipe()
        else:
            reader, writer = socket.socketpair()
            ends = reader.detach(), writer.detach()
        self.open |= set(ends)
        return ends

    def close(self, fd: int) -> None:
        """Hang up."""
        self.open.remove(fd)
        os.close(fd)

    def looking(self, fd: int) -> Deferred[bytes]:
        """Look at what comes from there."""
        return Deferred.fromCoroutine(read_header(fd, cast(Any, self.reactor)))

    def test_all_at_once(self) -> None:
        """What was looked at is still there, with what comes after it."""
        for kind in ("pipe", "socket"):
            reader, writer = self.ends(kind)
            looking = self.looking(reader)
            self.assertNoResult(looking)
            os.write(writer, bytes(range(100)))
            self.reactor.readers[0].doRead()
            assert self.successResultOf(looking) == bytes(range(HEADER_BYTES))
            assert os.read(reader, 200) == bytes(range(100))
            assert self.reactor.readers == []

    def test_in_pieces(self) -> None:
        """It is waited for, until it is whole or the sender hung up; then all of it was seen."""
        for kind in ("pipe", "socket"):
            for rest, seen in (
                (b"b" * 30, b"a" * 30 + b"b" * 10),
                (b"b", b"a" * 30 + b"b"),
                (b"", b"a" * 30),
            ):
                reader, writer = self.ends(kind)
                os.write(writer, b"a" * 30)
                looking = self.looking(reader)
                self.assertNoResult(looking)
                os.write(writer, rest)
                self.close(writer)
                self.reactor.advance(INCOMPLETE_SECONDS)
                assert self.successResultOf(looking) == seen

    def test_nothing(self) -> None:
        """A sender that hangs up before it has sent anything."""
        for kind in ("pipe", "socket"):
            reader, writer = self.ends(kind)
            looking = self.looking(reader)
            self.close(writer)
            self.reactor.readers.pop().connectionLost(Failure(Exception()))
            assert self.successResultOf(looking) == b""

    def test_given_up(self) -> None:
        """Nothing waits for it any more."""
        reader, _ = self.ends("pipe")
        looking = self.looking(reader)
        looking.cancel()
        self.failureResultOf(looking, CancelledError)
        assert self.reactor.readers == []

    def test_a_file(self) -> None:
        """It is looked at from where it stands."""
        fd = os.memfd_create("stream")
        self.addCleanup(os.close, fd)
        os.write(fd, b"abc")
        os.lseek(fd, 1, os.SEEK_SET)
        assert self.successResultOf(self.looking(fd)) == b"bc"
        assert os.read(fd, 9) == b"bc"
