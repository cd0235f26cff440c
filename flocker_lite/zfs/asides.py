"""What is set aside of copies: clone and promote, what a crash in between leaves, and letting go.

A copy goes on from one of its snapshots in these steps, each of them one command:

    mark the copy          zfs set flocker:continues=SNAPSHOT COPY
    put it out of the way  zfs rename COPY ASIDE
    go on from there       zfs clone -o flocker:lease=... -o ... ASIDE@SNAPSHOT COPY
    have the snapshots     zfs promote COPY
    have its own place     zfs set mountpoint=... COPY
    take the marks off     zfs inherit flocker:continues ASIDE, and COPY

(The mountpoint comes last, for zfs-fuse mounts what it clones, whatever canmount says.)

Whoever finds a mark goes on at the step that it was left at (`finish`). What was set aside is a
clone of a snapshot of the copy then, which cannot be destroyed before it.
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
from flocker_lite.zfs.output import Kin

Argv = tuple[str, ...]


class Run(Protocol):
    """Runs a command of ZFS; with `again`, once more for a while as long as it says "busy"."""

    def __call__(
        self, argv: Argv, *, again: bool = False
    ) -> Awaitable[str]: ...  # pragma: no cover


class Asides:
    """The filesystems below `root` that were set aside, or are about to be."""

    def __init__(
        self, root: str, path: Callable[[DatasetId], str], run: Run, seconds: Callable[[], float]
    ) -> None:
        self._root = root
        self._path = path
        self._run = run
        self._seconds = seconds
        self._lock = DeferredLock()

    async def all(self) -> PMap[str, AsideCopy]:
        """What was set aside, in this release or an earlier one, by its name."""
        found = {}
        for name, kin in (await self._kin()).items():
            parts = names.of_aside(name)
            if parts is not None:
                found[name] = AsideCopy(name, *parts, kin.size_bytes)
        return pmap(found)

    async def whole(self, dataset_id: DatasetId, reason: str) -> str:
        """Put a whole copy out of the way, which nothing that is known continues."""
        async with self._turn():
            name = self._free_name(await self._kin(), dataset_id, reason)
            await self._put_away(dataset_id, name)
        return name

    async def later_than(self, dataset_id: DatasetId, snapshot: str, reason: str) -> str:
        """Put what a copy has after one of its snapshots out of the way; it goes on from there."""
        async with self._turn():
            name = self._free_name(await self._kin(), dataset_id, reason)
            # Asked for before anything is done: a snapshot that is not there is NotFound.
            await self._run(commands.guid(self._full(dataset_id), snapshot))
            await self._set_mark(dataset_id, snapshot)
            await self._put_away(dataset_id, name)
            await self._finish()
        return name

    async def finish(self) -> bool:
        """Go on with whatever was cut off; whether there was anything to do.

        While this process itself is at it, that is waited for.
        """
        async with self._turn():
            return await self._finish()

    async def destroy(self, name: str) -> None:
        """Destroy what was set aside; what stems from it lives on by itself."""
        if names.of_aside(name) is None:
            raise ValueError(f"not the name of what was set aside: {name!r}")
        async with self._turn():
            await self._finish()
            kin = (await self._kin()).get(name)
            if kin is None:
                return
            if kin.mounted:
                raise Busy(f"{kin.name} is mounted: say `zfs unmount {kin.name}`; not destroyed")
            await self._free(name)
            for snapshot in await self._snapshots(name):
                await release(self._run, kin.name, snapshot)
            await self._run(commands.destroy(kin.name), again=True)

    async def free(self, dataset_id: DatasetId) -> None:
        """Have what was set aside of a copy live on without the copy."""
        async with self._turn():
            await self._free(dataset_id)

    async def _free(self, name: str) -> None:
        """Promote what stems from a filesystem, one after the other: each changes the origins."""
        for _ in range(len(await self._kin())):
            rows = await self._kin()
            heirs = [kin for kin in rows.values() if _stems_from(kin, self._full(name))]
            if not heirs:
                return
            await self._run(commands.promote(heirs[0].name), again=True)

    async def _finish(self) -> bool:
        rows = await self._kin()
        marked = {name: kin for name, kin in rows.items() if kin.continues is not None}
        for name, kin in marked.items():
            parts = names.of_aside(name)
            if parts is not None and kin.continues is not None:
                await self._go_on(parts[0], rows.get(parts[0]), kin, kin.continues)
        for name in marked:
            if names.is_dataset_id(name):
                await self._clear_mark(name)
        return bool(marked)

    async def _go_on(
        self, dataset_id: DatasetId, copy: Kin | None, aside: Kin, snapshot: str
    ) -> None:
        origin = f"{aside.name}@{snapshot}"
        if copy is None:
            if names.LEASE_PROPERTY not in aside.written_on:
                raise Conflict(f"{aside.name} has no lease that the copy could go on with")
            name, size = self._full(dataset_id), aside.maximum_size
            clone = commands.clone(origin, name, size, aside.written_on)
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

    async def _put_away(self, dataset_id: DatasetId, name: str) -> None:
        rename = commands.rename(self._full(dataset_id), self._full(name))
        await self._run(rename, again=True)
        # Its place is free for another copy.
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

    async def _kin(self) -> dict[str, Kin]:
        return output.kin(await self._run(commands.kin(self._root)), self._root)

    def _free_name(self, rows: dict[str, Kin], dataset_id: DatasetId, reason: str) -> str:
        if dataset_id not in rows:
            raise NotFound(f"{dataset_id}: there is no copy here to keep aside")
        seconds = int(self._seconds())
        while (name := names.aside(dataset_id, reason, seconds)) in rows:
            seconds += 1
        return name

    def _full(self, name: str) -> str:
        return f"{self._root}/{name}"

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One at a time: what is half done is not for another to go on with."""
        await self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()


async def release(run: Run, name: str, snapshot: str) -> None:
    """Hold a snapshot of a filesystem no longer. Idempotent."""
    try:
        await run(commands.release(name, snapshot))
    except NotFound:
        pass
    except CommandFailed as error:
        if errors.NO_SUCH_TAG not in error.stderr_tail:
            raise


def _stems_from(kin: Kin, name: str) -> bool:
    return kin.origin is not None and kin.origin.startswith(f"{name}@")
