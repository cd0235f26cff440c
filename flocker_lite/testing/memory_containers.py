"""IContainers in memory, which tests and simulations can control."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pyrsistent import PMap, pmap
from twisted.internet.defer import Deferred
from zope.interface import implementer

from flocker_lite.containers.translate import create_arguments, docker_name, made_from, needs_data
from flocker_lite.errors import ContainerError, ImageError, NotFound
from flocker_lite.interfaces import NO_SECRETS, IContainers, IOutput, Stopped
from flocker_lite.model.exact_images import ExactImage, digest_for
from flocker_lite.model.records import Container, DatasetId, Registry
from flocker_lite.model.state import (
    PAUSED,
    PRESTARTED,
    ContainerExit,
    ImageHealth,
    ImagePull,
    KeptVolume,
    LocalContainer,
)
from flocker_lite.testing import made_containers
from flocker_lite.testing.made_containers import KILLED, LOST, TERMINATED
from flocker_lite.testing.made_containers import MadeContainer as MadeContainer
from flocker_lite.testing.made_containers import MemoryVolume as MemoryVolume
from flocker_lite.testing.made_containers import made_up_id as made_up_id
from flocker_lite.testing.memory_commands import MemoryCommands, RunsCommands
from flocker_lite.testing.memory_images import LAYER_BYTES, PLATFORM, exact_image, require_published
from flocker_lite.testing.memory_output import MemoryOutputs


@implementer(IContainers)
@dataclass
class MemoryContainers(RunsCommands):
    """One node's containers.

    `mounted` says whether a dataset is mounted at a path (None: always). `images` exist in the
    registry (None: all do); `pulled` are on the node. Each method first calls and awaits `before`,
    with its own name and the container's: a simulation lets time pass there, or raises. A test may
    change `made`, which has the containers by name. `mount_of` numbers the mounts at a path.

    The next run that ends has lasted `ran_seconds`. `unhealthy` has the output of the health checks
    that fail; the checks of other containers succeed. `image_volumes` has the paths at
    which images ask for volumes. `image_ids` has the ids of images that differ on this node, and
    `registry` the ids of images that can be pulled by a digest. `volumes` has Docker's volumes by
    name. `foreign` are the names of containers that somebody else made, by id.
    `working_directories` are those of images, which Docker makes below a dataset's path even before
    its data is there. `image_checks` are images with a HEALTHCHECK. `stubborn` containers ignore
    SIGTERM. `private` registries require a login. `connected` has how many clients a container has.
    """

    mounted: Callable[[str], bool] | None = None
    images: frozenset[str] | None = None
    before: Callable[[str, str], Awaitable[None]] | None = None
    made: dict[str, MadeContainer] = field(default_factory=dict)
    pulled: list[str] = field(default_factory=list)
    ran_seconds: float = 0.0
    unhealthy: dict[str, str] = field(default_factory=dict)
    image_ids: dict[str, str] = field(default_factory=dict)
    registry: dict[str, str] = field(default_factory=dict)
    image_volumes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    volumes: dict[str, MemoryVolume] = field(default_factory=dict)
    foreign: dict[str, str] = field(default_factory=dict)
    working_directories: dict[str, str] = field(default_factory=dict)
    mount_of: Callable[[str], int] = lambda _: 0
    stubborn: set[str] = field(default_factory=set)
    outputs: MemoryOutputs = field(default_factory=MemoryOutputs)
    private: frozenset[str] = frozenset()
    image_checks: set[str] = field(default_factory=set)
    connected: dict[str, int] = field(default_factory=dict)
    commands: MemoryCommands = field(default_factory=MemoryCommands)
    _made: int = 0
    _ends: int = 0
    _runs: int = 0
    _stopped_by_us: set[str] = field(default_factory=set)
    _gone: dict[str, LocalContainer] = field(default_factory=dict)
    _failures: dict[str, list[Exception]] = field(default_factory=dict)
    _watchers: list[Callable[[str], None]] = field(default_factory=list)

    def fail_next(self, method: str, error: Exception) -> None:
        """Make the next call of that method raise this; repeated calls queue up."""
        self._failures.setdefault(method, []).append(error)

    def restart(self, name: str) -> None:
        """`docker restart`, or a restart by Docker's own restart policy.

        The new run waits at the start gate like any other.
        """
        self._end(name, TERMINATED)
        self.start_by_hand(name)

    def start_by_hand(self, name: str) -> None:
        """`docker start`: a container with a start gate waits there, with or without its data."""
        local = self.made[name].local
        if not local.has_processes:
            self._set(name, PRESTARTED if local.prestartable else "running")

    def pause(self, name: str) -> None:
        """`docker pause` of a running container."""
        self._set(name, PAUSED)

    def unpause(self, name: str) -> None:
        """`docker unpause`."""
        self._set(name, "running")

    def find_health(self, name: str, health: ImageHealth) -> None:
        """Docker finds this out by the HEALTHCHECK of the running container's image."""
        found = replace(self.made[name], health=health)
        self.made[name] = made_containers.with_health(found, self.image_checks)
        self._notify(name)

    def rename(self, name: str, called: str) -> None:
        """`docker rename`: the name changes, the container stays the same."""
        self.made[name] = replace(self.made[name], called=called)
        self._notify(name)

    def remove_by_force(self, name: str) -> None:
        """`docker rm -f`, or `docker container prune` of a container that ended.

        Docker reports the removal before it kills the container, so nobody sees the end.
        """
        made = self.made.pop(name, None)
        if made is not None:
            end = made.local.last_exit
            if end is not None and end.by_itself and made.local.instance not in self._stopped_by_us:
                self._gone[name] = made.local
            self._notify(name)

    def stop_and_remove(self, name: str) -> None:
        """`docker stop && docker rm`; nobody looks at the container in between."""
        watchers, self._watchers[:] = self._watchers[:], []
        self._end(name, TERMINATED)
        self._watchers[:] = watchers
        self.remove_by_force(name)

    @property
    def processes(self) -> Mapping[str, tuple[str, ...]]:
        """The containers whose processes may write, by name, each with its paths."""
        return {
            name: made.paths for name, made in self.made.items() if made_containers.writes(made)
        }

    def end(self, name: str, exit_code: int) -> None:
        """Make the container end by itself."""
        self._end(name, exit_code)

    def fenced(self, instance: str) -> None:
        """Kill the container as a fence does."""
        for name, made in list(self.made.items()):
            if made.local.instance == instance:
                self._end(name, KILLED, by_itself=False)

    def crash(self) -> None:
        """The node loses power: processes and watchers end, containers stay."""
        self._watchers.clear()
        self._failures.clear()
        for name in self.made:
            self._end(name, LOST, by_itself=False)

    async def discover(self) -> PMap[str, LocalContainer]:
        await self._begin("discover", "")
        return pmap({name: made.local for name, made in self.made.items()})

    async def look(self, name: str) -> LocalContainer | None:
        await self._begin("look", name)
        return self.made[name].local if name in self.made else None

    async def gone(self) -> PMap[str, LocalContainer]:
        return pmap(self._gone)

    async def has_image(self, image: str) -> bool:
        await self._begin("has_image", image)
        return image in self.pulled

    async def image(self, image: str) -> ExactImage | None:
        return exact_image(image, self.pulled, self.image_ids, self.registry)

    async def pull(
        self,
        image: str,
        progress: Callable[[ImagePull], None],
        login: Registry | None = None,
        platform: str | None = None,
    ) -> None:
        await self._begin("pull", image)
        if image in self.pulled and platform in (None, PLATFORM):
            return
        progress(ImagePull(0, LAYER_BYTES, 0, 1))
        there = self.registry if "@" in image else self.images
        require_published(image, there, self.private if login is None else (), platform)
        if "@" in image:
            self.image_ids[image] = self.registry[image]
        self.pulled.append(image)

    async def prepare(
        self,
        container: Container,
        binds: Mapping[DatasetId, str],
        address: str,
        image_id: str | None = None,
        secrets: Mapping[str, bytes] = NO_SECRETS,
    ) -> None:
        name = container.name
        await self._begin("prepare", name)
        arguments = create_arguments(container, binds, address)
        existing = self.made.get(name)
        if existing is not None:
            is_same_image = image_id in (None, existing.local.image_id)
            if is_same_image and made_from(arguments, existing.arguments["Labels"]):
                return
            if existing.local.has_processes:
                raise ContainerError(f"container {name} runs with another configuration")
            self._discard(name)
        made_containers.require_free_name(self.made, name)
        found = await self.image(image_id or container.image)
        if found is None:
            raise ImageError(f"image {container.image} is not here: pull it first")
        require_published(container.image, None, (), container.platform)
        self._made += 1
        self._gone.pop(name, None)
        paths = self.image_volumes.get(container.image, ())
        volumes = made_containers.volumes_of(container, self.volumes, paths, f"volume-{self._made}")
        self.made[name] = MadeContainer(
            LocalContainer(
                container,
                "created",
                str(self._made),
                prestartable=bool(binds),
                starts_early=not self._needs_data(arguments),
                stays_behind=tuple(sorted(volumes)),
                image_id=found.image_id,
                image_digest=digest_for(container.image, found.digests),
            ),
            arguments,
            tuple(binds[volume.dataset_id] for volume in container.volumes),
            address,
            volumes=volumes,
            secrets=secrets,
        )

    async def prestart(self, name: str) -> None:
        await self._begin("prestart", name)
        made = self._prepared(name)
        if not made.local.prestartable:
            raise ContainerError(f"container {name} was not made to be prestarted")
        made_containers.require_not_paused(made)
        if self._needs_data(made.arguments):
            for path in made.paths:
                if self.mounted is not None and not self.mounted(path):
                    raise ContainerError(f"runc: mkdir in {path}: operation not permitted")
        if not made.local.running:
            self._set(name, PRESTARTED)

    def _needs_data(self, arguments: Mapping[str, Any]) -> bool:
        directory = self.working_directories.get(arguments["Image"])
        return needs_data(arguments, {"WorkingDir": directory})

    async def start(self, name: str) -> None:
        await self._begin("start", name)
        made = self._prepared(name)
        made_containers.require_not_paused(made)
        if made.local.running:
            return
        for path in made.paths:
            if self.mounted is not None and not self.mounted(path):
                raise ContainerError(f"container {name} not started: {path} is not mounted")
        mounts = {path: self.mount_of(path) for path in made.paths}
        self.made[name] = replace(made, mounts=mounts)
        self._set(name, "running")

    async def answers(self, name: str, timeout_seconds: float) -> str | None:
        await self._begin("answers", name)
        return made_containers.why_not_serving(self.made.get(name), self.unhealthy)

    async def probe(self, name: str) -> str | None:
        await self._begin("probe", name)
        made = self.made.get(name)
        if why := made_containers.why_not_running(made):
            raise ContainerError(f"container {name} cannot be asked: {why}")
        return made_containers.checked(made, self.unhealthy)

    async def connections(self, name: str) -> int:
        await self._begin("connections", name)
        return self.connected.get(name, 0) if name in self.processes else 0

    async def stop(
        self, name: str, timeout_seconds: float | None = None, is_exit: bool = True
    ) -> Stopped:
        await self._begin("stop", name)
        made = self.made.get(name)
        ran = made is not None and made.local.has_begun
        if made is not None and made.local.has_processes:
            self._stopped_by_us.add(made.local.instance)
        is_killed = ran and name in self.stubborn
        self._end(name, KILLED if is_killed else TERMINATED, by_itself=is_exit)
        return Stopped(ran, is_killed)

    async def remove(self, name: str) -> None:
        await self._begin("remove", name)
        self._end(name, KILLED)
        if name in self.made:
            self._discard(name)

    async def kept(self) -> tuple[KeptVolume, ...]:
        await self._begin("kept", "")
        in_use = {volume for made in self.made.values() for volume in made.volumes.values()}
        return tuple(
            KeptVolume(each.container, each.path, volume, float(number))
            for number, (volume, each) in enumerate(self.volumes.items())
            if volume not in in_use
        )

    async def remove_kept(self, name: str) -> None:
        await self._begin("remove_kept", name)
        if name in self.made:
            raise ContainerError(f"container {name} exists: its volumes are not removed")
        for each in await self.kept():
            if each.container == name:
                del self.volumes[each.volume]

    def write(self, name: str, path: str, text: str) -> None:
        """Write into the Docker volume at a path, as the running container's program does."""
        assert name in self.processes
        self.volumes[self.made[name].volumes[path]].text = text

    def read(self, name: str, path: str) -> str:
        """The text that the running container's program finds there."""
        assert name in self.processes
        return self.volumes[self.made[name].volumes[path]].text

    def _discard(self, name: str) -> None:
        for volume in self.made.pop(name).volumes.values():
            if not self.volumes[volume].used:
                del self.volumes[volume]

    async def output(self, name: str, lines: int, follow: bool) -> IOutput:
        local = self._prepared(name).local
        return self.outputs.of(local, lines, follow and local.has_processes)

    async def called(self, instance: str) -> str | None:
        await self._begin("called", instance)
        ours = (docker_name(n) for n, made in self.made.items() if made.local.instance == instance)
        return self.foreign.get(instance, next(ours, None))

    async def watch(self, changed: Callable[[str], None]) -> None:
        await self._begin("watch", "")
        self._watchers.append(changed)
        try:
            await Deferred()
        finally:
            # A crash of the node has emptied the list.
            self._watchers[:] = [watcher for watcher in self._watchers if watcher is not changed]

    def _prepared(self, name: str) -> MadeContainer:
        made = self.made.get(name)
        if made is None:
            raise NotFound(f"container {name} does not exist: prepare it first")
        return made

    async def _begin(self, method: str, name: str) -> None:
        if self.before is not None:
            await self.before(method, name)
        if failures := self._failures.get(method):
            raise failures.pop(0)

    def _end(self, name: str, exit_code: int, by_itself: bool = True) -> None:
        local = self.made[name].local if name in self.made else None
        if local is not None and local.has_processes:
            self._ends += 1
            # A container that never passed its start gate did not run, so it did not end by itself.
            by_itself = by_itself and not local.prestarted
            is_failure = by_itself and exit_code != 0 and local.instance not in self._stopped_by_us
            said = self.outputs.last_lines(local.instance) if is_failure else ()
            self.outputs.end(local.instance)
            end = ContainerExit(exit_code, self._ends, self.ran_seconds, by_itself, said)
            self._set(name, "exited", end)

    def _set(self, name: str, status: str, end: ContainerExit | None = None) -> None:
        made = self.made[name]
        if status == "running":
            for volume in made.volumes.values():
                self.volumes[volume].used = True
        begins = status in (PRESTARTED, "running") and not made.local.has_processes
        if begins:
            self._stopped_by_us.discard(made.local.instance)
        self._runs += begins
        run = str(self._runs) if begins else made.local.run
        local = replace(made.local, status=status, last_exit=end, run=run)
        self.made[name] = made_containers.with_health(replace(made, local=local), self.image_checks)
        self._notify(name)

    def _notify(self, name: str) -> None:
        for changed in tuple(self._watchers):
            changed(name)
