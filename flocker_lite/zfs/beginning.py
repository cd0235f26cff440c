"""How a stream begins, looked at before ZFS gets it: what is more than a copy is not let in.

`zfs receive` takes whatever it is given. Out of a stream that has several filesystems, or
properties, it makes filesystems with any mount point, which the machine would mount over its own
files when it boots; a stream of a clone takes what it continues out of any dataset of the pool.
Agents send neither.
"""

from __future__ import annotations

import ctypes
import os
import select
import socket
import stat
import struct
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

BEGINNING_BYTES = 40
"""Of the first record: its kind and length, the magic number, versions, time, type, flags."""

INCOMPLETE_SECONDS = 0.005
"""How long the rest of a beginning that came in pieces is waited for before the next look."""

_MAGIC = 0x2F5BACBAC
_KIND_BEGIN = 0
_HEADER_ONE_SNAPSHOT = 1
_TYPE_FILESYSTEM = 2
_FLAG_CLONE = 1

_LIBC = ctypes.CDLL(None, use_errno=True)


def objection(beginning: bytes) -> str | None:
    """Why a stream that begins like this is not let in; None when it is, or is no stream at all.

    What is no stream, or ends before it has begun, ZFS refuses in its own words.
    """
    if len(beginning) < BEGINNING_BYTES:
        return None
    for order in "<>":
        found = struct.unpack_from(f"{order}IIQQQII", beginning)
        kind, _, magic, versions, _, kind_of_dataset, flags = found
        if (kind, magic) == (_KIND_BEGIN, _MAGIC):
            break
    else:
        return None
    if versions & 3 != _HEADER_ONE_SNAPSHOT:
        return "it has more than one snapshot, or properties"
    if kind_of_dataset != _TYPE_FILESYSTEM:
        return "it is not one of a filesystem"
    if flags & _FLAG_CLONE:
        return "it is one of a clone"
    return None


async def beginning_of(fd: int, reactor: Any) -> bytes:
    """The first bytes of what is to be read from `fd`, which stay there; fewer when it ends."""
    while True:
        # Looked at before: what is seen of one that has ended is all that there will be.
        has_ended = _has_ended(fd)
        try:
            seen = _peek(fd)
        except BlockingIOError:
            await _Readable(reactor, fd).readable
            continue
        if has_ended or len(seen) in (0, BEGINNING_BYTES):
            return seen
        await deferLater(reactor, INCOMPLETE_SECONDS)


def _has_ended(fd: int) -> bool:
    """Whether nobody writes to it any more; what was written before may still be there."""
    poll = select.poll()
    poll.register(fd, select.POLLRDHUP)
    return bool(poll.poll(0)) or stat.S_ISREG(os.fstat(fd).st_mode)


def _peek(fd: int) -> bytes:
    """What is next to be read; nothing at the end, BlockingIOError when nothing is there yet."""
    mode = os.fstat(fd).st_mode
    if stat.S_ISSOCK(mode):
        with socket.socket(fileno=os.dup(fd)) as end:
            return end.recv(BEGINNING_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    if stat.S_ISFIFO(mode):
        return _peek_pipe(fd)
    return os.pread(fd, BEGINNING_BYTES, os.lseek(fd, 0, os.SEEK_CUR))


def _peek_pipe(fd: int) -> bytes:
    read_fd, write_fd = os.pipe()
    try:
        count = _LIBC.tee(fd, write_fd, BEGINNING_BYTES, os.SPLICE_F_NONBLOCK)
        if count < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        return os.read(read_fd, count) if count else b""
    finally:
        os.close(read_fd)
        os.close(write_fd)


@implementer(IReadDescriptor)
class _Readable:
    """Waits until there is something to be read; `readable` may be cancelled."""

    def __init__(self, reactor: Any, fd: int) -> None:
        self._reactor = reactor
        self._fd = fd
        self.readable: Deferred[None] = Deferred(lambda _: reactor.removeReader(self))
        reactor.addReader(self)

    def fileno(self) -> int:
        return self._fd

    def logPrefix(self) -> str:
        return "beginning"

    def doRead(self) -> None:
        self._reactor.removeReader(self)
        self._fire()

    def connectionLost(self, reason: Failure) -> None:
        """The other end hung up, which the next look shows."""
        self._fire()

    def _fire(self) -> None:
        if not self.readable.called:
            self.readable.callback(None)
