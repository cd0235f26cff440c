"""The part of `MemoryStorage` that has the properties that users set on copies."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from flocker_lite.errors import FlockerError
from flocker_lite.model.properties import NAMES, Properties, travels
from flocker_lite.model.records import DatasetId
from flocker_lite.testing.memory_asides import Copy, MemoryAsides

RECORD_BYTES_MIN = 512


@dataclass
class MemoryProperties(MemoryAsides):
    """`unsupported` has the properties that this ZFS lacks and the values that it refuses."""

    unsupported: set[str] = field(default_factory=set)

    def set_property(self, dataset_id: DatasetId, name: str, value: str | None) -> None:
        """Do what a user does with `zfs set`, or with `zfs inherit` for None."""
        if {name, value} & self.unsupported or (name == "recordsize" and not _is_size(value)):
            raise FlockerError(f"{name}={value}: this ZFS does not support that")
        copy = self._copy(dataset_id)
        had = copy.properties.discard(name)
        have = had if value is None else had.set(name, value)
        self.copies[dataset_id] = replace(copy, properties=have)

    async def properties(self, dataset_id: DatasetId) -> Properties:
        await self._begin("properties", dataset_id)
        copy = self._copy(dataset_id)
        return {**self._own(copy), **copy.noted, **copy.properties}

    async def set_properties(
        self, dataset_id: DatasetId, properties: Properties
    ) -> tuple[str, ...]:
        await self._begin("set_properties", dataset_id)
        own = self._own(self._copy(dataset_id))
        noted, failed = self._copy(dataset_id).noted, []
        for name, value in sorted(properties.items()):
            if not travels(name, value):
                raise ValueError(f"{name}={value}")
            noted = noted.discard(name)
            try:
                if own.get(name) != value:
                    self.set_property(dataset_id, name, value)
            except FlockerError as error:
                failed.append(str(error))
                if value is not None:
                    noted = noted.set(name, value)
        self.copies[dataset_id] = replace(self._copy(dataset_id), noted=noted)
        return tuple(failed)

    def _own(self, copy: Copy) -> dict[str, str | None]:
        return {name: copy.properties.get(name) for name in NAMES - self.unsupported}


def _is_size(value: str | None) -> bool:
    size = int(value) if value is not None else RECORD_BYTES_MIN
    return size >= RECORD_BYTES_MIN and size & (size - 1) == 0
