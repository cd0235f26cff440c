"""The directories at which datasets are mounted, while nothing is mounted there.

A container that waits for its data has such a directory bound. A file that somebody makes in it
(Docker, for an image's working directory; `docker exec`; a person) would be on the node's own disk,
and the storage would refuse to mount over it. So we make the directory immutable, even for root,
if the node's file system supports that. Files that are there all the same are moved out of the way.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import stat
import struct
from collections.abc import Iterator

from flocker_lite.errors import FlockerError, InUse

STRAY = ".stray-"
"""The prefix of the directories, beside the datasets, to which we move files in the way."""

DEAD_MAX = 16
"""How many dead mounts on top of each other we clear; with more, something else is wrong."""

_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602
_IMMUTABLE = 0x10
_DETACH = 2
_GUARDED_MODE = 0o500
_OPEN_MODE = 0o755

_NOT_MOUNTED = (errno.EINVAL, errno.ENOENT, errno.ENOTCONN)
"""The kernel's errors when nothing is mounted there, or when the mount no longer answers."""

_LIBC = ctypes.CDLL(None, use_errno=True)


def make(root: str, name: str, moment: int) -> None:
    """Make the directory `name` in `root`, empty and protected; nothing may be mounted there.

    Files in it, or in its place, move to a new directory beside it, whose name has `moment`, in
    seconds since 1970.
    """
    path = f"{root}/{name}"
    os.makedirs(root, exist_ok=True)
    if os.path.lexists(path) and not stat.S_ISDIR(os.lstat(path).st_mode):
        _move([path], _new_aside(root, name, moment))
    os.makedirs(path, exist_ok=True)
    entries = [f"{path}/{entry}" for entry in sorted(os.listdir(path))]
    if entries:
        unprotect(path)
        _move(entries, _new_aside(root, name, moment))
    protect(path)


def strays(root: str, name: str) -> list[str]:
    """The directories with the files that were in the way of this mountpoint."""
    try:
        entries = os.listdir(root)
    except OSError:
        return []
    return sorted(f"{root}/{each}" for each in entries if each.startswith(f"{STRAY}{name}-"))


def protect(path: str) -> None:
    """Let nobody make files in it, or nobody but root if the file system has no immutable flag."""
    if not _set_immutable(path, True):
        os.chmod(path, _GUARDED_MODE)


def unprotect(path: str) -> None:
    """Let the directory be changed and removed again."""
    if not _set_immutable(path, False):
        os.chmod(path, _OPEN_MODE)


def remove(path: str) -> None:
    """Remove the directory if it is empty; OSError when that is not possible."""
    if stat.S_ISDIR(os.lstat(path).st_mode):
        unprotect(path)
    os.rmdir(path)


def clear(path: str) -> None:
    """Unmount dead mounts there at once, even while processes still use them.

    A mount that answers stays. FlockerError when a dead one cannot be unmounted.
    """
    for _ in range(DEAD_MAX):
        if not is_dead_mount(path):
            return
        if _LIBC.umount2(os.fsencode(path), _DETACH) != 0:
            number = ctypes.get_errno()
            if number in _NOT_MOUNTED:
                # The kernel itself unmounts a dead mount that is below another dead one.
                return
            reason = os.strerror(number)
            raise FlockerError(
                f"cannot unmount the dead mount at {path}: {reason}: try `umount -l {path}`"
            )
    raise FlockerError(f"more than {DEAD_MAX} dead mounts are at {path}: see `findmnt {path}`")


def is_dead_mount(path: str) -> bool:
    """Whether the file system that is mounted there will never answer again."""
    try:
        # Not `stat`: the kernel would answer that from its cache.
        os.statvfs(path)
    except OSError as error:
        return error.errno in (errno.ENOTCONN, errno.EIO, errno.ESTALE, errno.ENODEV)
    return False


def answers(path: str) -> bool:
    """Whether the file system at this path answers."""
    try:
        os.statvfs(path)
    except OSError:
        return False
    return True


def _move(entries: list[str], aside: str) -> None:
    for entry in entries:
        try:
            os.rename(entry, f"{aside}/{os.path.basename(entry)}")
        except OSError as error:
            if error.errno == errno.EBUSY:
                raise InUse(
                    f"{entry} is in the way of a dataset and has something mounted: "
                    f"run `umount {entry}`"
                ) from None
            raise FlockerError(f"{entry} is in the way of a dataset: {error.strerror}") from None


def _new_aside(root: str, name: str, moment: int) -> str:
    for path in _names(f"{root}/{STRAY}{name}-{moment}"):
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            continue
        return path
    raise AssertionError("names never run out")


def _names(first: str) -> Iterator[str]:
    yield first
    number = 2
    while True:
        yield f"{first}-{number}"
        number += 1


def _set_immutable(path: str, desired: bool) -> bool:
    """Set or clear the immutable flag; whether the file system supports it."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        (flags,) = struct.unpack("l", fcntl.ioctl(fd, _GET_FLAGS, struct.pack("l", 0)))
        after = flags | _IMMUTABLE if desired else flags & ~_IMMUTABLE
        if after != flags:
            fcntl.ioctl(fd, _SET_FLAGS, struct.pack("l", after))
    except OSError:
        return False
    finally:
        os.close(fd)
    return True
