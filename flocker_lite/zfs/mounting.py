"""Mounting datasets of ZFS at their places, and knowing what is there: the half of the storage that
other people's processes, files and mounts get in the way of.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from pyrsistent import PMap, pmap
from twisted.internet.task import deferLater
from twisted.logger import Logger

from flocker_lite.errors import Busy, CommandFailed, FlockerError, InUse, LeaseError
from flocker_lite.model.lease import WRITERS
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import Holder, Place
from flocker_lite.zfs import (
    commands,
    errors,
    holding,
    mountpoints,
    mounts,
    names,
    output,
    places,
)

WATCH_SECONDS = 1.0
BUSY_RETRIES_MAX = 5
BUSY_RETRY_SECONDS = 0.1

RunInThread = Callable[..., Awaitable[Any]]
Result = TypeVar("Result")


class Mounting:
    """What there is at the places of the datasets of one node; see IStorage.

    `zfs` runs a command of ZFS and raises what its words mean.
    """

    _log = Logger()

    def __init__(
        self,
        pool: str,
        mount_root: str,
        zfs: Callable[[tuple[str, ...]], Awaitable[str]],
        run_in_thread: RunInThread,
        clock: Any,
    ) -> None:
        self._pool = pool
        self._root = names.root(pool)
        self._mount_root = mount_root
        self._zfs = zfs
        self._run_in_thread = run_in_thread
        self._clock = clock
        self._at_work: Counter[DatasetId] = Counter()
        self._touched: set[DatasetId] = set()

    async def places(self) -> PMap[DatasetId, Place]:
        found: PMap[DatasetId, Place] = await self._run_in_thread(
            places.all_of, self._mount_root, f"{self._root}/"
        )
        return pmap({each: place for each, place in found.items() if names.is_dataset_id(each)})

    async def seen(self) -> Mapping[str, frozenset[DatasetId]]:
        found: dict[str, frozenset[str]] = await self._run_in_thread(
            holding.seen, f"{self._root}/", os.path.realpath(self._mount_root)
        )
        prefix = f"{self._root}/"
        return {
            container: frozenset(source.removeprefix(prefix) for source in sources)
            for container, sources in found.items()
        }

    async def watch(self, changed: Callable[[], None]) -> None:
        before = await self.places()
        while True:
            await deferLater(self._clock, WATCH_SECONDS)
            after = await self.places()
            own, self._touched = self._touched | set(self._at_work), set()
            different = {
                each
                for each in {*before, *after}
                if before.get(each) != after.get(each)
                and (each not in own or not _is_well(after.get(each)))
            }
            if different:
                changed()
            before = after

    async def mount(self, dataset_id: DatasetId) -> None:
        name = self._name(dataset_id)
        now = output.fitness(await self._zfs(commands.fitness(name)), dataset_id)
        if now.lease is None or now.lease.role not in WRITERS:
            raise LeaseError(f"{dataset_id}: not mounted, for its lease is {now.lease}")
        with self._working(dataset_id):
            if await self.make_room(dataset_id):
                return
            if now.readonly:
                await self._zfs(commands.set_property(name, "readonly", "off"))
            try:
                await patiently(self._clock, lambda: self._zfs(commands.mount(name)))
            except CommandFailed as error:
                if errors.ALREADY_MOUNTED not in error.stderr_tail:
                    raise
                place = await self.place(dataset_id)
                if not place.is_mounted:
                    why = place.obstacle or f"yet it is not at {self.path(dataset_id)}"
                    raise InUse(f"{dataset_id}: {error}; {why}") from None

    async def make_room(self, dataset_id: DatasetId) -> bool:
        """Have nothing at its place, but the directory; True when it is mounted there already."""
        # In one go: a move's pause may wait for it.
        try:
            place = await self._ready(dataset_id)
        except OSError:
            await self._revive_root()
            place = await self._ready(dataset_id)
        if place.obstacle is not None:
            raise InUse(f"dataset {dataset_id} cannot be mounted: {place.obstacle}")
        return place.is_mounted

    async def _ready(self, dataset_id: DatasetId) -> Place:
        moment = int(self._clock.seconds())
        name = self._name(dataset_id)
        found: Place = await self._run_in_thread(
            places.make_room, self._mount_root, dataset_id, name, moment
        )
        return found

    async def unmount(self, dataset_id: DatasetId) -> None:
        held: list[tuple[Holder, ...]] = []

        async def unmount() -> None:
            try:
                await self._unmount(dataset_id)
            except Busy as error:
                held.append(tuple(each for each in await self.holders(dataset_id) if each.holds))
                # Who ends at this moment is gone at the next try; somebody who stays is said.
                if held[-1] and held[-1:] == held[-2:-1]:
                    raise _in_use(dataset_id, held[-1]) from error
                raise

        try:
            with self._working(dataset_id):
                await patiently(self._clock, unmount)
        except Busy as error:
            raise (_in_use(dataset_id, held[-1]) if held and held[-1] else error) from None

    async def _unmount(self, dataset_id: DatasetId) -> None:
        name, path = self._name(dataset_id), self.path(dataset_id)
        place, keepers = await self._run_in_thread(
            _before_unmount, self._mount_root, dataset_id, name, path
        )
        if place.obstacle is not None:
            # ZFS would unmount what is on top.
            raise InUse(f"dataset {dataset_id} cannot be unmounted: {place.obstacle}")
        if place.is_dead:
            await self._run_in_thread(mountpoints.clear, path)
        # Looked at before as well, so that what cannot be unmounted everywhere stays mounted.
        if keepers:
            raise Busy(f"{name} is mounted in the namespaces of {keepers} as well")
        try:
            await self._zfs(commands.unmount(name))
        except CommandFailed as error:
            if errors.NOT_MOUNTED not in error.stderr_tail:
                raise
        holders = await self._run_in_thread(mounts.holders, name)
        if holders:
            raise Busy(f"{name} is still mounted in the namespaces of {holders}")

    async def holders(self, dataset_id: DatasetId) -> tuple[Holder, ...]:
        name, path = self._name(dataset_id), self.path(dataset_id)
        found: tuple[Holder, ...] = await self._run_in_thread(holding.holders, name, path)
        return found

    async def _revive_root(self) -> None:
        """The pool itself is often mounted where its datasets are, and died with them."""
        source: str | None = await self._run_in_thread(places.dead_root, self._mount_root)
        if source is None:
            return
        await self._run_in_thread(mountpoints.clear, self._mount_root)
        try:
            await self._zfs(commands.mount(source))
        except FlockerError as error:
            self._log.warn(
                "{source} was mounted at {root} and died; it is not mounted again: {error}",
                source=source,
                root=self._mount_root,
                error=error,
            )

    def make_mountpoint(self, dataset_id: DatasetId) -> str:
        mountpoints.make(self._mount_root, dataset_id, int(self._clock.seconds()))
        return self.path(dataset_id)

    async def place(self, dataset_id: DatasetId) -> Place:
        return (await self.places_of((dataset_id,)))[dataset_id]

    async def places_of(self, dataset_ids: Iterable[DatasetId]) -> PMap[DatasetId, Place]:
        """What there is at the places of these."""
        sources = {dataset_id: self._name(dataset_id) for dataset_id in dataset_ids}
        found: PMap[DatasetId, Place] = await self._run_in_thread(
            places.look, self._mount_root, sources
        )
        return found

    @contextmanager
    def _working(self, dataset_id: DatasetId) -> Iterator[None]:
        """What changes at its place meanwhile is our own doing."""
        self._at_work[dataset_id] += 1
        try:
            yield
        finally:
            self._at_work[dataset_id] -= 1
            self._at_work += Counter()
            self._touched.add(dataset_id)

    def path(self, dataset_id: DatasetId) -> str:
        """Where the dataset is, or would be, mounted."""
        return f"{self._mount_root}/{dataset_id}"

    def _name(self, dataset_id: DatasetId) -> str:
        return names.filesystem(self._pool, dataset_id)


def _is_well(place: Place | None) -> bool:
    return place is None or not (place.is_dead or place.obstacle)


def _before_unmount(
    root: str, dataset_id: DatasetId, name: str, path: str
) -> tuple[Place, list[int]]:
    return places.look(root, {dataset_id: name})[dataset_id], holding.keepers(name, path)


async def patiently(clock: Any, attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Right after a write, an unmount or a receive ZFS often says "busy"; not for long."""
    for _ in range(BUSY_RETRIES_MAX):
        try:
            return await attempt()
        except InUse:
            raise
        except Busy:
            await deferLater(clock, BUSY_RETRY_SECONDS)
    return await attempt()


def _in_use(dataset_id: DatasetId, holders: tuple[Holder, ...]) -> InUse:
    who = "; ".join(map(str, holders))
    return InUse(f"{dataset_id} is in use, looked at in all mount namespaces: {who}")
