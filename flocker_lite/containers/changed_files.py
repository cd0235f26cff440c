"""Sees to the files of a directory that have changed since the last round of a copy; blocking.

Large ones are made like the source block by block, in place: of a database's files a round changes
a few pages, and rsync would write them anew as a whole, or compute checksums of all of it. The
others get a time that no file has, so that rsync copies them whatever they look like.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Event

PATCH_BYTES_MIN = 4 * 1024 * 1024
"""Smaller files are copied as a whole."""

CHUNK_BYTES = 1024 * 1024
BLOCK_BYTES = 128 * 1024
"""A record of ZFS, which writes it as a whole."""

_NO_TIME = (0, 0)
_OPEN = os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | _OPEN


class Stopped(Exception):
    """Somebody wants it to end."""


def see_to(
    source: str,
    destination: str,
    since: float,
    stop: Event,
    patches: bool = True,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """See to each file that has changed since then; returns how many bytes were written.

    `since` is in seconds since 1970. With `patches` large files are patched. No symbolic link is
    followed: a program that writes to the source could lead us out of it. Raises Stopped soon after
    `stop` is set, and OSError when a file could not be written.
    """
    written = 0
    for here, there, name, found in _changed(source, destination, int(since * 1e9), stop):
        if patches and found.st_size >= PATCH_BYTES_MIN and found.st_nlink == 1:
            done = _patch(here, there, name, found, stop)
            if done is not None:
                written += done
                progress(written)
                continue
        with suppress(OSError):
            os.utime(name, ns=_NO_TIME, dir_fd=there, follow_symlinks=False)
    return written


def _changed(
    source: str, destination: str, since_ns: int, stop: Event
) -> Iterator[tuple[int, int, str, os.stat_result]]:
    """The files that have changed: the directories that have them on both sides, and their names.

    A file's `ctime` says when it changed, which no program can set.
    """
    left = [(_opened(source), _opened(destination))]
    try:
        while left:
            here, there = left.pop()
            try:
                for entry in _entries(here):
                    if stop.is_set():
                        raise Stopped
                    found = _found(entry)
                    if found is None:
                        continue
                    if stat.S_ISDIR(found.st_mode):
                        left += _both(here, there, entry.name)
                    elif stat.S_ISREG(found.st_mode) and found.st_ctime_ns >= since_ns:
                        yield here, there, entry.name, found
            finally:
                os.close(here)
                os.close(there)
    finally:
        for here, there in left:
            os.close(here)
            os.close(there)


def _entries(directory: int) -> list[os.DirEntry[str]]:
    with os.scandir(directory) as entries:
        return list(entries)


def _found(entry: os.DirEntry[str]) -> os.stat_result | None:
    """None if it went away meanwhile."""
    with suppress(OSError):
        return entry.stat(follow_symlinks=False)
    return None


def _both(here: int, there: int, name: str) -> list[tuple[int, int]]:
    """The directory of that name, if both sides have one."""
    with suppress(OSError):
        inner = _opened(name, here)
        try:
            return [(inner, _opened(name, there))]
        except OSError:
            os.close(inner)
    return []


def _opened(path: str, directory: int | None = None) -> int:
    return os.open(path, _DIRECTORY, dir_fd=directory)


def _patch(here: int, there: int, name: str, found: os.stat_result, stop: Event) -> int | None:
    """Make the copy's content like that of the file; None if rsync has to do so.

    In the end it gets the time that the file had before we read it: whatever changes later shows.
    """
    with suppress(OSError):
        if not _is_alone(os.stat(name, dir_fd=there, follow_symlinks=False)):
            return None
        reading = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _OPEN, dir_fd=here)
        try:
            writing = os.open(name, os.O_RDWR | os.O_NONBLOCK | _OPEN, dir_fd=there)
            try:
                before = os.fstat(reading)
                is_same = _is_alone(before) and _is_alone(os.fstat(writing))
                if not is_same or before.st_ino != found.st_ino:
                    return None
                written = _write_changed(reading, writing, before.st_size, stop)
                os.utime(writing, ns=(before.st_atime_ns, before.st_mtime_ns))
                return written
            finally:
                os.close(writing)
        finally:
            os.close(reading)
    return None


def _is_alone(found: os.stat_result) -> bool:
    """Whether it is a file that has one name: another name may belong to another file by now."""
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1


def _write_changed(reading: int, writing: int, size: int, stop: Event) -> int:
    written = 0
    # What is beyond the end reads as nothing, and a hole as zeros: neither has to be written.
    os.ftruncate(writing, size)
    for offset in range(0, size, CHUNK_BYTES):
        if stop.is_set():
            raise Stopped
        wanted = os.pread(reading, min(CHUNK_BYTES, size - offset), offset)
        if wanted == os.pread(writing, len(wanted), offset):
            continue
        for at in range(0, len(wanted), BLOCK_BYTES):
            block = wanted[at : at + BLOCK_BYTES]
            if block != os.pread(writing, len(block), offset + at):
                written += _write(writing, block, offset + at)
    return written


def _write(writing: int, block: bytes, offset: int) -> int:
    done = 0
    while done < len(block):
        done += os.pwrite(writing, block[done:], offset + done)
    return done
