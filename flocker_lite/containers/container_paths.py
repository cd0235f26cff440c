"""Resolves paths inside a container, where absolute symlinks lead to files of the image.

The kernel would follow such a link on the node, so we take each step ourselves. (Since 5.6 it can
do that itself, with openat2, but the node's kernel may be older.)
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

LINKS_MAX = 40
"""As many as the kernel follows."""


def device_inside(root: Path, path: str) -> int:
    """The device of the file at this absolute path below a root; no link leads out of the root.

    OSError if there is no such file.
    """
    opened = [_open(str(root), None, os.O_DIRECTORY)]
    try:
        todo = _steps(path)
        links = 0
        while todo:
            step = todo.pop()
            if step == "..":
                if len(opened) > 1:
                    os.close(opened.pop())
                continue
            fd = _open(step, opened[-1], os.O_NOFOLLOW)
            try:
                target = os.readlink("", dir_fd=fd)
            except OSError:
                opened.append(fd)  # it is no link
                continue
            os.close(fd)
            links += 1
            if links > LINKS_MAX:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            if target.startswith("/"):
                while len(opened) > 1:
                    os.close(opened.pop())
            todo += _steps(target)
        return os.fstat(opened[-1]).st_dev
    finally:
        for fd in opened:
            os.close(fd)


def why_no_directory(root: Path, path: str) -> str | None:
    """Why there is no directory at a path relative to the root; None when there is one.

    No part of the path may be a link: wherever it led in the image, Docker would follow it on the
    node.
    """
    opened = [_open(str(root), None, os.O_DIRECTORY)]
    try:
        for step in _steps(path)[::-1]:
            kind = os.stat(step, dir_fd=opened[-1], follow_symlinks=False).st_mode
            if stat.S_ISLNK(kind):
                return f"leads through a symbolic link, {step}: name the directory itself"
            if not stat.S_ISDIR(kind):
                return f"leads through {step}, which is no directory"
            opened.append(_open(step, opened[-1], os.O_NOFOLLOW | os.O_DIRECTORY))
    except FileNotFoundError:
        return "is not there: make this directory"
    except OSError as error:
        return f"cannot be looked at: {error.strerror}"
    finally:
        for fd in opened:
            os.close(fd)
    return None


def _open(path: str, dir_fd: int | None, flags: int) -> int:
    return os.open(path, os.O_PATH | os.O_CLOEXEC | flags, dir_fd=dir_fd)


def _steps(path: str) -> list[str]:
    """The parts of a path, the last one first."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]
