"""Starts containers, and clears away processes that Docker lost when it died during a start.

The container's process may exist, and write, while a new Docker says that it does not run. That
Docker can no longer start it or stop it.
"""

from __future__ import annotations

from collections.abc import Callable

from docker import APIClient
from docker import errors as docker_errors

from flocker_lite.containers import processes
from flocker_lite.containers.errors import port_in_use, words
from flocker_lite.errors import ContainerError, PortInUse

KILL_TIMEOUT_SECONDS = 10.0


def start(client: APIClient, container_id: str, remove: Callable[[], None]) -> None:
    """Start it; PortInUse if one of its ports is taken.

    If orphaned processes are in the way, we kill them, call `remove`, and raise ContainerError.
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
            "Docker died while it started this container: we removed it, and create it again"
        ) from error


def is_in_the_way(said: str) -> bool:
    """Whether Docker refused a start because of a process that it does not know of."""
    return ("task " in said and "already exists" in said) or "id already in use" in said
