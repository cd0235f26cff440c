"""The records that `MemoryContainers` keeps."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flocker_lite.containers.translate import docker_name
from flocker_lite.errors import ContainerError
from flocker_lite.model.records import Container
from flocker_lite.model.state import STARTING, ImageHealth, LocalContainer

TERMINATED, KILLED, LOST = 143, 137, 255
"""Exit codes: after SIGTERM, after SIGKILL, and what Docker says when it lost the process."""


@dataclass(frozen=True, slots=True)
class MadeContainer:
    """A container as it was created; `paths` are the node's paths that appear inside.

    `called` is its name in Docker, if somebody renamed it. `volumes` has the names of its Docker
    volumes, by the path inside; `mounts` the number of the mount at each of its `paths`. `secrets`
    has the values that it got, by name. `health` is what the check of its image came to in this
    run.
    """

    local: LocalContainer
    arguments: Mapping[str, Any]
    paths: tuple[str, ...]
    address: str
    called: str = ""
    volumes: Mapping[str, str] = field(default_factory=dict)
    mounts: Mapping[str, int] = field(default_factory=dict)
    secrets: Mapping[str, bytes] = field(default_factory=dict)
    health: ImageHealth | None = None


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


def volumes_of(
    container: Container, known: dict[str, MemoryVolume], paths: Iterable[str], new: str
) -> dict[str, str]:
    """The container's kept volumes, and new ones at its image's paths; none over a dataset.

    New ones have names that begin with `new`, and are among the `known` from then on.
    """
    taken = {volume.mountpoint for volume in container.volumes}
    found: dict[str, str] = {}
    for name, volume in known.items():
        if volume.container == container.name and volume.path not in taken:
            found[volume.path] = name
    for path in paths:
        if path not in taken and path not in found:
            found[path] = f"{new}-{len(found)}"
            known[found[path]] = MemoryVolume(container.name, path)
    return found


def writes(made: MadeContainer) -> bool:
    """Whether its program has begun: it may write, even while somebody has paused it."""
    return made.local.has_processes and not made.local.prestarted


def with_health(made: MadeContainer, checks: Collection[str]) -> MadeContainer:
    """The container with what Docker says of it now, if its image is among those with a check.

    Docker begins anew when the program does, and says nothing of a container that does not run.
    """
    local, health = made.local, made.health
    if local.container.image not in checks or local.container.health_check is not None:
        return made
    if not local.has_begun:
        return replace(made, health=None, local=replace(local, health=None))
    health = health or ImageHealth(STARTING)
    shown = health if local.running else None
    return replace(made, health=health, local=replace(local, health=shown))


def why_not_running(made: MadeContainer | None) -> str | None:
    """Why nobody can be asked whether he serves; None when it runs."""
    if made is None:
        return "it does not exist"
    if made.local.running:
        return None
    end = made.local.last_exit
    outcome = f"it is {made.local.status}" if end is None else f"exit code {end.exit_code}"
    return f"it does not run: {outcome}"


def checked(made: MadeContainer | None, unhealthy: Mapping[str, str]) -> str | None:
    """What its health check comes to, if it has one and its output is among these."""
    local = made.local if made is not None else None
    if local is None or local.container.health_check is None:
        return None
    return unhealthy.get(local.container.name)


def why_not_serving(made: MadeContainer | None, unhealthy: Mapping[str, str]) -> str | None:
    """Why it does not serve; None when it does."""
    return why_not_running(made) or checked(made, unhealthy)


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
