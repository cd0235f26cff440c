"""IEndings in a file: which containers ended by themselves, over restarts of agent and node."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pyrsistent import PMap, pmap
from zope.interface import implementer

from flocker_lite.agent.remembered import RecordFile, RunInThread
from flocker_lite.interfaces import IEndings
from flocker_lite.model.state import Ending

FILE_NAME = "endings.json"
ADVICE = "remove it; containers of this node that had done their work then run once more"


@dataclass(frozen=True, slots=True)
class _Content:
    endings: PMap[str, Ending] = field(default_factory=pmap)


@implementer(IEndings)
class EndingsFile:
    """What is remembered, in a file of this directory; it is made when there is something.

    Raises ConfigurationFileError when the file cannot be read or written, or is damaged.
    """

    def __init__(self, directory: Path, run_in_thread: RunInThread) -> None:
        self._file = RecordFile(directory / FILE_NAME, _Content, run_in_thread, ADVICE)

    @property
    def remembered(self) -> PMap[str, Ending]:
        return self._file.record.endings

    async def remember(self, endings: PMap[str, Ending]) -> None:
        await self._file.write(_Content(endings))
