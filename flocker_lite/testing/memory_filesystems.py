"""The part of `MemoryStorage` that has the whole storage, and what others have in it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from flocker_lite.errors import Busy, Conflict, NotFound
from flocker_lite.model.filesystem import FoundFilesystem
from flocker_lite.model.lease import Lease
from flocker_lite.model.machine import Capacity
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import LocalDataset
from flocker_lite.testing.memory_asides import Content, Copy
from flocker_lite.testing.memory_properties import MemoryProperties

CAPACITY = Capacity(10**12, 9 * 10**11)


@dataclass
class MemoryFilesystems(MemoryProperties):
    """`found` has the filesystems of others, by name, and `texts` what is in them.

    Somebody uses those in `used`. `unmounted` are those that `take` unmounted.
    `held_by_snapshots` is what the snapshots of copies hold, in bytes.
    """

    found: dict[str, FoundFilesystem] = field(default_factory=dict)
    texts: dict[str, Content] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    unmounted: set[str] = field(default_factory=set)
    held_by_snapshots: dict[DatasetId, int] = field(default_factory=dict)

    async def capacity(self) -> Capacity:
        await self._begin("capacity", "")
        return CAPACITY

    async def held_bytes(self, dataset_id: DatasetId) -> int | None:
        await self._begin("held_bytes", dataset_id)
        return self.held_by_snapshots.get(dataset_id, 0)

    async def filesystem(self, name: str) -> FoundFilesystem | None:
        await self._begin("filesystem", name)
        return self.found.get(name)

    async def take(self, dataset_id: DatasetId, name: str, lease: Lease) -> None:
        await self._begin("take", dataset_id)
        found, copy = self.found.get(name), self.copies.get(dataset_id)
        if found is not None and copy is not None:
            raise Conflict(f"{dataset_id} exists already; {name} was left as it is")
        if found is None and copy is None:
            raise NotFound(f"there is no filesystem {name}")
        if found is not None:
            if found.why_not is not None:
                raise Conflict(f"{name} cannot become a dataset: {found.why_not}")
            if name in self.used:
                raise Busy(f"{name} is busy")
            self.unmounted.add(name)
            await self._begin("rename", dataset_id)
            path = f"/flocker/{dataset_id}"
            local = LocalDataset(dataset_id, None, False, path, found.maximum_size)
            self.copies[dataset_id] = Copy(local, self.texts.pop(name, ()))
            del self.found[name]
        await self._begin("write the lease", dataset_id)
        copy = self.copies[dataset_id]
        self.copies[dataset_id] = replace(copy, local=replace(copy.local, lease=lease))

    async def leave(self, name: str) -> None:
        await self._begin("leave", name)
        self.unmounted.discard(name)
