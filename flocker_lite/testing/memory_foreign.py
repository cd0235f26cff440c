"""IForeignContainers in memory: containers that somebody made with Docker, and their data."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from zope.interface import implementer

from flocker_lite.containers.adoption.data import FoundData, data_adoption
from flocker_lite.containers.adoption.draft import Inspected
from flocker_lite.containers.adoption.release import Taken, plain_arguments, release
from flocker_lite.containers.adoption.translation import adoption
from flocker_lite.containers.foreign import SWARM_SERVICE
from flocker_lite.containers.secret_files import Secrets
from flocker_lite.errors import Conflict, ContainerError, NotFound
from flocker_lite.interfaces import IForeignContainers
from flocker_lite.model.adoption import (
    NO_RESTART,
    VOLUME,
    Adoption,
    ForeignContainer,
    Release,
    RestartByDocker,
)
from flocker_lite.model.records import Container, DatasetId, HealthCheck
from flocker_lite.testing.made_up_inspect import inspected, made_up_image

SIZE_BYTES = 4096
NODE_PLATFORM = "linux/amd64"


@implementer(IForeignContainers)
@dataclass
class MemoryForeignContainers:
    """The containers of one node, by their names in Docker, as its "inspect" shows them.

    `images` has the "Config" of each image. `files` are the paths of the node that are no
    directories. Each volume takes SIZE_BYTES. `texts` has what was written to each directory.
    Methods first call and await `before`, with their own name and the container's id: a simulation
    lets time pass there, or raises. A container that is in `cannot_start` does not. `volumes` has
    the marks of the volumes that a release made, and of others. `unhealthy` has what the health
    checks of an image's containers say; others succeed.
    """

    made: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    before: Callable[[str, str], Awaitable[None]] | None = None
    cannot_start: set[str] = field(default_factory=set)
    images: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    data_root: str = "/flocker"
    volumes: dict[str, str] = field(default_factory=dict)
    unhealthy: dict[str, str] = field(default_factory=dict)
    _runs: Iterator[int] = field(default_factory=lambda: count(1))

    def run(self, name: str, arguments: Mapping[str, Any], status: str = "running") -> None:
        """`docker run`, with the body of "create a container"."""
        image = self._image(arguments["Image"])
        made = inspected(name, arguments, image, status)
        for mount in made["Mounts"]:
            if mount["Type"] == VOLUME:
                self.volumes.setdefault(mount["Name"], "")
        self.made[name] = made
        if status == "running":
            self._set_state(name, True)

    def running_with(self, path: str) -> tuple[tuple[str, str], ...]:
        """The running containers that have a path of the node mounted: their ids and runs."""
        return tuple(
            (details["Id"], details["State"].get("StartedAt", ""))
            for details in self.made.values()
            if details["State"]["Running"]
            and any(mount.get("Source") == path for mount in details["Mounts"])
        )

    def write(self, instance: str, text: str) -> None:
        """Write to each directory of a running container, as its program does."""
        details = self._details(instance)
        if not details["State"]["Running"]:
            raise ContainerError(f"{instance} does not run")
        for mount in details["Mounts"]:
            if mount["RW"]:
                path = mount["Source"]
                self.texts[path] = (*self.texts.get(path, ()), text)

    def start_by_hand(self, instance: str) -> None:
        """`docker start`."""
        self._set_state(self._name(instance), True)

    def fenced(self, instance: str) -> None:
        """A fence kills a container, if it is one of these."""
        for name, details in list(self.made.items()):
            if details["Id"] == instance and details["State"]["Running"]:
                self._set_state(name, False)

    def restart_docker(self) -> None:
        """Docker's daemon or the machine goes down and comes back.

        Docker starts what ran until then, as far as the restart policies say so.
        """
        for name, details in list(self.made.items()):
            if details["State"]["Running"]:
                policy = details["HostConfig"]["RestartPolicy"]["Name"]
                self._set_state(name, policy in ("always", "unless-stopped"))

    async def look(self, instance: str) -> ForeignContainer | None:
        await self._begin("look", instance)
        found = [each for each in self.made.values() if each["Id"] == instance]
        if not found:
            return None
        details = found[0]
        policy = details["HostConfig"]["RestartPolicy"]
        return ForeignContainer(
            instance,
            details["Name"].removeprefix("/"),
            details["State"]["Running"],
            details["State"].get("StartedAt", ""),
            RestartByDocker(policy["Name"], policy.get("MaximumRetryCount", 0)),
            service=(details["Config"].get("Labels") or {}).get(SWARM_SERVICE),
        )

    async def stop(self, instance: str) -> None:
        await self._begin("stop", instance)
        self._set_state(self._name(instance), False)

    async def start(self, instance: str) -> None:
        await self._begin("start", instance)
        name = self._name(instance)
        if instance in self.cannot_start:
            raise ContainerError(f"Docker did not start container {instance}")
        if not self.made[name]["State"]["Running"]:
            self._set_state(name, True)

    async def rename(self, instance: str, name: str) -> None:
        await self._begin("rename", instance)
        before = self._name(instance)
        if name == before:
            return
        if name in self.made:
            raise Conflict(f"Docker did not rename container {instance}: {name} is in use")
        self.made[name] = {**self.made.pop(before), "Name": f"/{name}"}

    async def set_restart_policy(self, instance: str, policy: RestartByDocker) -> None:
        await self._begin("set_restart_policy", instance)
        name = self._name(instance)
        wanted = {"Name": policy.name or NO_RESTART, "MaximumRetryCount": policy.retries}
        host = {**self.made[name]["HostConfig"], "RestartPolicy": wanted}
        self.made[name] = {**self.made[name], "HostConfig": host}

    async def adoption(
        self, container: str, name: str | None, allow: Collection[str], measures: bool = True
    ) -> Adoption:
        await self._begin("adoption", container)
        ids = {details["Id"]: called for called, details in self.made.items()}
        container = ids.get(container, container)
        details = self.made.get(container)
        if details is None:
            raise NotFound(f"Docker has no container {container} there")
        found = Inspected(
            details,
            self._image(details["Config"]["Image"]),
            node_platform=NODE_PLATFORM,
            no_directories=frozenset(self.files),
            used_by=self._used_by(container),
        )
        what = adoption(found, allow, name, self.data_root)
        sources = [
            replace(source, size_bytes=SIZE_BYTES) if source.take and measures else source
            for source in what.sources
        ]
        return replace(what, sources=tuple(sources))

    async def release(
        self,
        container: Container,
        datasets: Mapping[DatasetId, str],
        docker_name: str | None,
        stays_behind: Collection[str],
    ) -> Release:
        await self._begin("release", container.name)
        taken = Taken(frozenset(self.made), frozenset(self.volumes))
        return release(container, datasets, taken, docker_name, stays_behind)

    async def make_volume(self, name: str, mark: str) -> str:
        await self._begin("make_volume", name)
        if self.volumes.setdefault(name, mark) != mark:
            raise Conflict(f"Docker has a volume {name} already, which somebody else made")
        path = f"/var/lib/docker/volumes/{name}/_data"
        self.texts.setdefault(path, ())
        return path

    async def remove_volume(self, name: str, mark: str) -> None:
        await self._begin("remove_volume", name)
        if self.volumes.get(name) == mark:
            del self.volumes[name]
            self.texts.pop(f"/var/lib/docker/volumes/{name}/_data", None)

    async def make(
        self,
        name: str,
        container: Container,
        volumes: Mapping[DatasetId, str],
        address: str,
        image_id: str | None,
        secrets: Mapping[str, bytes],
    ) -> str:
        await self._begin("make", name)
        self.made.pop(name, None)
        arguments = plain_arguments(container, volumes, address)
        given = Secrets(container, secrets).added_to(arguments, None)
        self.run(name, given, status="created")
        return str(self.made[name]["Id"])

    async def remove(self, container: str) -> None:
        await self._begin("remove", container)
        for name, details in list(self.made.items()):
            if container in (name, details["Id"]):
                del self.made[name]

    async def answers(
        self, instance: str, check: HealthCheck | None, timeout_seconds: float
    ) -> str | None:
        await self._begin("answers", instance)
        found = [each for each in self.made.values() if each["Id"] == instance]
        if not found or not found[0]["State"]["Running"]:
            return "it does not run"
        return self.unhealthy.get(found[0]["Config"]["Image"]) if check is not None else None

    async def data(
        self, kind: str, name: str, allow: Collection[str], measures: bool = True
    ) -> Adoption:
        await self._begin("data", name)
        volume = None
        if kind == VOLUME:
            path = f"/var/lib/docker/volumes/{name}/_data"
            if name not in self.volumes and path not in self._mounted():
                raise NotFound(f"Docker has no volume {name} there")
            volume = {"Name": name, "Driver": "local", "Mountpoint": path}
        found = FoundData(name, volume, data_root=self.data_root)
        found = replace(
            found,
            users=tuple(self._running_with(found)),
            is_directory=kind == VOLUME or found.path in self.texts,
        )
        what = data_adoption(found, allow)
        size = SIZE_BYTES if measures else None
        return replace(what, sources=tuple(replace(each, size_bytes=size) for each in what.sources))

    def _mounted(self) -> set[str]:
        return {str(mount["Source"]) for each in self.made.values() for mount in each["Mounts"]}

    def _running_with(self, found: FoundData) -> Iterator[str]:
        for name, details in self.made.items():
            sources = [mount["Source"] for mount in details["Mounts"]]
            if details["State"]["Running"] and found.path in sources:
                yield name

    async def _begin(self, method: str, instance: str) -> None:
        if self.before is not None:
            await self.before(method, instance)

    def _name(self, instance: str) -> str:
        return str(self._details(instance)["Name"]).removeprefix("/")

    def _details(self, instance: str) -> Mapping[str, Any]:
        for details in self.made.values():
            if details["Id"] == instance:
                return details
        raise NotFound(f"Docker has no container {instance} there")

    def _set_state(self, name: str, running: bool) -> None:
        status = "running" if running else "exited"
        state = {**self.made[name]["State"], "Status": status, "Running": running}
        if running:
            state["StartedAt"] = f"run {next(self._runs)}"
        self.made[name] = {**self.made[name], "State": state}

    def _image(self, name: str) -> dict[str, Any]:
        return made_up_image(self.images.get(name), name)

    def _used_by(self, container: str) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for name, details in self.made.items():
            for mount in details["Mounts"] if name != container else ():
                key = mount.get("Name") or mount["Source"]
                found[key] = (*found.get(key, ()), name)
        return found
