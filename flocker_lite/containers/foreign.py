"""IForeignContainers with the Docker engine of this node."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from docker import APIClient
from docker import errors as docker_errors
from zope.interface import implementer

from flocker_lite.containers import translate
from flocker_lite.containers.adoption.data import FoundData, data_adoption
from flocker_lite.containers.adoption.draft import Inspected
from flocker_lite.containers.adoption.release import plain_arguments
from flocker_lite.containers.adoption.translation import adoption
from flocker_lite.containers.connection import Connection
from flocker_lite.containers.errors import words
from flocker_lite.containers.health import Health
from flocker_lite.containers.plain import PlainContainers, PlainServers
from flocker_lite.containers.secret_files import Secrets
from flocker_lite.errors import (
    CommandFailed,
    CommandTimedOut,
    Conflict,
    ContainerError,
    NotFound,
)
from flocker_lite.interfaces import IForeignContainers
from flocker_lite.interfaces.reactor import INetworkReactor
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.model.adoption import (
    BIND,
    NO_RESTART,
    VOLUME,
    Adoption,
    ForeignContainer,
    Release,
    RestartByDocker,
    Source,
)
from flocker_lite.model.allowance import overlap
from flocker_lite.model.container_fields.process import STOP_TIMEOUT_SECONDS_MAX
from flocker_lite.model.records import Container, DatasetId, HealthCheck
from flocker_lite.processes import Run

MEASURING_SECONDS_MAX = 8.0
"""For all volumes of a container together; what is not measured by then has no size."""

DOCKER_STOP_SECONDS = 10
"""What Docker gives to a container that says nothing else."""

SWARM_SERVICE = "com.docker.swarm.service.name"
"""The label of a container that is a task of Swarm."""

_SIZE = re.compile(rb"([0-9]+)\t")


@implementer(IForeignContainers)
class DockerForeignContainers:
    """Whatever containers this node's Docker has.

    `root` is where we see the file system of Docker's machine: "/", except in tests. `data_root` is
    the directory that has the node's datasets.
    """

    def __init__(
        self,
        run_in_thread: RunInThread,
        run: Run,
        clock: INetworkReactor,
        socket_path: str,
        data_root: str,
        root: Path = Path("/"),
    ) -> None:
        self._run_in_thread = run_in_thread
        self._run = run
        self._clock = clock
        self._data_root = data_root
        self._root = root
        self._connection = Connection(root / socket_path.lstrip("/"))
        self._plain = PlainContainers(self._connection)

    def close(self) -> None:
        """Close the idle connections."""
        self._connection.close()

    async def adoption(
        self, container: str, name: str | None, allow: Collection[str], measures: bool = True
    ) -> Adoption:
        found = await self._run_in_thread(self._inspected, container)
        what = adoption(found, allow, name, self._data_root)
        if not measures:
            return what
        ends = self._clock.seconds() + MEASURING_SECONDS_MAX
        sources = [await self._measured(source, ends) for source in what.sources]
        return replace(what, sources=tuple(sources))

    async def data(
        self, kind: str, name: str, allow: Collection[str], measures: bool = True
    ) -> Adoption:
        found = await self._run_in_thread(self._found_data, kind, name)
        what = data_adoption(found, allow)
        if not measures:
            return what
        ends = self._clock.seconds() + MEASURING_SECONDS_MAX
        sources = [await self._measured(source, ends) for source in what.sources]
        return replace(what, sources=tuple(sources))

    async def look(self, instance: str) -> ForeignContainer | None:
        found: ForeignContainer | None = await self._run_in_thread(self._look, instance)
        return found

    async def stop(self, instance: str) -> None:
        await self._run_in_thread(self._stop, instance)

    async def start(self, instance: str) -> None:
        await self._run_in_thread(self._start, instance)

    async def rename(self, instance: str, name: str) -> None:
        await self._run_in_thread(self._rename, instance, name)

    async def set_restart_policy(self, instance: str, policy: RestartByDocker) -> None:
        await self._run_in_thread(self._set_restart_policy, instance, policy)

    async def release(
        self,
        container: Container,
        datasets: Mapping[DatasetId, str],
        docker_name: str | None,
        stays_behind: Collection[str],
    ) -> Release:
        found: Release = await self._run_in_thread(
            self._plain.release, container, datasets, docker_name, stays_behind
        )
        return found

    async def make_volume(self, name: str, mark: str) -> str:
        path: str = await self._run_in_thread(self._plain.make_volume, name, mark)
        return path

    async def remove_volume(self, name: str, mark: str) -> None:
        await self._run_in_thread(self._plain.remove_volume, name, mark)

    async def make(
        self,
        name: str,
        container: Container,
        volumes: Mapping[DatasetId, str],
        address: str,
        image_id: str | None,
        secrets: Mapping[str, bytes],
    ) -> str:
        arguments = plain_arguments(container, volumes, address)
        if image_id is not None:
            arguments = {**arguments, "Image": image_id}
        given = Secrets(container, secrets)
        made: str = await self._run_in_thread(self._plain.make, name, arguments, container, given)
        return made

    async def remove(self, container: str) -> None:
        await self._run_in_thread(self._plain.remove, container)

    async def answers(
        self, instance: str, check: HealthCheck | None, timeout_seconds: float
    ) -> str | None:
        servers = PlainServers(self._connection, self._root, check)
        health = Health(servers, self._run_in_thread, self._clock)
        return await health.answers(instance, timeout_seconds)

    def _look(self, instance: str) -> ForeignContainer | None:
        with self._connection.client_for(f"inspect container {instance}") as client:
            try:
                details = _container(client, instance)
            except NotFound:
                return None
        # Docker takes a name, too, and the beginning of an id.
        return _as_it_is(details) if details["Id"] == instance else None

    def _stop(self, instance: str) -> None:
        with self._connection.client_for(f"stop container {instance}") as client:
            given = _container(client, instance)["Config"].get("StopTimeout")
            seconds = DOCKER_STOP_SECONDS if given is None else given
            if not 0 <= seconds <= STOP_TIMEOUT_SECONDS_MAX:
                seconds = math.ceil(STOP_TIMEOUT_SECONDS_MAX)
            client.stop(instance, timeout=seconds)
            state = _container(client, instance)["State"]
        if state["Running"] or state["Pid"]:
            raise ContainerError(f"container {instance} was stopped and still has processes")

    def _rename(self, instance: str, name: str) -> None:
        with self._connection.client_for(f"rename container {instance}") as client:
            if _container(client, instance)["Name"].removeprefix("/") == name:
                return
            try:
                client.rename(instance, name)
            except docker_errors.APIError as error:
                if error.status_code != HTTPStatus.CONFLICT:
                    raise
                raise Conflict(
                    f"Docker did not rename container {instance}: {words(error)}"
                ) from None

    def _start(self, instance: str) -> None:
        with self._connection.client_for(f"start container {instance}") as client:
            _container(client, instance)
            client.start(instance)

    def _set_restart_policy(self, instance: str, policy: RestartByDocker) -> None:
        wanted: Any = {"Name": policy.name, "MaximumRetryCount": policy.retries}
        with self._connection.client_for(f"update container {instance}") as client:
            _container(client, instance)
            client.update_container(instance, restart_policy=wanted)

    def _inspected(self, container: str) -> Inspected:
        with self._connection.client_for(f"inspect container {container}") as client:
            details = _container(client, container)
            mounts = details.get("Mounts") or ()
            version = client.version()
            return Inspected(
                details,
                _image(client, details["Image"]),
                dict(_volumes(client, mounts)),
                f"{version.get('Os', '')}/{version.get('Arch', '')}",
                frozenset(self._no_directories(mounts)),
                _used_by(client, details),
            )

    def _found_data(self, kind: str, name: str) -> FoundData:
        with self._connection.client_for(f"look at {name}") as client:
            volume = _volume(client, name) if kind == VOLUME else None
            found = FoundData(name, volume, data_root=self._data_root)
            users = tuple(_running_with(client, found))
        return replace(found, users=users, is_directory=self._here(found.path).is_dir())

    def _no_directories(self, mounts: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        for mount in mounts:
            if mount.get("Type") == BIND and not self._here(mount["Source"]).is_dir():
                yield mount["Source"]

    async def _measured(self, source: Source, ends: float) -> Source:
        """The source with what it takes on the disk, when that is found out in time."""
        left = ends - self._clock.seconds()
        if not source.take or left <= 0:
            return source
        path = str(self._here(source.path))
        # One file system: what else is mounted in there is not the container's data.
        argv = ("nice", "-n", "19", "du", "-sx", "--block-size=1", "--", path)
        try:
            said = await self._run(argv, timeout_seconds=left)
        except (CommandFailed, CommandTimedOut):
            return source
        size = _SIZE.match(said)
        return replace(source, size_bytes=int(size[1])) if size is not None else source

    def _here(self, path: str) -> Path:
        return self._root / path.lstrip("/")


def _as_it_is(details: Mapping[str, Any]) -> ForeignContainer:
    policy = details["HostConfig"].get("RestartPolicy") or {}
    state = details["State"]
    return ForeignContainer(
        details["Id"],
        details["Name"].removeprefix("/"),
        state["Running"],
        state.get("StartedAt", ""),
        RestartByDocker(policy.get("Name") or NO_RESTART, policy.get("MaximumRetryCount") or 0),
        not state["Running"] and translate.was_killed(state),
        (details["Config"].get("Labels") or {}).get(SWARM_SERVICE),
    )


def _container(client: APIClient, container: str) -> Mapping[str, Any]:
    try:
        # Docker's client puts it into a path as it is.
        details: Mapping[str, Any] = client.inspect_container(quote(container, safe=""))
    except docker_errors.NotFound:
        raise NotFound(
            f"Docker has no container {container} there: `docker ps --all` lists those that it has"
        ) from None
    return details


def _image(client: APIClient, identity: str) -> Mapping[str, Any]:
    """Nothing when somebody removed it by force."""
    try:
        found: Mapping[str, Any] = client.inspect_image(identity)
    except docker_errors.NotFound:
        return {}
    return found


def _volumes(
    client: APIClient, mounts: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for mount in mounts:
        if mount.get("Type") == VOLUME and mount.get("Name"):
            try:
                yield mount["Name"], client.inspect_volume(mount["Name"])
            except docker_errors.NotFound:
                continue


def _volume(client: APIClient, name: str) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = client.inspect_volume(quote(name, safe=""))
    except docker_errors.NotFound:
        raise NotFound(
            f"Docker has no volume {name} there: `docker volume ls` lists those that it has"
        ) from None
    return found


def _running_with(client: APIClient, found: FoundData) -> Iterator[str]:
    """The names of the running containers that have the data, or a part of it."""
    for entry in client.containers():
        for mount in entry.get("Mounts") or ():
            path = str(mount.get("Source") or "")
            is_it = found.volume is not None and mount.get("Name") == found.name
            if is_it or (path and found.path and overlap(path, found.path)):
                yield str((entry.get("Names") or [entry["Id"]])[0]).removeprefix("/")
                break


def _used_by(client: APIClient, details: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The other containers that have its volumes or directories, by their sources.

    Keepers of volumes are ours, and do nothing.
    """
    own = {_key(mount) for mount in details.get("Mounts") or ()}
    found: dict[str, tuple[str, ...]] = {}
    for entry in client.containers(all=True):
        if entry["Id"] == details["Id"]:
            continue
        name = str((entry.get("Names") or [entry["Id"]])[0]).removeprefix("/")
        if translate.labelled_name(entry.get("Labels")) is not None:
            continue
        for mount in entry.get("Mounts") or ():
            key = _key(mount)
            if key and key in own:
                found[key] = (*found.get(key, ()), name)
    return found


def _key(mount: Mapping[str, Any]) -> str:
    return str(mount.get("Name") or mount.get("Source") or "")
