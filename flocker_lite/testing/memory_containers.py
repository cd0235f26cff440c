"""IContainers in memory, with the levers that tests and simulations pull."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pyrsistent import PMap, pmap
from twisted.internet.defer import Deferred
from zope.interface import implementer

from flocker_lite.containers.translate import create_arguments, docker_name, made_from, makes_below
from flocker_lite.errors import ContainerError, ImageError, NotFound
from flocker_lite.interfaces import IContainers, Stopped
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.records import Container, DatasetId
from flocker_lite.model.state import (
    PAUSED,
    POISED,
    End,
    ImagePull,
    KeptVolume,
    LocalContainer,
)
from flocker_lite.testing.made_containers import MadeContainer as MadeContainer
from flocker_lite.testing.made_containers import MemoryVolume as MemoryVolume

TERMINATED = 143
KILLED = 137
LOST = 255
LAYER_BYTES = 1000


@implementer(IContainers)
@dataclass
class MemoryContainers:
    """One node's containers.

    `mounted` says whether a path has a dataset mounted (None: all have). `images` are those to be
    had (None: all are), `pulled` those that are here. `before` is called with a method's name and
    its container's before the method does anything, and awaited: a simulation lets time pass
    there, or raises. What was made is all in `made`, so a test may put there what it likes.
    `mount_of` tells one mount at a path from the next.
    `ran_seconds` is how long the next run that ends will have lasted. `unhealthy` has what the
    health checks of these containers say; those of others succeed. `image_volumes` has the paths
    at which images ask for volumes, `image_ids` what they are on this node where that is not the
    same as everywhere, `registry` the ids of those to be pulled by a digest; what becomes of the
    volumes is in `volumes`, by their names.
    `strangers` are the names of containers that somebody else made, by their ids.
    `working_directories` are those of images: one below a dataset's path is made when the container
    is started, before its data is there as well. Those that are `stubborn` do not end when they are
    asked to, and are killed.
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
    strangers: dict[str, str] = field(default_factory=dict)
    working_directories: dict[str, str] = field(default_factory=dict)
    mount_of: Callable[[str], int] = lambda _: 0
    stubborn: set[str] = field(default_factory=set)
    _made: int = 0
    _ends: int = 0
    _runs: int = 0
    _failures: dict[str, list[Exception]] = field(default_factory=dict)
    _watchers: list[Callable[[str], None]] = field(default_factory=list)

    def fail_next(self, method: str, error: Exception) -> None:
        """The next call of that method, after those already told to, raises this instead."""
        self._failures.setdefault(method, []).append(error)

    def restart(self, name: str) -> None:
        """Somebody, or Docker itself, has it run anew: `docker restart`.

        That is another run, which waits at the gate like any other.
        """
        self._end(name, TERMINATED)
        self.start_by_hand(name)

    def start_by_hand(self, name: str) -> None:
        """`docker start`: one that has a gate waits there, whatever becomes of its data."""
        local = self.made[name].local
        if not local.has_processes:
            self._set(name, POISED if local.poisable else "running")

    def pause(self, name: str) -> None:
        """`docker pause` of one that runs."""
        self._set(name, PAUSED)

    def unpause(self, name: str) -> None:
        """`docker unpause`."""
        self._set(name, "running")

    def rename(self, name: str, called: str) -> None:
        """`docker rename`: what it is called says nothing of what it is."""
        self.made[name] = replace(self.made[name], called=called)
        self._tell(name)

    def vanish(self, name: str) -> None:
        """`docker rm -f`, or `docker container prune` of one that ended.

        Docker says that it is being removed before it kills it: nobody sees it end.
        """
        if self.made.pop(name, None) is not None:
            self._tell(name)

    @property
    def processes(self) -> Mapping[str, tuple[str, ...]]:
        """The names of the containers that have processes, and the paths that those may write."""
        return {name: made.paths for name, made in self.made.items() if _writes(made)}

    def end(self, name: str, exit_code: int) -> None:
        """The container ends of its own accord."""
        self._end(name, exit_code)

    def fenced(self, instance: str) -> None:
        """A fence kills it."""
        for name, made in list(self.made.items()):
            if made.local.instance == instance:
                self._end(name, KILLED, by_itself=False)

    def crash(self) -> None:
        """The node loses power: no process is left, what was created is, and nobody watches."""
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

    async def has_image(self, image: str) -> bool:
        await self._begin("has_image", image)
        return image in self.pulled

    async def image(self, image: str) -> ExactImage | None:
        for name in self.pulled:
            image_id = self.image_ids.get(name, made_up_id(name))
            if image in (name, image_id):
                at = (digest for digest, known in self.registry.items() if known == image_id)
                return ExactImage(image, image_id, tuple(at))
        return None

    async def pull(self, image: str, progress: Callable[[ImagePull], None]) -> None:
        await self._begin("pull", image)
        if image in self.pulled:
            return
        progress(ImagePull(0, LAYER_BYTES, 0, 1))
        known = self.registry if "@" in image else self.images
        if known is not None and image not in known:
            raise ImageError(f"image {image} could not be pulled: there is none")
        if "@" in image:
            self.image_ids[image] = self.registry[image]
        self.pulled.append(image)

    async def prepare(
        self,
        container: Container,
        binds: Mapping[DatasetId, str],
        address: str,
        image_id: str | None = None,
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
        for other, made in self.made.items():
            if made.called == docker_name(name):
                raise ContainerError(
                    f"container {other} was given the name {made.called}: "
                    f"`docker rename {made.called} {docker_name(other)}`"
                )
        found = await self.image(image_id or container.image)
        if found is None:
            raise ImageError(f"image {container.image} is not here: pull it first")
        self._made += 1
        volumes = self._volumes_of(container)
        outside = tuple(sorted(volumes))
        self.made[name] = MadeContainer(
            LocalContainer(
                container,
                "created",
                str(self._made),
                poisable=bool(binds),
                starts_early=not self._makes_below(arguments),
                stays_behind=outside,
                image_id=found.image_id,
            ),
            arguments,
            tuple(binds[volume.dataset_id] for volume in container.volumes),
            address,
            volumes=volumes,
        )

    async def poise(self, name: str) -> None:
        await self._begin("poise", name)
        made = self._prepared(name)
        if not made.local.poisable:
            raise ContainerError(f"container {name} was not made to be poised")
        _require_not_paused(made)
        if self._makes_below(made.arguments):
            for path in made.paths:
                if self.mounted is not None and not self.mounted(path):
                    raise ContainerError(f"runc: mkdir in {path}: operation not permitted")
        if not made.local.running:
            self._set(name, POISED)

    def _makes_below(self, arguments: Mapping[str, Any]) -> bool:
        directory = self.working_directories.get(arguments["Image"])
        return makes_below(arguments, {"WorkingDir": directory})

    async def start(self, name: str) -> None:
        await self._begin("start", name)
        made = self._prepared(name)
        _require_not_paused(made)
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
        made = self.made.get(name)
        if made is None:
            return "it is not there"
        if not made.local.running:
            end = made.local.end
            outcome = f"it is {made.local.status}" if end is None else f"exit code {end.exit_code}"
            return f"it does not run: {outcome}"
        check = made.local.container.health_check
        return self.unhealthy.get(name) if check is not None else None

    async def stop(self, name: str, timeout_seconds: float) -> Stopped:
        await self._begin("stop", name)
        made = self.made.get(name)
        ran = made is not None and made.local.has_begun
        is_killed = ran and name in self.stubborn
        self._end(name, KILLED if is_killed else TERMINATED)
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
            raise ContainerError(f"container {name} is there: its volumes are not removed")
        for each in await self.kept():
            if each.container == name:
                del self.volumes[each.volume]

    def write(self, name: str, path: str, text: str) -> None:
        """The program of a running container writes into the volume of Docker's at a path."""
        assert name in self.processes
        self.volumes[self.made[name].volumes[path]].text = text

    def read(self, name: str, path: str) -> str:
        """What the program of a running container finds there."""
        assert name in self.processes
        return self.volumes[self.made[name].volumes[path]].text

    def _volumes_of(self, container: Container) -> dict[str, str]:
        """Those that are kept, and new ones where its image asks for one; none over a dataset."""
        taken = {volume.mountpoint for volume in container.volumes}
        found: dict[str, str] = {}
        for volume, known in self.volumes.items():
            if known.container == container.name and known.path not in taken:
                found[known.path] = volume
        for path in self.image_volumes.get(container.image, ()):
            if path not in taken and path not in found:
                found[path] = f"volume-{self._made}-{len(found)}"
                self.volumes[found[path]] = MemoryVolume(container.name, path)
        return found

    def _discard(self, name: str) -> None:
        for volume in self.made.pop(name).volumes.values():
            if not self.volumes[volume].used:
                del self.volumes[volume]

    async def called(self, instance: str) -> str | None:
        await self._begin("called", instance)
        ours = (docker_name(n) for n, made in self.made.items() if made.local.instance == instance)
        return self.strangers.get(instance, next(ours, None))

    async def watch(self, changed: Callable[[str], None]) -> None:
        await self._begin("watch", "")
        self._watchers.append(changed)
        try:
            await Deferred()
        finally:
            # After a crash of the node it is not in the list any more.
            self._watchers[:] = [watcher for watcher in self._watchers if watcher is not changed]

    def _prepared(self, name: str) -> MadeContainer:
        made = self.made.get(name)
        if made is None:
            raise NotFound(f"container {name} is not there: prepare it first")
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
            # One that was never let go did not begin, and so did not end by itself.
            by_itself = by_itself and not local.poised
            self._set(name, "exited", End(exit_code, self._ends, self.ran_seconds, by_itself))

    def _set(self, name: str, status: str, end: End | None = None) -> None:
        made = self.made[name]
        if status == "running":
            for volume in made.volumes.values():
                self.volumes[volume].used = True
        begins = status in (POISED, "running") and not made.local.has_processes
        self._runs += begins
        run = str(self._runs) if begins else made.local.run
        self.made[name] = replace(made, local=replace(made.local, status=status, end=end, run=run))
        self._tell(name)

    def _tell(self, name: str) -> None:
        for changed in tuple(self._watchers):
            changed(name)


def made_up_id(image: str) -> str:
    """The id of an image of this name, unless it is said to be another."""
    return f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"


def _writes(made: MadeContainer) -> bool:
    """One that waits at its gate does not; one that is paused may at any moment."""
    return made.local.has_processes and not made.local.poised


def _require_not_paused(made: MadeContainer) -> None:
    if made.local.paused:
        name = docker_name(made.local.container.name)
        raise ContainerError(f"container {name} is paused: `docker unpause {name}`")
