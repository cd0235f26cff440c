"""Makes a filesystem that somebody made a copy of ours, by renaming it: nothing is copied."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from flocker_lite.errors import CommandFailed, Conflict, NotFound
from flocker_lite.model.filesystem import FoundFilesystem
from flocker_lite.model.lease import Lease
from flocker_lite.model.records import DatasetId
from flocker_lite.zfs import commands, errors, output
from flocker_lite.zfs.asides import Run
from flocker_lite.zfs.names import LEASE_PROPERTY, is_pool


class Taking:
    """The filesystems of the pool that are none of ours; `root` is the parent of those that are."""

    def __init__(self, root: str, path: Callable[[DatasetId], str], run: Run) -> None:
        self._root = root
        self._path = path
        self._run = run

    async def filesystem(self, name: str) -> FoundFilesystem | None:
        """The filesystem of that name in our pool; None when there is none."""
        if not is_pool(name) or self._pool_of(name) != self._pool_of(self._root):
            return None
        with suppress(NotFound):
            return output.found_filesystem(await self._run(commands.found(name)), name, self._root)
        return None

    async def take(self, dataset_id: DatasetId, name: str, lease: Lease) -> None:
        """Rename it below our root, and write the lease as the last thing.

        Until then its copy has no lease, so nobody touches it but the next call of this.
        """
        target = f"{self._root}/{dataset_id}"
        found, is_there = await self.filesystem(name), await self._exists(target)
        if found is not None and is_there:
            raise Conflict(f"{target} exists already; {name} was left as it is")
        if found is None and not is_there:
            raise NotFound(f"there is no filesystem {name} in this pool")
        if found is not None:
            if found.why_not is not None:
                raise Conflict(f"{name} cannot become a dataset: {found.why_not}")
            await self._unmount(name)
            await self._run(commands.rename(name, target), again=True)
        await self._run(commands.set_property(target, "canmount", "noauto"))
        await self._run(commands.set_property(target, "mountpoint", self._path(dataset_id)))
        await self._run(commands.set_property(target, LEASE_PROPERTY, str(lease)))

    async def leave(self, name: str) -> None:
        """Mount it again, where its owner has it; idempotent."""
        with suppress(NotFound, CommandFailed):
            await self._run(commands.mount(name))

    async def _unmount(self, name: str) -> None:
        try:
            await self._run(commands.unmount(name), again=True)
        except CommandFailed as error:
            if errors.NOT_MOUNTED not in error.stderr_tail:
                raise

    async def _exists(self, name: str) -> bool:
        try:
            await self._run(commands.value(name, "type"))
        except NotFound:
            return False
        return True

    @staticmethod
    def _pool_of(name: str) -> str:
        return name.partition("/")[0]
