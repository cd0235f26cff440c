"""Mounts and unmounts datasets, and finds what is in their way: processes, files, mounts."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from pyrsistent import PMap, pmap
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from flocker_lite.errors import Busy, CommandFailed, FlockerError, InUse, LeaseError
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.model.lease import WRITERS
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import Holder, MountStatus
from flocker_lite.mounts import holder_search, mountpoints, tables
from flocker_lite.zfs import (
    commands,
    errors,
    mount_status,
    names,
    output,
)

WATCH_SECONDS = 1.0
BUSY_RETRIES_MAX = 5
BUSY_RETRY_SECONDS = 0.1

Result = TypeVar("Result")


class Mounting:
    """The mountpoints of one node's datasets; see IStorage.

    `zfs` runs a command of ZFS, and raises the error that its message means.
    """

    _log = Logger()

    def __init__(
        self,
        pool: str,
        mount_root: str,
        zfs: Callable[[tuple[str, ...]], Awaitable[str]],
        run_in_thread: RunInThread,
        clock: IReactorTime,
    ) -> None:
        self._pool = pool
        self._root = names.root(pool)
        self._mount_root = mount_root
        self._zfs = zfs
        self._run_in_thread = run_in_thread
        self._clock = clock
        self._changing: Counter[DatasetId] = Counter()
        self._touched: set[DatasetId] = set()

    async def mount_statuses(self) -> PMap[DatasetId, MountStatus]:
        found: PMap[DatasetId, MountStatus] = await self._run_in_thread(
            mount_status.look_at_all, self._mount_root, f"{self._root}/"
        )
        return pmap({each: status for each, status in found.items() if names.is_dataset_id(each)})

    async def seen(self) -> Mapping[str, frozenset[DatasetId]]:
        found: dict[str, frozenset[str]] = await self._run_in_thread(
            holder_search.seen, f"{self._root}/", os.path.realpath(self._mount_root)
        )
        prefix = f"{self._root}/"
        return {
            container: frozenset(source.removeprefix(prefix) for source in sources)
            for container, sources in found.items()
        }

    async def watch(self, changed: Callable[[], None]) -> None:
        before = await self.mount_statuses()
        while True:
            await deferLater(self._clock, WATCH_SECONDS)
            after = await self.mount_statuses()
            own, self._touched = self._touched | set(self._changing), set()
            different = {
                each
                for each in {*before, *after}
                if before.get(each) != after.get(each)
                and (each not in own or not _is_healthy(after.get(each)))
            }
            if different:
                changed()
            before = after

    async def mount(self, dataset_id: DatasetId) -> None:
        name = self._name(dataset_id)
        now = output.mount_check(await self._zfs(commands.mount_check(name)), dataset_id)
        if now.lease is None or now.lease.role not in WRITERS:
            raise LeaseError(f"{dataset_id}: not mounted, because its lease is {now.lease}")
        with self._own_change(dataset_id):
            if await self.prepare_mountpoint(dataset_id):
                return
            if now.readonly:
                await self._zfs(commands.set_property(name, "readonly", "off"))
            try:
                await retry_while_busy(self._clock, lambda: self._zfs(commands.mount(name)))
            except CommandFailed as error:
                if errors.ALREADY_MOUNTED not in error.stderr_tail:
                    raise
                status = await self.mount_status(dataset_id)
                if not status.is_mounted:
                    why = status.obstacle or f"it is not mounted at {self.path(dataset_id)}"
                    raise InUse(f"{dataset_id}: {error}; {why}") from None

    async def replay(self, dataset_id: DatasetId) -> bool:
        """Have ZFS apply what is in its intent log alone; False if the dataset is mounted.

        Whatever was fsynced just before a power loss is there. ZFS applies it when it mounts the
        dataset, and says "busy" to snapshots before that. This mounts it read-only for a moment.
        """
        with self._own_change(dataset_id):
            if await self.prepare_mountpoint(dataset_id):
                return False
            await self._zfs(commands.mount(self._name(dataset_id), readonly=True))
        await self.unmount(dataset_id)
        return True

    async def prepare_mountpoint(self, dataset_id: DatasetId) -> bool:
        """Leave only the directory at its mountpoint; returns whether it is mounted already."""
        # All in one thread call, because a move's pause may wait for it.
        try:
            status = await self._prepared(dataset_id)
        except OSError:
            await self._revive_root()
            status = await self._prepared(dataset_id)
        if status.obstacle is not None:
            raise InUse(f"dataset {dataset_id} cannot be mounted: {status.obstacle}")
        return status.is_mounted

    async def _prepared(self, dataset_id: DatasetId) -> MountStatus:
        moment = int(self._clock.seconds())
        name = self._name(dataset_id)
        found: MountStatus = await self._run_in_thread(
            mount_status.prepare, self._mount_root, dataset_id, name, moment
        )
        return found

    async def unmount(self, dataset_id: DatasetId) -> None:
        held: list[tuple[Holder, ...]] = []

        async def unmount() -> None:
            try:
                await self._unmount(dataset_id)
            except Busy as error:
                held.append(tuple(each for each in await self.holders(dataset_id) if each.holds))
                # A process that is exiting is gone at the next try; name one that stays.
                if held[-1] and held[-1:] == held[-2:-1]:
                    raise _in_use(dataset_id, held[-1]) from error
                raise

        try:
            with self._own_change(dataset_id):
                await retry_while_busy(self._clock, unmount)
        except Busy as error:
            raise (_in_use(dataset_id, held[-1]) if held and held[-1] else error) from None

    async def _unmount(self, dataset_id: DatasetId) -> None:
        name, path = self._name(dataset_id), self.path(dataset_id)
        status, keepers = await self._run_in_thread(
            _unmount_state, self._mount_root, dataset_id, name, path
        )
        if status.obstacle is not None:
            # ZFS would unmount whatever is mounted on top of it.
            raise InUse(f"dataset {dataset_id} cannot be unmounted: {status.obstacle}")
        if status.is_dead:
            await self._run_in_thread(mountpoints.clear, path)
        # Look before, too: a dataset that we cannot unmount everywhere should stay mounted here.
        if keepers:
            raise Busy(f"{name} is mounted in the namespaces of {keepers} as well")
        try:
            await self._zfs(commands.unmount(name))
        except CommandFailed as error:
            if errors.NOT_MOUNTED not in error.stderr_tail:
                raise
        holders = await self._run_in_thread(tables.holders, name)
        if holders:
            raise Busy(f"{name} is still mounted in the namespaces of {holders}")

    async def holders(self, dataset_id: DatasetId) -> tuple[Holder, ...]:
        name, path = self._name(dataset_id), self.path(dataset_id)
        found: tuple[Holder, ...] = await self._run_in_thread(holder_search.holders, name, path)
        return found

    async def _revive_root(self) -> None:
        """Mount the pool again: it is often mounted at our root, and that mount died as well."""
        source: str | None = await self._run_in_thread(mount_status.dead_root, self._mount_root)
        if source is None:
            return
        await self._run_in_thread(mountpoints.clear, self._mount_root)
        try:
            await self._zfs(commands.mount(source))
        except FlockerError as error:
            self._log.warn(
                "the mount of {source} at {root} is dead, and mounting it again failed: {error}",
                source=source,
                root=self._mount_root,
                error=error,
            )

    def make_mountpoint(self, dataset_id: DatasetId) -> str:
        mountpoints.make(self._mount_root, dataset_id, int(self._clock.seconds()))
        return self.path(dataset_id)

    async def mount_status(self, dataset_id: DatasetId) -> MountStatus:
        return (await self.mount_statuses_of((dataset_id,)))[dataset_id]

    async def mount_statuses_of(
        self, dataset_ids: Iterable[DatasetId]
    ) -> PMap[DatasetId, MountStatus]:
        """What is at the mountpoints of these datasets."""
        sources = {dataset_id: self._name(dataset_id) for dataset_id in dataset_ids}
        found: PMap[DatasetId, MountStatus] = await self._run_in_thread(
            mount_status.look, self._mount_root, sources
        )
        return found

    @contextmanager
    def _own_change(self, dataset_id: DatasetId) -> Iterator[None]:
        """Meanwhile, changes at its mountpoint are our own, so `watch` does not report them."""
        self._changing[dataset_id] += 1
        try:
            yield
        finally:
            self._changing[dataset_id] -= 1
            self._changing += Counter()
            self._touched.add(dataset_id)

    def path(self, dataset_id: DatasetId) -> str:
        """The path at which the dataset is, or would be, mounted."""
        return f"{self._mount_root}/{dataset_id}"

    def _name(self, dataset_id: DatasetId) -> str:
        return names.filesystem(self._pool, dataset_id)


def _is_healthy(status: MountStatus | None) -> bool:
    return status is None or not (status.is_dead or status.obstacle)


def _unmount_state(
    root: str, dataset_id: DatasetId, name: str, path: str
) -> tuple[MountStatus, list[int]]:
    return mount_status.look(root, {dataset_id: name})[dataset_id], holder_search.keepers(
        name, path
    )


async def retry_while_busy(clock: IReactorTime, attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Try again while ZFS says "busy": it does so briefly after a write, unmount or receive."""
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
    return InUse(f"{dataset_id} is in use (in some mount namespace): {who}")
