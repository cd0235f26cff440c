"""The pump: all bytes in order, no faster than they are taken, and an end that is told once."""

from __future__ import annotations

import os
import select
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from flocker_lite.peers.pump import (
    GATHER_SECONDS,
    LONG_STREAM_BYTES,
    PIPE_BYTES,
    Pump,
    make_pipe,
)

MIB = 1024 * 1024
SIZE = 8 * MIB
LATE_SECONDS = 10.0


class PumpTests(TestCase):
    """A pump between two pipes, on the real reactor."""

    timeout = LATE_SECONDS

    def setUp(self) -> None:
        source, self.write_fd = make_pipe()
        self.read_fd, target = make_pipe()
        self.ended: Deferred[OSError | None] = Deferred()
        self.pump = Pump(cast(Any, reactor), source, target, self.ended.callback)
        self.addCleanup(self.pump.stop)

    def feed(self, data: bytes) -> Deferred[Any]:
        """Write into the pipe that the pump reads, from a thread, and close it."""

        def write() -> None:
            view = memoryview(data)
            try:
                while view:
                    view = view[os.write(self.write_fd, view) :]
            except BrokenPipeError:
                pass
            finally:
                os.close(self.write_fd)

        return deferToThread(write)

    def read_all(self) -> Deferred[bytes]:
        """Read what the pump wrote, from a thread."""

        def read() -> bytes:
            with open(self.read_fd, "rb") as file:
                return file.read()

        return deferToThread(read)

    async def test_all_of_it(self) -> None:
        """Some megabytes arrive as they were, and are counted."""
        data = os.urandom(SIZE)
        feeding, reading = self.feed(data), self.read_all()
        assert await self.ended is None
        await feeding
        assert await reading == data
        assert self.pump.moved_bytes == SIZE

    async def test_nothing(self) -> None:
        """A source that ends at once ends the stream."""
        os.close(self.write_fd)
        assert await self.ended is None
        assert await self.read_all() == b""

    async def test_end_behind_a_full_pipe(self) -> None:
        """A source that ends while the target is full has ended; what the target holds is read."""
        data = os.urandom(PIPE_BYTES)
        feeding = self.feed(data)
        assert await self.ended is None
        await feeding
        assert await self.read_all() == data

    async def test_back_pressure(self) -> None:
        """Who does not read holds the writer up: no more is moved than the pipes hold."""
        feeding = self.feed(bytes(SIZE))
        await deferLater(reactor, 0.2)
        moved_bytes = self.pump.moved_bytes
        assert moved_bytes <= PIPE_BYTES
        assert not feeding.called
        reading = self.read_all()
        assert await self.ended is None
        await feeding
        assert len(await reading) == SIZE

    async def test_reader_gone(self) -> None:
        """When the reader goes away, that is told, and the writer gets its error."""
        feeding = self.feed(bytes(SIZE))
        os.close(self.read_fd)
        assert isinstance(await self.ended, OSError)
        await feeding

    async def test_stop(self) -> None:
        """A pump that is stopped closes both ends and tells nobody."""
        feeding = self.feed(bytes(SIZE))
        self.pump.stop()
        self.pump.stop()
        await feeding
        await self.read_all()
        assert not self.ended.called

    async def test_limit(self) -> None:
        """A limit holds from when it is given, changes while it rests, and can be lifted."""
        clock = PumpClock()
        source, write_fd = make_pipe()
        read_fd, target = make_pipe()
        ended: list[OSError | None] = []
        pump = Pump(cast(Any, clock), source, target, ended.append)
        os.write(write_fd, bytes(PIPE_BYTES))
        pump.limit(1000)
        clock.let_pass(3.0)
        assert 2500 <= pump.moved_bytes <= 3000
        pump.limit(100_000)
        clock.let_pass(1.0)
        assert 90_000 <= pump.moved_bytes <= 103_000
        clock.settle()
        assert not clock.getReaders()
        pump.limit(None)
        # Whatever is moved takes a page of the target's, until somebody reads it.
        received = os.read(read_fd, PIPE_BYTES)
        clock.settle()
        assert pump.moved_bytes == PIPE_BYTES
        pump.limit(1000)
        clock.settle()
        pump.stop()
        assert (clock.getDelayedCalls(), clock.getReaders(), clock.getWriters()) == ([], [], [])
        os.close(write_fd)
        with open(read_fd, "rb") as file:
            assert len(received) + len(file.read()) == PIPE_BYTES
        assert ended == []

    async def test_a_long_stream(self) -> None:
        """Its bytes gather before they are worth a move; much, or what comes early, never waits."""
        clock = PumpClock()
        source, write_fd = make_pipe()
        read_fd, target = make_pipe()
        pump = Pump(cast(Any, clock), source, target, lambda _: None)
        os.write(write_fd, b"early")
        clock.settle()
        assert (pump.moved_bytes, clock.getReaders()) == (5, [pump])
        pump.moved_bytes = LONG_STREAM_BYTES
        os.write(write_fd, bytes(PIPE_BYTES // 2))
        clock.settle()
        assert clock.getReaders() == [pump]
        os.write(write_fd, b"little")
        clock.settle()
        assert (clock.getReaders(), clock.getWriters()) == ([], [])
        clock.advance(GATHER_SECONDS)
        assert clock.getReaders() == [pump]
        pump.stop()
        for fd in (read_fd, write_fd):
            os.close(fd)


class PumpClock(MemoryReactorClock):
    """A reactor whose time is the test's, and whose descriptors are looked at when told to."""

    def settle(self) -> None:
        """Let all be done that can be done now."""
        while True:
            readable, writable, _ = select.select(self.getReaders(), self.getWriters(), [], 0)
            before = [item.moved_bytes for item in (*readable, *writable)]
            for item in readable:
                item.doRead()
            for item in writable:
                item.doWrite()
            if before == [item.moved_bytes for item in (*readable, *writable)]:
                return

    def let_pass(self, seconds: float) -> None:
        """Let time pass, a hundredth of a second at a time."""
        for _ in range(round(seconds * 100)):
            self.settle()
            self.advance(0.01)
