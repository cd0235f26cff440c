"""IRestartHistory in a file: which containers ended by themselves; it outlives reboots."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pyrsistent import PMap, pmap
from zope.interface import implementer

from flocker_lite.agent.record_file import RecordFile
from flocker_lite.interfaces import IRestartHistory
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.model.state import RestartHistory

# The file and its key keep their older name, because they are on disk.
FILE_NAME = "endings.json"
ADVICE = "remove it; containers of this node that had finished then run once more"


@dataclass(frozen=True, slots=True)
class _Content:
    endings: PMap[str, RestartHistory] = field(default_factory=pmap)


@implementer(IRestartHistory)
class RestartHistoryFile:
    """The restart histories, in a file of this directory that exists once there is one.

    Raises ConfigurationFileError when the file cannot be read or written, or is damaged.
    """

    def __init__(self, directory: Path, run_in_thread: RunInThread) -> None:
        self._file = RecordFile(directory / FILE_NAME, _Content, run_in_thread, ADVICE)

    @property
    def remembered(self) -> PMap[str, RestartHistory]:
        return self._file.record.endings

    async def remember(self, histories: PMap[str, RestartHistory]) -> None:
        await self._file.write(_Content(histories))
