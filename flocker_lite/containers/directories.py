"""IDirectories with rsync: it copies a directory while programs write to it, in rounds.

rsync takes a file for unchanged when its size and the second of its last change are those of the
copy. That is not enough for us: a file may change twice within a second, a program may set its time
back, and a page that is mapped into memory changes without any trace from its first change until
the kernel has written it out. So

* each round begins with `settle`: the kernel writes out all changed pages, and from then on each of
  them leaves a new trace when it changes again;
* before rsync looks, `changed_files` sees to each file whose `ctime`, which no program can set, is
  not older than the beginning of the round before.

What has not changed since the beginning of a round was copied in that round, or is as it was then.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import time
from collections.abc import Callable
from threading import Event
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from flocker_lite.containers.changed_files import see_to
from flocker_lite.errors import CommandFailed, CommandTimedOut, CopyFailed
from flocker_lite.interfaces import IDirectories
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.processes import NOT_STARTED, Commands

CLOCK_SECONDS = 2.0
"""How much the times of files may be behind the clock."""

DIFFERENCES_TOLD_MAX = 5
VANISHED = 24
"""The exit code of rsync when a file went away while it copied."""

_DOES_NOT_FIT = (
    "the data does not fit into the dataset: make room in the pool, or raise the maximum_size of "
    "the dataset"
)
_LIKE = ("-aHAXS", "--numeric-ids", "--delete")
_PROGRESS = re.compile(rb"([0-9,]+)\s+[0-9]+%")
_COPIED = re.compile(rb"^Total transferred file size: ([0-9,]+) bytes", re.MULTILINE)
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LIBC = ctypes.CDLL(None, use_errno=True)


@implementer(IDirectories)
class RsyncDirectories:
    """The directories of this machine."""

    def __init__(self, run_in_thread: RunInThread, commands: Commands) -> None:
        self._run_in_thread = run_in_thread
        self._commands = commands

    async def require(self) -> None:
        try:
            await self._commands.run(("rsync", "--version"))
        except (CommandFailed, CommandTimedOut) as error:
            raise _failed(error) from None

    async def is_empty(self, path: str) -> bool:
        names = await self._in_thread(path, os.listdir, path)
        return not names

    async def settle(self, path: str) -> float:
        now: float = await self._in_thread(path, _settle, path)
        return now

    async def copy(
        self,
        source: str,
        destination: str,
        since: float,
        progress: Callable[[int], None],
        bytes_per_second: int | None = None,
        in_use: bool = True,
    ) -> int:
        patched = await self._see_to(
            source, destination, since, progress, patches=bytes_per_second is None
        )
        limit = (
            () if bytes_per_second is None else (f"--bwlimit={max(bytes_per_second // 1024, 1)}",)
        )
        argv = ("rsync", *_LIKE, *limit, "--info=progress2", "--stats", "--")
        said = await self._rsync(
            (*argv, f"{source}/", f"{destination}/"),
            lambda copied: progress(patched + copied),
            in_use,
        )
        copied = _COPIED.search(said)
        return patched + (_number(copied[1]) if copied is not None else 0)

    async def difference(self, source: str, destination: str) -> str | None:
        argv = ("rsync", *_LIKE, "--dry-run", "--itemize-changes", "--")
        said = await self._rsync((*argv, f"{source}/", f"{destination}/"), lambda _: None, False)
        lines = said.decode("utf-8", "replace").splitlines()
        if not lines:
            return None
        more = len(lines) - DIFFERENCES_TOLD_MAX
        told = "; ".join(line.strip() for line in lines[:DIFFERENCES_TOLD_MAX])
        return f"{told}; and {more} more" if more > 0 else told

    async def _see_to(
        self,
        source: str,
        destination: str,
        since: float,
        progress: Callable[[int], None],
        patches: bool,
    ) -> int:
        """See to what has changed, in a thread; when this is cancelled, that has ended."""
        stop, gone = Event(), Deferred[None]()
        seen: Deferred[int] = Deferred(lambda _: stop.set())

        def settled(result: Failure | int) -> None:
            gone.callback(None)
            if not seen.called:
                seen.callback(result)

        self._run_in_thread(
            see_to, source, destination, since - CLOCK_SECONDS, stop, patches
        ).addBoth(settled)
        try:
            written = await seen
            progress(written)
            return written
        except OSError as error:
            raise _unwritten(source, error) from None
        finally:
            await gone

    async def _rsync(
        self, argv: tuple[str, ...], progress: Callable[[int], None], in_use: bool
    ) -> bytes:
        said: list[bytes] = []

        def heard(data: bytes) -> None:
            said.append(data)
            for line in data.split(b"\r"):
                found = _PROGRESS.search(line)
                if found is not None:
                    progress(_number(found[1]))

        try:
            running = self._commands.start(argv, timeout_seconds=None, is_group=True)
            running.heard = heard
            try:
                return await running.finished
            finally:
                await running.gone
        except CommandFailed as error:
            if in_use and error.exit_code == VANISHED:
                return b"".join(said)
            raise _failed(error) from None

    async def _in_thread(self, path: str, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return await self._run_in_thread(function, *arguments)
        except OSError as error:
            raise _unwritten(path, error) from None


def _settle(path: str) -> float:
    now = time.time()
    fd = os.open(path, _OPEN)
    try:
        if _LIBC.syncfs(fd) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(fd)
    return now


def _unwritten(path: str, error: OSError) -> CopyFailed:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CopyFailed(f"{_DOES_NOT_FIT} ({error.strerror})")
    return CopyFailed(f"{path}: {error.strerror or error}")


def _number(text: bytes) -> int:
    return int(text.replace(b",", b""))


def _failed(error: CommandFailed | CommandTimedOut) -> CopyFailed:
    """What went wrong, and what to do about it."""
    if isinstance(error, CommandTimedOut):
        return CopyFailed(str(error))
    said = error.stderr_tail.strip()
    if error.exit_code == NOT_STARTED:
        return CopyFailed("there is no rsync on this node, which copies the data: install it there")
    if "No space left on device" in said or "Disk quota exceeded" in said:
        return CopyFailed(f"{_DOES_NOT_FIT} ({_last(said)})")
    if error.exit_code < 0 or not said:
        return CopyFailed(
            f"rsync ended before it was done ({error.exit_code}): something killed it"
        )
    return CopyFailed(f"rsync failed with exit code {error.exit_code}: {_last(said)}")


def _last(said: str) -> str:
    """The first lines of an error say what is wrong; the last one only that something was."""
    lines = [line for line in said.splitlines() if line.strip()]
    return "; ".join(lines[:2])
