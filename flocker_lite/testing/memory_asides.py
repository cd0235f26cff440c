"""The part of `MemoryStorage` that sets copies aside."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pyrsistent import PMap, pmap
from twisted.internet.defer import DeferredLock

from flocker_lite.errors import Busy, NotFound
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import AsideCopy, LocalDataset

Content = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy on this node's disk; `frozen` has the content of each snapshot, by guid.

    `properties` are those that users set on it; `noted` are those that this node could not set.
    """

    local: LocalDataset
    content: Content = ()
    frozen: PMap[str, Content] = field(default_factory=pmap)
    properties: PMap[str, str] = field(default_factory=pmap)
    noted: PMap[str, str] = field(default_factory=pmap)

    @property
    def measured(self) -> LocalDataset:
        """The copy with its size: that of each text which it or a snapshot of it has."""
        texts = set(self.content).union(*self.frozen.values())
        return replace(self.local, size_bytes=sum(map(len, texts)))


@dataclass
class MemoryAsides:
    """The copies, the asides, and what is being set aside.

    `origins` has for each aside the guid of the snapshot that it is a clone of. `unfinished` has
    the copies of which a part is being set aside, with the aside's name and the snapshot from which
    the copy continues.
    """

    copies: dict[DatasetId, Copy] = field(default_factory=dict, init=False)
    partial: dict[DatasetId, bytes] = field(default_factory=dict, init=False)
    aside: dict[str, Copy] = field(default_factory=dict, init=False)
    origins: dict[str, str] = field(default_factory=dict, init=False)
    unfinished: dict[DatasetId, tuple[str, str]] = field(default_factory=dict, init=False)
    _asides: int = field(default=0, init=False)
    _setting_aside: DeferredLock = field(default_factory=DeferredLock, init=False)

    async def continue_from(self, dataset_id: DatasetId, snapshot: str, reason: str) -> str:
        await self._begin("continue_from", dataset_id)
        copy = self._copy(dataset_id)
        if copy.local.mounted:
            raise Busy(f"{dataset_id} is mounted")
        if snapshot not in {each.name for each in copy.local.snapshots}:
            raise NotFound(f"{dataset_id}@{snapshot} does not exist")
        await self._begin("rename", dataset_id)
        name = self._rename_away(dataset_id, reason)
        self.unfinished[dataset_id] = (name, snapshot)
        await self._finished(dataset_id)
        return name

    async def asides(self) -> PMap[str, AsideCopy]:
        await self._begin("asides", "")
        return pmap(
            {
                name: AsideCopy(name, *_parts(name), sum(map(len, copy.content)))
                for name, copy in self.aside.items()
            }
        )

    async def destroy_aside(self, name: str) -> None:
        await self._begin("destroy_aside", _parts(name)[0])
        for dataset_id, (unfinished, _) in list(self.unfinished.items()):
            if unfinished == name:
                await self._finished(dataset_id)
        self.aside.pop(name, None)
        self.origins.pop(name, None)

    async def _finished(self, dataset_id: DatasetId) -> LocalDataset:
        """Finish setting aside what an earlier call began, and return the copy."""
        await self._setting_aside.acquire()
        try:
            if dataset_id in self.unfinished:
                name, snapshot = self.unfinished[dataset_id]
                await self._begin("clone", dataset_id)
                await self._begin("promote", dataset_id)
                self._split(dataset_id, self.aside[name], name, snapshot)
                del self.unfinished[dataset_id]
        finally:
            self._setting_aside.release()
        return self.copies[dataset_id].local

    def _split(self, dataset_id: DatasetId, original: Copy, name: str, snapshot: str) -> None:
        length = [each.name for each in original.local.snapshots].index(snapshot) + 1
        kept, split_off = original.local.snapshots[:length], original.local.snapshots[length:]
        content = original.frozen[kept[-1].guid]
        local = replace(original.local, snapshots=kept)
        self.copies[dataset_id] = Copy(local, content, original.frozen)
        self.aside[name] = replace(original, local=replace(original.local, snapshots=split_off))
        self.origins[name] = kept[-1].guid

    def _rename_away(self, dataset_id: DatasetId, reason: str) -> str:
        self._asides += 1
        name = f"{dataset_id}.{reason}-{self._asides}"
        self.aside[name] = self.copies.pop(dataset_id)
        self.partial.pop(dataset_id, None)
        return name

    def _copy(self, dataset_id: DatasetId) -> Copy:
        raise NotImplementedError

    async def _begin(self, method: str, dataset_id: DatasetId) -> None:
        raise NotImplementedError


def _parts(name: str) -> tuple[DatasetId, str, int]:
    dataset_id, _, rest = name.partition(".")
    reason, _, number = rest.partition("-")
    return dataset_id, reason, int(number)
