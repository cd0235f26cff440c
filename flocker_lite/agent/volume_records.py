"""IVolumeRecords in a file: which volumes Docker has here, and what was stopped for their moves."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from pyrsistent import PMap, pmap
from zope.interface import implementer

from flocker_lite.agent.record_file import RecordFile
from flocker_lite.errors import ConfigurationFileError
from flocker_lite.interfaces import IVolumeRecords
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.model.records import DatasetId
from flocker_lite.model.volumes import KnownVolume

FILE_NAME = "volumes.json"
BOOT_FILE_NAME = "awaited-mounts.json"
ADVICE = (
    "it says which volumes Docker has here. Remove it, and `docker volume create` each of them "
    "again; their data stays where it is"
)


@dataclass(frozen=True, slots=True)
class _Content:
    volumes: PMap[str, KnownVolume] = field(default_factory=pmap)
    stopped: PMap[DatasetId, tuple[str, ...]] = field(default_factory=pmap)


@implementer(IVolumeRecords)
class VolumeRecordsFile:
    """The records, in a file of this directory that exists once there is one.

    Raises ConfigurationFileError when the file cannot be read or written, or is damaged.
    """

    def __init__(
        self, directory: Path, run_in_thread: RunInThread, boot_directory: Path | None = None
    ) -> None:
        """`boot_directory` is emptied by each boot: the awaited mounts are there."""
        self._file = RecordFile(directory / FILE_NAME, _Content, run_in_thread, ADVICE)
        self._boot_file = (boot_directory or directory) / BOOT_FILE_NAME
        self.awaited = self._load_awaited()

    @property
    def known(self) -> PMap[str, KnownVolume]:
        return self._file.record.volumes

    @property
    def stopped(self) -> PMap[DatasetId, tuple[str, ...]]:
        return self._file.record.stopped

    def note_awaited(
        self, awaited: Mapping[DatasetId, Mapping[str, Collection[str] | None]]
    ) -> None:
        # A few bytes to a file system in memory, before Docker is answered.
        self.awaited = awaited
        temporary = self._boot_file.with_suffix(".new")
        try:
            temporary.write_text(json.dumps(awaited, default=sorted))
            temporary.replace(self._boot_file)
        except OSError as error:
            raise ConfigurationFileError(f"{self._boot_file} cannot be written: {error}") from None

    def _load_awaited(self) -> Mapping[DatasetId, Mapping[str, Collection[str] | None]]:
        with suppress(OSError, ValueError):
            found: dict[str, dict[str, list[str] | None]] = json.loads(self._boot_file.read_text())
            return found
        return {}

    async def write(self, volume: KnownVolume) -> None:
        await self._file.update(
            lambda before: replace(before, volumes=before.volumes.set(volume.name, volume))
        )

    async def forget(self, name: str) -> None:
        await self._file.update(
            lambda before: replace(before, volumes=before.volumes.discard(name))
        )

    async def note_stopped(self, dataset_id: DatasetId, instances: tuple[str, ...]) -> None:
        def noted(before: _Content) -> _Content:
            others = before.stopped.discard(dataset_id)
            return replace(
                before, stopped=others.set(dataset_id, instances) if instances else others
            )

        await self._file.update(noted)
