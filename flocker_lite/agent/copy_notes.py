"""ICopyNotes in a file: what is complete here, and what standbys have; it outlives reboots."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from pyrsistent import PMap
from zope.interface import implementer

from flocker_lite.agent.record_file import RecordFile
from flocker_lite.interfaces import ICopyNotes
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.model.copy_notes import CopyNotes
from flocker_lite.model.records import DatasetId
from flocker_lite.model.replication import StandbyBase
from flocker_lite.model.snapshot_sets import SnapshotSet

FILE_NAME = "copies.json"
ADVICE = (
    "remove it; no copy here can then be promoted until its primary has sent the next increment"
)


@implementer(ICopyNotes)
class CopyNotesFile:
    """The notes, in a file of this directory that exists once there is one.

    Raises ConfigurationFileError when the file cannot be read or written, or is damaged.
    """

    def __init__(self, directory: Path, run_in_thread: RunInThread) -> None:
        self._file = RecordFile(directory / FILE_NAME, CopyNotes, run_in_thread, ADVICE)

    @property
    def sets(self) -> PMap[DatasetId, SnapshotSet]:
        return self._file.record.sets

    @property
    def bases(self) -> PMap[str, StandbyBase]:
        return self._file.record.bases

    async def note_set(self, complete: SnapshotSet, present: Collection[DatasetId]) -> None:
        await self._file.update(lambda known: known.with_set(complete, present))

    async def note_bases(
        self, bases: Mapping[str, StandbyBase], present: Collection[DatasetId]
    ) -> None:
        await self._file.update(lambda known: known.with_bases(bases, present))
