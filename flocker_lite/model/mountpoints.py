"""At which paths of a container a dataset can be mounted; pure."""

from __future__ import annotations

import posixpath
import re

COMPONENT_BYTES_MAX = 255
"""Linux's NAME_MAX."""

PATH_BYTES_MAX = 3800
"""Linux's PATH_MAX is 4096, and Docker puts the path of the container's own root before it."""

_OF_THE_KERNEL = ("/proc", "/sys", "/dev")
_OF_US = "/.flocker-lite"
_FILES_OF_DOCKER = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/.dockerenv")
_TAKEN = (
    *(rf"{re.escape(each)}(/|:|$)" for each in (*_OF_THE_KERNEL, _OF_US)),
    *(rf"{re.escape(each)}(:|$)" for each in _FILES_OF_DOCKER),
)
PLAIN = (
    rf"(?!{'|'.join(_TAKEN)})(?=[^:]{{2,1024}}(:|$))(/(?!\.{{1,2}}(/|:|$))[^\u0000/:\n]{{1,255}})+"
)
"""A regular expression for the same paths, as `normal` writes them, without a colon in them."""


def normal(path: str) -> str:
    """The path without ".", "..", doubled slashes and a slash at its end."""
    return "/" + posixpath.normpath(path).lstrip("/")


def is_possible(path: str) -> bool:
    """Whether Docker can mount a dataset at this absolute path, whatever the image contains."""
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
