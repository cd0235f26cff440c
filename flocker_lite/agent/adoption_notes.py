"""IAdoptionNotes in a file: how far this node is with its adoptions; it outlives reboots."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pyrsistent import PMap, pmap
from zope.interface import implementer

from flocker_lite.agent.record_file import RecordFile
from flocker_lite.interfaces import IAdoptionNotes
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.model.adoption import AdoptionNote

FILE_NAME = "adoptions.json"
ADVICE = (
    "it says which containers of Docker's were being adopted. See to it that of each of them "
    "either the old or the new one is stopped for good before you remove the file"
)


@dataclass(frozen=True, slots=True)
class _Content:
    adoptions: PMap[str, AdoptionNote] = field(default_factory=pmap)


@implementer(IAdoptionNotes)
class AdoptionNotesFile:
    """The notes, in a file of this directory that exists once there is one.

    Raises ConfigurationFileError when the file cannot be read or written, or is damaged.
    """

    def __init__(self, directory: Path, run_in_thread: RunInThread) -> None:
        self._file = RecordFile(directory / FILE_NAME, _Content, run_in_thread, ADVICE)

    @property
    def notes(self) -> PMap[str, AdoptionNote]:
        return self._file.record.adoptions

    async def write(self, name: str, note: AdoptionNote) -> None:
        await self._file.update(lambda known: _Content(known.adoptions.set(name, note)))

    async def forget(self, name: str) -> None:
        await self._file.update(lambda known: _Content(known.adoptions.discard(name)))
