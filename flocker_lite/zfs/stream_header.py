"""Reads the header of a stream before ZFS gets it, and refuses anything but a plain copy.

`zfs receive` accepts whatever it gets. A stream with several filesystems, or with properties, makes
filesystems with any mount point, and the machine would mount those over its own files when it
boots. A stream of a clone reads data out of any dataset of the pool. Agents send neither.
"""

from __future__ import annotations

import ctypes
import os
import select
import socket
import stat
import struct

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from flocker_lite.interfaces.reactor import IReactor

HEADER_BYTES = 40
"""The start of the first record: kind, length, magic number, versions, time, type, flags."""

INCOMPLETE_SECONDS = 0.005
"""How long we wait for the rest of a header before we look again."""

_MAGIC = 0x2F5BACBAC
_KIND_BEGIN = 0
_HEADER_ONE_SNAPSHOT = 1
_TYPE_FILESYSTEM = 2
_FLAG_CLONE = 1

_LIBC = ctypes.CDLL(None, use_errno=True)


def rejection_reason(header: bytes) -> str | None:
    """Why we refuse a stream with this header; None when we do not.

    ZFS itself refuses what is no stream at all, or ends too early.
    """
    if len(header) < HEADER_BYTES:
        return None
    for order in "<>":
        found = struct.unpack_from(f"{order}IIQQQII", header)
        kind, _, magic, versions, _, kind_of_dataset, flags = found
        if (kind, magic) == (_KIND_BEGIN, _MAGIC):
            break
    else:
        return None
    if versions & 3 != _HEADER_ONE_SNAPSHOT:
        return "it has more than one snapshot, or properties"
    if kind_of_dataset != _TYPE_FILESYSTEM:
        return "it is not a stream of a filesystem"
    if flags & _FLAG_CLONE:
        return "it is a stream of a clone"
    return None


async def read_header(fd: int, reactor: IReactor) -> bytes:
    """The first bytes of the stream, which stay in `fd`; fewer when the stream ends early."""
    while True:
        # Ask before the peek: if the stream has ended by now, the peek shows all of it.
        has_ended = _has_ended(fd)
        try:
            seen = _peek(fd)
        except BlockingIOError:
            await _Readable(reactor, fd).readable
            continue
        if has_ended or len(seen) in (0, HEADER_BYTES):
            return seen
        await deferLater(reactor, INCOMPLETE_SECONDS)


def _has_ended(fd: int) -> bool:
    """Whether nobody writes to it any more; bytes from before may still be unread."""
    poll = select.poll()
    poll.register(fd, select.POLLRDHUP)
    return bool(poll.poll(0)) or stat.S_ISREG(os.fstat(fd).st_mode)


def _peek(fd: int) -> bytes:
    """The next bytes, without reading them; b"" at the end, BlockingIOError before any came."""
    mode = os.fstat(fd).st_mode
    if stat.S_ISSOCK(mode):
        with socket.socket(fileno=os.dup(fd)) as end:
            return end.recv(HEADER_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    if stat.S_ISFIFO(mode):
        return _peek_pipe(fd)
    return os.pread(fd, HEADER_BYTES, os.lseek(fd, 0, os.SEEK_CUR))


def _peek_pipe(fd: int) -> bytes:
    read_fd, write_fd = os.pipe()
    try:
        count = _LIBC.tee(fd, write_fd, HEADER_BYTES, os.SPLICE_F_NONBLOCK)
        if count < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        return os.read(read_fd, count) if count else b""
    finally:
        os.close(read_fd)
        os.close(write_fd)


@implementer(IReadDescriptor)
class _Readable:
    """Waits until `fd` can be read; `readable` may be cancelled."""

    def __init__(self, reactor: IReactor, fd: int) -> None:
        self._reactor = reactor
        self._fd = fd
        self.readable: Deferred[None] = Deferred(lambda _: reactor.removeReader(self))
        reactor.addReader(self)

    def fileno(self) -> int:
        return self._fd

    def logPrefix(self) -> str:
        return "stream header"

    def doRead(self) -> None:
        self._reactor.removeReader(self)
        self._fire()

    def connectionLost(self, reason: Failure) -> None:
        """The other end hung up; the next peek shows that."""
        self._fire()

    def _fire(self) -> None:
        if not self.readable.called:
            self.readable.callback(None)
