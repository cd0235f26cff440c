"""IStorage in ZFS: runs the commands and parses their output."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TypeVar

from pyrsistent import PMap, pmap
from twisted.internet.defer import DeferredList, FirstError, gatherResults
from zope.interface import implementer

from flocker_lite.awaiting import deferred_of
from flocker_lite.errors import (
    Busy,
    CommandFailed,
    Conflict,
    FlockerError,
    LeaseError,
    NotFound,
)
from flocker_lite.interfaces import IStorage
from flocker_lite.interfaces.reactor import IReactor
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.model.filesystem import FoundFilesystem
from flocker_lite.model.lease import WRITERS, Lease, Role
from flocker_lite.model.machine import Capacity
from flocker_lite.model.membership import Membership
from flocker_lite.model.properties import Properties
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import AsideCopy, Holder, LocalDataset, MountStatus, Snapshot
from flocker_lite.mounts import mountpoints
from flocker_lite.processes import Run
from flocker_lite.zfs import (
    commands,
    errors,
    names,
    output,
    properties,
)
from flocker_lite.zfs.asides import Asides, release, require_alone
from flocker_lite.zfs.capabilities import Capabilities, detect
from flocker_lite.zfs.mounting import Mounting, retry_while_busy
from flocker_lite.zfs.stream_header import read_header, rejection_reason
from flocker_lite.zfs.taking import Taking

COMMAND_TIMEOUT_SECONDS = 60.0
TRANSFER_TIMEOUT_SECONDS = 7 * 24 * 3600.0

Result = TypeVar("Result")


@implementer(IStorage)
class ZfsStorage:
    """The datasets below our filesystem in `pool`; use `open_storage` to make one."""

    check_command = "zpool status"

    def __init__(
        self,
        pool: str,
        mount_root: str,
        run: Run,
        run_in_thread: RunInThread,
        clock: IReactor,
        capabilities: Capabilities,
    ) -> None:
        self._root = names.root(pool)
        self._pool = pool
        self._mount_root = mount_root
        self._run_command = run
        self._run_in_thread = run_in_thread
        self._clock = clock
        self._capabilities = capabilities
        self._held: set[tuple[DatasetId, str]] = set()
        self._mounting = Mounting(pool, mount_root, self._zfs, run_in_thread, clock)
        self._taking = Taking(self._root, self.path, self._run_zfs)
        self._asides = Asides(self._root, self.path, self._run_zfs, clock.seconds)

    def path(self, dataset_id: DatasetId) -> str:
        return f"{self._mount_root}/{dataset_id}"

    async def capacity(self) -> Capacity:
        return output.capacity(await self._run_zfs(commands.capacity(self._pool)))

    async def filesystem(self, name: str) -> FoundFilesystem | None:
        return await self._taking.filesystem(name)

    async def take(self, dataset_id: DatasetId, name: str, lease: Lease) -> None:
        await self._taking.take(dataset_id, name, lease)
        self._mounting.make_mountpoint(dataset_id)

    async def leave(self, name: str) -> None:
        await self._taking.leave(name)

    async def discover(self) -> PMap[DatasetId, LocalDataset]:
        found = await self._found()
        seen = await self._mounting.mount_statuses_of(found)
        return pmap({dataset_id: local.at(seen[dataset_id]) for dataset_id, local in found.items()})

    async def look(self, dataset_id: DatasetId) -> LocalDataset | None:
        text = await self._facts(dataset_id)
        if (text is None or output.is_unfinished(text)) and await self._asides.finish():
            text = await self._facts(dataset_id)
        if text is None:
            return None
        dataset = output.datasets(text, self._root, self.path).get(dataset_id)
        if dataset is None:
            return None
        if dataset.trouble is not None:
            raise LeaseError(dataset.trouble)
        return dataset.at(await self._mounting.mount_status(dataset_id))

    async def mount_statuses(self) -> PMap[DatasetId, MountStatus]:
        return await self._mounting.mount_statuses()

    async def seen(self) -> Mapping[str, frozenset[DatasetId]]:
        return await self._mounting.seen()

    async def watch(self, changed: Callable[[], None]) -> None:
        await self._mounting.watch(changed)

    async def mount(self, dataset_id: DatasetId) -> None:
        await self._mounting.mount(dataset_id)

    async def prepare_mountpoint(self, dataset_id: DatasetId) -> None:
        await self._mounting.prepare_mountpoint(dataset_id)

    async def unmount(self, dataset_id: DatasetId) -> None:
        await self._mounting.unmount(dataset_id)

    async def holders(self, dataset_id: DatasetId) -> tuple[Holder, ...]:
        return await self._mounting.holders(dataset_id)

    async def create(self, dataset_id: DatasetId, maximum_size: int | None, lease: Lease) -> None:
        path = self.path(dataset_id)
        await self._zfs(commands.create(self._name(dataset_id), path, maximum_size, lease))
        # Not earlier: without the pool, this would make the directory on the node's own disk.
        self._mounting.make_mountpoint(dataset_id)

    async def destroy(self, dataset_id: DatasetId) -> None:
        dataset = await self.look(dataset_id)
        if dataset is None:
            return
        if dataset.mounted:
            raise Busy(f"{dataset_id} is mounted at {dataset.path}; not destroyed")
        name = self._name(dataset_id)
        require_alone(await self._zfs(commands.facts(name)), name)
        for snapshot in dataset.snapshots:
            await self._release(dataset_id, snapshot.name)
        await self._asides.promote_clones(dataset_id)
        with suppress(NotFound):
            await retry_while_busy(self._clock, lambda: self._zfs(commands.destroy(name)))
        with suppress(OSError):
            mountpoints.remove(dataset.path)

    async def resize(self, dataset_id: DatasetId, maximum_size: int | None) -> None:
        size = "none" if maximum_size is None else str(maximum_size)
        await self._zfs(commands.set_property(self._name(dataset_id), "refquota", size))

    async def set_lease(self, dataset_id: DatasetId, lease: Lease) -> None:
        name = self._name(dataset_id)
        if lease.role in WRITERS and self._capabilities.sets_several:
            both = {names.LEASE_PROPERTY: str(lease), "readonly": "off"}
            await self._zfs(commands.set_properties(name, both))
            return
        await self._zfs(commands.set_property(name, names.LEASE_PROPERTY, str(lease)))
        if lease.role in (Role.REPLICA, Role.DEPOSED):
            await self._zfs(commands.inherit(name, "readonly"))

    async def set_membership(self, dataset_id: DatasetId, membership: Membership | None) -> None:
        name = self._name(dataset_id)
        if membership is None:
            await self._zfs(commands.inherit(name, names.GROUP_PROPERTY))
        else:
            await self._zfs(commands.set_property(name, names.GROUP_PROPERTY, str(membership)))

    async def properties(self, dataset_id: DatasetId) -> Properties:
        return await properties.read(self._run_zfs, self._name(dataset_id))

    async def set_properties(self, dataset_id: DatasetId, desired: Properties) -> tuple[str, ...]:
        return await properties.write(self._run_zfs, self._name(dataset_id), desired)

    async def snapshot(self, dataset_id: DatasetId, name: str) -> Snapshot:
        filesystem = self._name(dataset_id)
        command = commands.snapshot(filesystem, name)
        try:
            await retry_while_busy(self._clock, lambda: self._zfs(command))
        except Busy:
            if not await self._mounting.replay(dataset_id):
                raise
            await retry_while_busy(self._clock, lambda: self._zfs(command))
        return Snapshot(name, (await self._zfs(commands.guid(filesystem, name))).strip())

    async def snapshot_all(self, names: Mapping[DatasetId, str]) -> Mapping[DatasetId, Snapshot]:
        if len(names) < 2 or not self._capabilities.snapshots_several:
            return {each: await self.snapshot(each, name) for each, name in names.items()}
        taken = {self._name(dataset_id): name for dataset_id, name in names.items()}
        await retry_while_busy(self._clock, lambda: self._zfs(commands.snapshots(taken)))
        return {
            dataset_id: Snapshot(
                name, (await self._zfs(commands.guid(self._name(dataset_id), name))).strip()
            )
            for dataset_id, name in names.items()
        }

    async def destroy_snapshot(self, dataset_id: DatasetId, name: str) -> None:
        await self._release(dataset_id, name)
        command = commands.destroy_snapshot(self._name(dataset_id), name)
        with suppress(NotFound):
            await retry_while_busy(self._clock, lambda: self._zfs(command))

    async def estimate(
        self, dataset_id: DatasetId, base: str | None, snapshot: str | None
    ) -> int | None:
        name = self._name(dataset_id)
        if snapshot is not None and self._capabilities.estimates:
            command = commands.estimate(name, base, snapshot)
            return output.estimated_bytes(await self._zfs(command))
        if base is not None and not self._capabilities.estimates:
            return None
        # A stream is about as large as the data in it.
        key = "referenced" if base is None else f"written@{base}"
        return output.size_bytes(await self._zfs(commands.value(name, key)))

    async def held_bytes(self, dataset_id: DatasetId) -> int | None:
        command = commands.value(self._name(dataset_id), "usedbysnapshots")
        return output.size_bytes(await self._zfs(command))

    async def send(self, dataset_id: DatasetId, base: str | None, snapshot: str, fd: int) -> None:
        command = commands.send(self._name(dataset_id), base, snapshot)
        # Hold the snapshots until we prune them, so that nobody destroys the next increment's base.
        held = [self._hold(dataset_id, name) for name in (base, snapshot) if name is not None]
        await _all(self._transfer(command, {1: fd}), *held)

    async def send_rest(self, dataset_id: DatasetId, resume_token: str, fd: int) -> None:
        self._name(dataset_id)
        if not (self._capabilities.resumes and names.is_resume_token(resume_token)):
            raise Conflict(f"{dataset_id}: this node's ZFS cannot resume from {resume_token!r}")
        await self._transfer(commands.send_rest(resume_token), {1: fd})

    async def receive(self, dataset_id: DatasetId, fd: int) -> None:
        name = self._name(dataset_id)
        # Ask before the stream begins, so that the move does not wait for the answer at its end.
        has_mountpoint = await self._has_mountpoint(dataset_id)
        reason = rejection_reason(await read_header(fd, self._clock))
        if reason is not None:
            raise FlockerError(f"{dataset_id}: this node refuses the stream: {reason}")
        await self._transfer(commands.receive(name, self._capabilities.resumes), {0: fd})
        if not has_mountpoint:
            # A full stream made the copy. It inherits "mountpoint=none" from our root, so nothing
            # can have mounted it yet. The mountpoint comes last: ZFS mounts a filesystem as soon as
            # it may, and after a crash in between the next receive continues here.
            await self._zfs(commands.set_property(name, "canmount", "noauto"))
            path = self._mounting.make_mountpoint(dataset_id)
            await self._zfs(commands.set_property(name, "mountpoint", path))

    async def resume_token(self, dataset_id: DatasetId) -> str | None:
        name = self._name(dataset_id)
        if not self._capabilities.resumes:
            return None
        try:
            return output.resume_token(await self._zfs(commands.resume_token(name)))
        except NotFound:
            return None

    async def discard_partial(self, dataset_id: DatasetId) -> None:
        name = self._name(dataset_id)
        if not self._capabilities.resumes:
            return
        try:
            await retry_while_busy(self._clock, lambda: self._zfs(commands.discard_partial(name)))
        except NotFound:
            pass
        except CommandFailed as error:
            if errors.NOTHING_PARTIAL not in error.stderr_tail:
                raise

    async def set_aside(self, dataset_id: DatasetId, reason: str) -> str:
        dataset = await self.look(dataset_id)
        if dataset is None:
            raise NotFound(f"{dataset_id}: there is no copy here to set aside")
        if dataset.mounted:
            raise Busy(f"{dataset_id} is mounted at {dataset.path}; not set aside")
        self._held -= {(dataset_id, snapshot.name) for snapshot in dataset.snapshots}
        return await self._asides.set_aside(dataset_id, reason)

    async def continue_from(self, dataset_id: DatasetId, snapshot: str, reason: str) -> str:
        dataset = await self.look(dataset_id)
        if dataset is None:
            raise NotFound(f"{dataset_id}: there is no copy here to continue from {snapshot}")
        if dataset.mounted:
            raise Busy(f"{dataset_id} is mounted at {dataset.path}; nothing is set aside")
        # ZFS keeps the holds on snapshots that stay; names of the other ones may be used again.
        self._held -= {(dataset_id, each.name) for each in dataset.snapshots}
        return await self._asides.set_aside_after(dataset_id, snapshot, reason)

    async def asides(self) -> PMap[str, AsideCopy]:
        return await self._asides.all()

    async def destroy_aside(self, name: str) -> None:
        await self._asides.destroy(name)

    def _name(self, dataset_id: DatasetId) -> str:
        return names.filesystem(self._pool, dataset_id)

    async def _found(self) -> PMap[DatasetId, LocalDataset]:
        text = await self._zfs(commands.facts(self._root))
        if not output.is_unfinished(text):
            return output.datasets(text, self._root, self.path)
        try:
            await self._asides.finish()
        except FlockerError as error:
            return output.with_unfinished(text, self._root, self.path, str(error))
        return output.datasets(await self._zfs(commands.facts(self._root)), self._root, self.path)

    async def _facts(self, dataset_id: DatasetId) -> str | None:
        with suppress(NotFound):
            return await self._zfs(commands.facts(self._name(dataset_id)))
        return None

    async def _has_mountpoint(self, dataset_id: DatasetId) -> bool:
        try:
            text = await self._zfs(commands.value(self._name(dataset_id), "mountpoint"))
        except NotFound:
            return False
        return text.strip() == self.path(dataset_id)

    async def _hold(self, dataset_id: DatasetId, snapshot: str) -> None:
        if (dataset_id, snapshot) in self._held:
            return
        try:
            await self._zfs(commands.hold(self._name(dataset_id), snapshot))
        except CommandFailed as error:
            if errors.TAG_EXISTS not in error.stderr_tail:
                raise
        self._held.add((dataset_id, snapshot))

    async def _release(self, dataset_id: DatasetId, snapshot: str) -> None:
        self._held.discard((dataset_id, snapshot))
        await release(self._run_zfs, self._name(dataset_id), snapshot)

    async def _transfer(self, argv: tuple[str, ...], fds: dict[int, int]) -> None:
        await self._zfs(argv, fds, TRANSFER_TIMEOUT_SECONDS)

    async def _zfs(
        self,
        argv: tuple[str, ...],
        fds: dict[int, int] | None = None,
        timeout_seconds: float = COMMAND_TIMEOUT_SECONDS,
    ) -> str:
        try:
            printed = await self._run_command(argv, timeout_seconds=timeout_seconds, fds=fds)
        except CommandFailed as error:
            raise errors.meaning(error) from None
        return printed.decode("utf-8", "replace")

    async def _run_zfs(self, argv: tuple[str, ...], *, again: bool = False) -> str:
        if again:
            return await retry_while_busy(self._clock, lambda: self._zfs(argv))
        return await self._zfs(argv)


async def open_storage(
    pool: str, mount_root: str, run: Run, run_in_thread: RunInThread, clock: IReactor
) -> ZfsStorage:
    """Make our root in the pool if it is missing, and detect what this ZFS can do."""
    if not names.is_pool(pool):
        raise FlockerError(f"{pool!r} is not the name of a ZFS pool or filesystem")
    root = names.root(pool)
    try:
        await run(commands.make_root(root))
    except CommandFailed as error:
        match errors.meaning(error):
            case Conflict():
                pass
            case NotFound():
                raise NotFound(
                    f"there is no ZFS pool {pool!r}: make one with `zpool create {pool} DISK`, or "
                    "name another with --pool"
                ) from None
            case meaning:
                raise meaning from None
    capabilities = await detect(run, root)
    return ZfsStorage(pool, mount_root, run, run_in_thread, clock, capabilities)


async def _all(*awaitables: Awaitable[object]) -> None:
    """Await all at the same time; when one fails, end the others and raise its error."""
    deferreds = [deferred_of(item) for item in awaitables]
    try:
        await gatherResults(deferreds, consumeErrors=True)
    except FirstError as error:
        for deferred in deferreds:
            deferred.cancel()
        # Wait until their commands are gone, so that no process outlives its caller.
        await DeferredList(deferreds, consumeErrors=True)
        error.subFailure.raiseException()
