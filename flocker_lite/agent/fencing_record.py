"""What this node counts and agreed to by the fencing protocol, in a file of the agent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from zope.interface import implementer

from flocker_lite.agent.record_file import RecordFile
from flocker_lite.interfaces.fencing import FencingRecord, IFencingRecord
from flocker_lite.interfaces.threads import RunInThread

FILE_NAME = "fencing.json"
ADVICE = (
    "this node may have agreed to take over a container, so keep its agent stopped until no other "
    "node fails over to it; then remove the file"
)


@implementer(IFencingRecord)
class FencingRecordFile:
    """The record, in a file of this directory that exists once there is something in it.

    Raises ConfigurationFileError when the file cannot be read or written, or is damaged.
    """

    def __init__(self, directory: Path, run_in_thread: RunInThread) -> None:
        self._file = RecordFile(directory / FILE_NAME, FencingRecord, run_in_thread, ADVICE)

    @property
    def record(self) -> FencingRecord:
        return self._file.record

    async def update(self, change: Callable[[FencingRecord], FencingRecord]) -> None:
        await self._file.update(change)
