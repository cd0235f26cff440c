"""Paths as a container has them: what an absolute symlink of its image leads to is in the image.

The kernel would follow such a link on the node, so each step is taken here. (It can do that itself
since 5.6, with openat2; the node's may be older.)
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

LINKS_MAX = 40
"""As many as the kernel follows."""


def device_inside(root: Path, path: str) -> int:
    """The device of what is at the absolute path below a root, which no link leads out of.

    OSError when there is nothing.
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


def _open(path: str, dir_fd: int | None, flags: int) -> int:
    return os.open(path, os.O_PATH | os.O_CLOEXEC | flags, dir_fd=dir_fd)


def _steps(path: str) -> list[str]:
    """The parts of a path, the last one first."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]
