"""The last sender of each dataset, in a file that outlives restarts of the agent."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path

from pyrsistent import PMap, pmap

from flocker_lite.agent.record_file import RecordFile
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import LastSender

# The file and its key keep their older name, because they are on disk.
FILE_NAME = "origins.json"
ADVICE = "remove it; moves to this node then go on once it has reached the control service"


@dataclass(frozen=True, slots=True)
class _Content:
    # The name on disk.
    origins: PMap[DatasetId, LastSender] = field(default_factory=pmap)


class LastSendersFile:
    """The last senders, in a file of this directory that exists once there is one.

    Raises ConfigurationFileError when the file cannot be read or written, or is damaged.
    """

    def __init__(self, directory: Path, run_in_thread: RunInThread) -> None:
        self._file = RecordFile(directory / FILE_NAME, _Content, run_in_thread, ADVICE)
        # The record after all writes that are under way.
        self._noted = self._file.record.origins

    @property
    def remembered(self) -> PMap[DatasetId, LastSender]:
        return self._file.record.origins

    async def note(
        self, dataset_id: DatasetId, sender: LastSender, present: Container[DatasetId]
    ) -> None:
        """Remember the sender durably; forget the senders of datasets that are not `present`."""
        kept = {key: value for key, value in self._noted.items() if key in present}
        self._noted = pmap({**kept, dataset_id: sender})
        await self._file.write(_Content(self._noted))
