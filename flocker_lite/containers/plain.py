"""Makes plain containers and volumes with the Docker engine of this node; blocks.

All that a release needs of `IForeignContainers`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from docker import APIClient
from docker import errors as docker_errors

from flocker_lite.containers import execution, platforms, translate
from flocker_lite.containers.adoption import release
from flocker_lite.containers.connection import Connection
from flocker_lite.containers.errors import words
from flocker_lite.containers.secret_files import Secrets
from flocker_lite.containers.server import Server
from flocker_lite.errors import Conflict, ContainerError, ImageError
from flocker_lite.interfaces import Executed
from flocker_lite.model.adoption import Release
from flocker_lite.model.records import Container, DatasetId, HealthCheck

MARK_LABEL = "flocker-lite.release"
"""Of a volume: the release that made it, so that only this one removes it."""


class PlainContainers:
    """The containers and volumes of this node's Docker."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def release(
        self,
        container: Container,
        datasets: Mapping[DatasetId, str],
        docker_name: str | None,
        stays_behind: Collection[str],
    ) -> Release:
        """See IForeignContainers."""
        with self._connection.client_for("list the names in Docker") as client:
            names = [name for each in client.containers(all=True) for name in each["Names"] or ()]
            volumes = client.volumes()["Volumes"] or ()
        taken = release.Taken(
            frozenset(name.removeprefix("/") for name in names),
            frozenset(volume["Name"] for volume in volumes),
        )
        return release.release(container, datasets, taken, docker_name, stays_behind)

    def make_volume(self, name: str, mark: str) -> str:
        """See IForeignContainers."""
        with self._connection.client_for(f"make volume {name}") as client:
            # Docker returns one that exists, as it is.
            made = client.create_volume(name, driver="local", labels={MARK_LABEL: mark})
        if (made.get("Labels") or {}).get(MARK_LABEL) != mark:
            raise Conflict(f"Docker has a volume {name} already, which somebody else made")
        return str(made["Mountpoint"])

    def remove_volume(self, name: str, mark: str) -> None:
        """See IForeignContainers."""
        with self._connection.client_for(f"remove volume {name}") as client:
            try:
                found = client.inspect_volume(name)
                if (found.get("Labels") or {}).get(MARK_LABEL) == mark:
                    client.remove_volume(name)
            except docker_errors.NotFound:
                return

    def make(
        self, name: str, arguments: Mapping[str, Any], container: Container, secrets: Secrets
    ) -> str:
        """Create a container of this name with these arguments; its id."""
        self.remove(name)
        plain = secrets.added_to(arguments, None)
        with self._connection.client_for(f"create container {name}") as client:
            if container.platform is not None:
                platforms.require_known(client, container.platform)
            try:
                made = client.create_container_from_config(plain, name, container.platform)
            except docker_errors.NotFound as error:
                raise ImageError(f"image {container.image} is not here: {words(error)}") from None
        return str(made["Id"])

    def remove(self, container: str) -> None:
        """See IForeignContainers."""
        with self._connection.client_for(f"remove container {container}") as client:
            try:
                # Volumes with a name stay.
                client.remove_container(quote(container, safe=""), v=True, force=True)
            except docker_errors.NotFound:
                return
            except docker_errors.APIError as error:
                # Somebody else is about to remove it.
                if error.status_code != HTTPStatus.CONFLICT:
                    raise
            if _is_there(client, container):
                raise ContainerError(f"container {container} was removed and is still there")


@dataclass(frozen=True, slots=True)
class PlainServers:
    """`health.Servers` for containers by their ids, with a health check that Docker does not know.

    `root` is where we see the file system of Docker's machine.
    """

    connection: Connection
    root: Path
    check: HealthCheck | None

    def server(self, name: str) -> Server | str:
        """See `health.Servers`."""
        with self.connection.client_for(f"inspect container {name}") as client:
            try:
                details = client.inspect_container(name)
            except docker_errors.NotFound:
                return "it does not exist"
        state = details["State"]
        if not state["Running"] or state.get("Paused"):
            return translate.why_not_running(state)
        return Server(
            details["Id"],
            self.root / f"proc/{state['Pid']}",
            translate.published_ports(details),
            translate.own_address(details),
            self.check,
        )

    def execute(
        self, container_id: str, command: tuple[str, ...], timeout_seconds: float
    ) -> Executed:
        """See `health.Servers`."""
        with self.connection.client_for("run a command in the container") as client:
            return execution.run(client, container_id, command, timeout_seconds)


def _is_there(client: APIClient, container: str) -> bool:
    try:
        client.inspect_container(quote(container, safe=""))
    except docker_errors.NotFound:
        return False
    return True
