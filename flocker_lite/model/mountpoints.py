"""Where inside a container a dataset can be; pure."""

from __future__ import annotations

import posixpath

COMPONENT_BYTES_MAX = 255
"""Linux's NAME_MAX."""

PATH_BYTES_MAX = 3800
"""Linux's PATH_MAX is 4096, and Docker puts the path of the container's own root before it."""

_OF_THE_KERNEL = ("/proc", "/sys", "/dev")
_OF_US = "/.flocker-lite"
_FILES_OF_DOCKER = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/.dockerenv")


def normal(path: str) -> str:
    """The one way to write it: without "." and "..", doubled slashes and one at its end."""
    return "/" + posixpath.normpath(path).lstrip("/")


def is_possible(path: str) -> bool:
    """Whether Docker can mount a dataset at this absolute path, whatever the image has."""
    plain = normal(path)
    return (
        plain != "/"
        and plain not in _FILES_OF_DOCKER
        and not any(_is_in(plain, each) for each in (*_OF_THE_KERNEL, _OF_US))
        and len(plain.encode("utf-8", "replace")) <= PATH_BYTES_MAX
        and all(
            len(part.encode("utf-8", "replace")) <= COMPONENT_BYTES_MAX for part in plain.split("/")
        )
    )


def _is_in(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory + "/")
