"""The records that `MemoryContainers` keeps."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flocker_lite.containers.translate import docker_name
from flocker_lite.errors import ContainerError
from flocker_lite.model.state import LocalContainer


@dataclass(frozen=True, slots=True)
class MadeContainer:
    """A container as it was created; `paths` are the node's paths that appear inside.

    `called` is its name in Docker, if somebody renamed it. `volumes` has the names of its Docker
    volumes, by the path inside; `mounts` the number of the mount at each of its `paths`. `secrets`
    has the values that it got, by name.
    """

    local: LocalContainer
    arguments: Mapping[str, Any]
    paths: tuple[str, ...]
    address: str
    called: str = ""
    volumes: Mapping[str, str] = field(default_factory=dict)
    mounts: Mapping[str, int] = field(default_factory=dict)
    secrets: Mapping[str, bytes] = field(default_factory=dict)


@dataclass
class MemoryVolume:
    """A Docker volume: its content, and whether the program that may write to it ever ran."""

    container: str
    path: str
    text: str = ""
    used: bool = False


def made_up_id(image: str) -> str:
    """The id of an image of this name, unless a test gives it another."""
    return f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"


def writes(made: MadeContainer) -> bool:
    """Whether its program has begun: it may write, even while somebody has paused it."""
    return made.local.has_processes and not made.local.prestarted


def require_not_paused(made: MadeContainer) -> None:
    """ContainerError for a container that somebody paused."""
    if made.local.paused:
        name = docker_name(made.local.container.name)
        raise ContainerError(f"container {name} is paused: `docker unpause {name}`")


def require_free_name(made: Mapping[str, MadeContainer], name: str) -> None:
    """ContainerError when somebody gave this container's name in Docker to another one."""
    for other, each in made.items():
        if each.called == docker_name(name):
            raise ContainerError(
                f"container {other} was given the name {each.called}: "
                f"`docker rename {each.called} {docker_name(other)}`"
            )
