"""Which paths of the node no container gets, whatever the node allows; blocking, for threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from docker import APIClient

from flocker_lite.containers.container_paths import overlap
from flocker_lite.errors import ContainerError


def require_apart(paths: Iterable[str], client: APIClient, here: Callable[[str], Path]) -> None:
    """ContainerError when one has what Docker has of others; `here` is where we see a path."""
    root = None
    for path in paths:
        root = root or client.info()["DockerRootDir"]
        if overlap(here(path), here(root)):
            raise ContainerError(
                f"{path} has Docker's own files, of {root}: no container can have them"
            )
