"""Starts containers, and clears away what Docker lost track of when it died during such a start.

The container's process may be there, and write, while a new Docker says that it does not run.
That Docker cannot start it, stop it or end it any more.
"""

from __future__ import annotations

from collections.abc import Callable

from docker import APIClient
from docker import errors as docker_errors

from flocker_lite.containers import processes
from flocker_lite.containers.failures import port_in_use, words
from flocker_lite.errors import ContainerError, PortInUse

KILL_TIMEOUT_SECONDS = 10.0


def start(client: APIClient, container_id: str, remove: Callable[[], None]) -> None:
    """Start it; PortInUse when one of its ports is not to be had.

    ContainerError when it had to be removed instead, by `remove`, with what was left of it.
    """
    try:
        client.start(container_id)
    except docker_errors.APIError as error:
        port = port_in_use(words(error))
        if port is not None:
            raise PortInUse(port) from error
        if not is_in_the_way(words(error)):
            raise
        if not processes.kill(container_id, KILL_TIMEOUT_SECONDS):
            raise ContainerError(
                f"Docker lost track of {container_id}, and its processes do not end"
            ) from error
        remove()
        raise ContainerError(
            "Docker died while it started this container: it was removed, and is made anew"
        ) from error


def is_in_the_way(said: str) -> bool:
    """Whether Docker did not start a container since, unknown to it, there is a process of it."""
    return ("task " in said and "already exists" in said) or "id already in use" in said
