"""Which node sent what is here of each dataset, in a file: it outlives restarts of the agent."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path

from pyrsistent import PMap, pmap

from flocker_lite.agent.remembered import RecordFile, RunInThread
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import Origin

FILE_NAME = "origins.json"
ADVICE = "remove it; what is on its way here then goes on once the control service is reached"


@dataclass(frozen=True, slots=True)
class _Content:
    origins: PMap[DatasetId, Origin] = field(default_factory=pmap)


class OriginsFile:
    """What is remembered, in a file of this directory; it is made when there is something.

    Raises ConfigurationFileError when the file cannot be read or written, or is damaged.
    """

    def __init__(self, directory: Path, run_in_thread: RunInThread) -> None:
        self._file = RecordFile(directory / FILE_NAME, _Content, run_in_thread, ADVICE)
        # What is noted while a write is under way goes with the next.
        self._noted = self._file.record.origins

    @property
    def remembered(self) -> PMap[DatasetId, Origin]:
        return self._file.record.origins

    async def note(
        self, dataset_id: DatasetId, origin: Origin, present: Container[DatasetId]
    ) -> None:
        """Remember it, durably when this returns; of the others, only those that are present."""
        kept = {key: value for key, value in self._noted.items() if key in present}
        self._noted = pmap({**kept, dataset_id: origin})
        await self._file.write(_Content(self._noted))
