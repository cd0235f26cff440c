"""Sets copies, or parts of them, aside; finishes that after a crash; destroys asides.

These steps set aside what a copy has after one of its snapshots. Each step is one command:

    mark the copy          zfs set flocker:continues=SNAPSHOT COPY
    move it out of the way zfs rename COPY ASIDE
    clone the snapshot     zfs clone -o flocker:lease=... -o ... ASIDE@SNAPSHOT COPY
    take the snapshots     zfs promote COPY
    set the mountpoint     zfs set mountpoint=... COPY
    remove the marks       zfs inherit flocker:continues ASIDE, and COPY

(The mountpoint comes last, because zfs-fuse mounts a clone whatever its canmount says.)

After a crash, `finish` finds the mark and does the steps that are missing. The aside ends up as a
clone of a snapshot of the copy, so ZFS does not destroy that snapshot before the aside.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from pyrsistent import PMap, pmap
from twisted.internet.defer import DeferredLock

from flocker_lite.errors import Busy, CommandFailed, Conflict, NotFound
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import AsideCopy
from flocker_lite.zfs import commands, errors, names, output
from flocker_lite.zfs.output import Filesystem

Argv = tuple[str, ...]

BELOW_NAMED_MAX = 4
"""How many filesystems an error names at most, so that it stays readable."""


class Run(Protocol):
    """Runs a command of ZFS; with `again`, repeats it for a while if ZFS says "busy"."""

    def __call__(
        self, argv: Argv, *, again: bool = False
    ) -> Awaitable[str]: ...  # pragma: no cover


class Asides:
    """The filesystems below `root` that are set aside, or are being set aside."""

    def __init__(
        self, root: str, path: Callable[[DatasetId], str], run: Run, seconds: Callable[[], float]
    ) -> None:
        self._root = root
        self._path = path
        self._run = run
        self._seconds = seconds
        self._lock = DeferredLock()

    async def all(self) -> PMap[str, AsideCopy]:
        """All asides, from this release or an earlier one, by name."""
        found = {}
        for name, filesystem in (await self._filesystems()).items():
            parts = names.of_aside(name)
            if parts is not None:
                found[name] = AsideCopy(name, *parts, filesystem.size_bytes)
        return pmap(found)

    async def set_aside(self, dataset_id: DatasetId, reason: str) -> str:
        """Set aside a whole copy; returns the aside's name."""
        async with self._exclusively():
            name = self._unused_name(await self._filesystems(), dataset_id, reason)
            await self._rename_away(dataset_id, name)
        return name

    async def set_aside_after(self, dataset_id: DatasetId, snapshot: str, reason: str) -> str:
        """Set aside what a copy has after one of its snapshots; returns the aside's name."""
        async with self._exclusively():
            name = self._unused_name(await self._filesystems(), dataset_id, reason)
            # Raises NotFound for a missing snapshot before anything is changed.
            await self._run(commands.guid(self._full(dataset_id), snapshot))
            await self._set_mark(dataset_id, snapshot)
            await self._rename_away(dataset_id, name)
            await self._finish()
        return name

    async def finish(self) -> bool:
        """Finish what a crash interrupted; returns whether there was anything to finish.

        If this process is setting something aside right now, wait for that.
        """
        async with self._exclusively():
            return await self._finish()

    async def destroy(self, name: str) -> None:
        """Destroy an aside; clones of it stay, independent of it."""
        if names.of_aside(name) is None:
            raise ValueError(f"not the name of an aside: {name!r}")
        async with self._exclusively():
            await self._finish()
            full, filesystem = self._full(name), (await self._filesystems()).get(name)
            if filesystem is None:
                return
            if filesystem.mounted:
                raise Busy(f"{full} is mounted, so it stays: run `zfs unmount {full}`")
            require_alone(await self._run(commands.facts(full)), full)
            await self._promote_clones(name)
            for snapshot in await self._snapshots(name):
                await release(self._run, full, snapshot)
            await self._run(commands.destroy(full), again=True)

    async def promote_clones(self, dataset_id: DatasetId) -> None:
        """Make the asides of a copy independent of it, so that ZFS can destroy the copy."""
        async with self._exclusively():
            await self._promote_clones(dataset_id)

    async def _promote_clones(self, name: str) -> None:
        """Promote the clones of a filesystem one by one; each promotion changes the origins."""
        for _ in range(len(await self._filesystems())):
            rows = await self._filesystems()
            clones = [each for each in rows.values() if _is_clone_of(each, self._full(name))]
            if not clones:
                return
            await self._run(commands.promote(clones[0].name), again=True)

    async def _finish(self) -> bool:
        rows = await self._filesystems()
        marked = {name: each for name, each in rows.items() if each.continues is not None}
        for name, aside in marked.items():
            parts = names.of_aside(name)
            if parts is not None and aside.continues is not None:
                await self._resume(parts[0], rows.get(parts[0]), aside, aside.continues)
        for name in marked:
            if names.is_dataset_id(name):
                await self._clear_mark(name)
        return bool(marked)

    async def _resume(
        self, dataset_id: DatasetId, copy: Filesystem | None, aside: Filesystem, snapshot: str
    ) -> None:
        origin = f"{aside.name}@{snapshot}"
        if copy is None:
            if names.LEASE_PROPERTY not in aside.agent_properties:
                raise Conflict(f"{aside.name} has no lease, so the copy cannot be cloned from it")
            name, size = self._full(dataset_id), aside.maximum_size
            clone = commands.clone(origin, name, size, aside.agent_properties)
            await self._run(clone, again=True)
        if copy is None or copy.origin == origin:
            await self._run(commands.promote(self._full(dataset_id)), again=True)
        if copy is None or copy.continues is not None:
            path = self._path(dataset_id)
            await self._run(commands.set_property(self._full(dataset_id), "mountpoint", path))
        await self._run(commands.inherit(aside.name, "mountpoint"))
        await self._clear_mark(aside.name.removeprefix(f"{self._root}/"))
        if copy is None:
            await self._clear_mark(dataset_id)

    async def _rename_away(self, dataset_id: DatasetId, name: str) -> None:
        rename = commands.rename(self._full(dataset_id), self._full(name))
        await self._run(rename, again=True)
        # Free its mountpoint for another copy.
        await self._run(commands.inherit(self._full(name), "mountpoint"))

    async def _set_mark(self, dataset_id: DatasetId, snapshot: str) -> None:
        name = self._full(dataset_id)
        await self._run(commands.set_property(name, names.CONTINUES_PROPERTY, snapshot))

    async def _clear_mark(self, name: str) -> None:
        await self._run(commands.inherit(self._full(name), names.CONTINUES_PROPERTY))

    async def _snapshots(self, name: str) -> list[str]:
        rows = await self._run(commands.facts(self._full(name)))
        whole = {row.partition("\t")[0] for row in rows.splitlines()}
        return sorted(item.partition("@")[2] for item in whole if "@" in item)

    async def _filesystems(self) -> dict[str, Filesystem]:
        return output.filesystems(await self._run(commands.filesystems(self._root)), self._root)

    def _unused_name(self, rows: dict[str, Filesystem], dataset_id: DatasetId, reason: str) -> str:
        if dataset_id not in rows:
            raise NotFound(f"{dataset_id}: there is no copy here to set aside")
        seconds = int(self._seconds())
        while (name := names.aside(dataset_id, reason, seconds)) in rows:
            seconds += 1
        return name

    def _full(self, name: str) -> str:
        return f"{self._root}/{name}"

    @asynccontextmanager
    async def _exclusively(self) -> AsyncIterator[None]:
        """Run one operation at a time: a half-done one looks like the work of a crashed agent."""
        await self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()


def require_alone(facts: str, name: str) -> None:
    """Conflict when users made filesystems below this one, which would be destroyed with it."""
    others = output.below(facts, name)
    if others:
        raise Conflict(
            f"{name} is not destroyed, because that would destroy others' filesystems below it as "
            f"well: {', '.join(others[:BELOW_NAMED_MAX])}. Rename or destroy them"
        )


async def release(run: Run, name: str, snapshot: str) -> None:
    """Release our hold on a snapshot of a filesystem. Idempotent."""
    try:
        await run(commands.release(name, snapshot))
    except NotFound:
        pass
    except CommandFailed as error:
        if errors.NO_SUCH_TAG not in error.stderr_tail:
            raise


def _is_clone_of(filesystem: Filesystem, name: str) -> bool:
    return filesystem.origin is not None and filesystem.origin.startswith(f"{name}@")
