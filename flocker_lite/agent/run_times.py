"""IRunTimes in a file: how long containers took to stop and to answer; it outlives reboots."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pyrsistent import PMap, pmap
from zope.interface import implementer

from flocker_lite.agent.record_file import RecordFile
from flocker_lite.interfaces.run_times import IRunTimes
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.model.state import RunTimes

FILE_NAME = "run-times.json"
ADVICE = "remove it; the first predictions of pauses are worse until containers start anew"


@dataclass(frozen=True, slots=True)
class _Content:
    times: PMap[str, RunTimes] = field(default_factory=pmap)


@implementer(IRunTimes)
class RunTimesFile:
    """The times, in a file of this directory that exists once there is one.

    Raises ConfigurationFileError when the file cannot be read or written, or is damaged.
    """

    def __init__(self, directory: Path, run_in_thread: RunInThread) -> None:
        self._file = RecordFile(directory / FILE_NAME, _Content, run_in_thread, ADVICE)

    @property
    def remembered(self) -> PMap[str, RunTimes]:
        return self._file.record.times

    async def remember(self, times: PMap[str, RunTimes]) -> None:
        await self._file.write(_Content(times))
