"""Which paths of the node no container gets, whatever the node allows; blocking, for threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from os.path import realpath
from pathlib import Path

from docker import APIClient

from flocker_lite.errors import ContainerError
from flocker_lite.model.allowance import overlap


def require_apart(paths: Iterable[str], client: APIClient, here: Callable[[str], Path]) -> None:
    """ContainerError when one has what Docker has of others; `here` is where we see a path."""
    root = None
    for path in paths:
        root = root or client.info()["DockerRootDir"]
        if overlap(realpath(here(path)), realpath(here(root))):
            raise ContainerError(
                f"{path} has Docker's own files, of {root}: no container can have them"
            )
