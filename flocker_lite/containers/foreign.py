"""IForeignContainers with the Docker engine of this node: it inspects, and changes nothing."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from docker import APIClient
from docker import errors as docker_errors
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from flocker_lite.containers import translate
from flocker_lite.containers.adoption.draft import Inspected
from flocker_lite.containers.adoption.translation import adoption
from flocker_lite.containers.connection import Connection
from flocker_lite.errors import CommandFailed, CommandTimedOut, NotFound
from flocker_lite.interfaces import IForeignContainers
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.model.adoption import BIND, VOLUME, Adoption, Source
from flocker_lite.processes import Run

MEASURING_SECONDS_MAX = 8.0
"""For all volumes of a container together; what is not measured by then has no size."""

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
        clock: IReactorTime,
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

    def close(self) -> None:
        """Close the idle connections."""
        self._connection.close()

    async def adoption(self, container: str, name: str | None, allow: Collection[str]) -> Adoption:
        found = await self._run_in_thread(self._inspected, container)
        what = adoption(found, allow, name, self._data_root)
        ends = self._clock.seconds() + MEASURING_SECONDS_MAX
        sources = [await self._measured(source, ends) for source in what.sources]
        return replace(what, sources=tuple(sources))

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
