"""The directories at which datasets are mounted, while nothing is mounted there.

A container that waits for its data has such a directory bound, so that whatever is made in it
(by Docker, for an image's working directory; by `docker exec`; by a person) would be on the disk
of the node, and ZFS would refuse to mount on it. So it is immutable where the file system of the
node can have that, which root too has to heed, and what is in it all the same is set aside.
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
"""How the directories begin, beside the datasets, that have what was in the way."""

DEAD_MAX = 16
"""So many dead mounts on top of each other are cleared; more have another reason."""

_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602
_IMMUTABLE = 0x10
_DETACH = 2
_GUARDED_MODE = 0o500
_OPEN_MODE = 0o755

_NOT_MOUNTED = (errno.EINVAL, errno.ENOENT, errno.ENOTCONN)
"""What the kernel says when nothing is mounted there, or when that cannot be reached any more."""

_LIBC = ctypes.CDLL(None, use_errno=True)


def make(root: str, name: str, moment: int) -> None:
    """Make the directory `name` in `root`, empty, and guard it; nothing is mounted there.

    What is in it, or in its place, is moved into a directory of its own beside it, whose name has
    `moment`, in seconds since 1970.
    """
    path = f"{root}/{name}"
    os.makedirs(root, exist_ok=True)
    if os.path.lexists(path) and not stat.S_ISDIR(os.lstat(path).st_mode):
        _move([path], _new_aside(root, name, moment))
    os.makedirs(path, exist_ok=True)
    entries = [f"{path}/{entry}" for entry in sorted(os.listdir(path))]
    if entries:
        unguard(path)
        _move(entries, _new_aside(root, name, moment))
    guard(path)


def strays(root: str, name: str) -> list[str]:
    """The directories that have what was in the way of this one."""
    try:
        entries = os.listdir(root)
    except OSError:
        return []
    return sorted(f"{root}/{each}" for each in entries if each.startswith(f"{STRAY}{name}-"))


def guard(path: str) -> None:
    """Let nobody make anything in it, where the file system can have that; else nobody but root."""
    if not _set_immutable(path, True):
        os.chmod(path, _GUARDED_MODE)


def unguard(path: str) -> None:
    """Let it be changed and removed again."""
    if not _set_immutable(path, False):
        os.chmod(path, _OPEN_MODE)


def remove(path: str) -> None:
    """Remove it when it is empty; OSError when that is not possible."""
    if stat.S_ISDIR(os.lstat(path).st_mode):
        unguard(path)
    os.rmdir(path)


def clear(path: str) -> None:
    """Take away what is mounted there and dead, at once and for whoever still has it.

    Only the dead: what answers is left alone. FlockerError when that is not possible.
    """
    for _ in range(DEAD_MAX):
        if not is_dead_mount(path):
            return
        if _LIBC.umount2(os.fsencode(path), _DETACH) != 0:
            number = ctypes.get_errno()
            if number in _NOT_MOUNTED:
                # The kernel lets go of it by itself when it is below another that is dead.
                return
            reason = os.strerror(number)
            raise FlockerError(
                f"the dead mount at {path} cannot be taken away: {reason}: try `umount -l {path}`"
            )
    raise FlockerError(f"there are dead mounts at {path} without end: see `findmnt {path}`")


def is_dead_mount(path: str) -> bool:
    """Whether the file system that is mounted there does not answer any more, for good."""
    try:
        # What the kernel remembers of a file it would tell without asking.
        os.statvfs(path)
    except OSError as error:
        return error.errno in (errno.ENOTCONN, errno.EIO, errno.ESTALE, errno.ENODEV)
    return False


def answers(path: str) -> bool:
    """Whether there is a file system that answers."""
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
                    f"say `umount {entry}`"
                ) from None
            raise FlockerError(f"{entry} is in the way of a dataset: {error.strerror}") from None


def _new_aside(root: str, name: str, moment: int) -> str:
    for path in _names(f"{root}/{STRAY}{name}-{moment}"):
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            continue
        return path
    raise AssertionError("there is no end of names")


def _names(first: str) -> Iterator[str]:
    yield first
    number = 2
    while True:
        yield f"{first}-{number}"
        number += 1


def _set_immutable(path: str, wanted: bool) -> bool:
    """Whether the file system can have that, and has it now."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        (flags,) = struct.unpack("l", fcntl.ioctl(fd, _GET_FLAGS, struct.pack("l", 0)))
        after = flags | _IMMUTABLE if wanted else flags & ~_IMMUTABLE
        if after != flags:
            fcntl.ioctl(fd, _SET_FLAGS, struct.pack("l", after))
    except OSError:
        return False
    finally:
        os.close(fd)
    return True
