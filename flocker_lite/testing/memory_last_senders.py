"""Which node sent each copy, in memory; it outlives an agent."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from pyrsistent import PMap, pmap

from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import LastSender


@dataclass
class MemoryLastSenders:
    """Like `LastSendersFile`, without a file."""

    remembered: PMap[DatasetId, LastSender] = field(default_factory=pmap)

    async def note(
        self, dataset_id: DatasetId, sender: LastSender, present: Container[DatasetId]
    ) -> None:
        """Remember the sender."""
        kept = {key: value for key, value in self.remembered.items() if key in present}
        self.remembered = pmap({**kept, dataset_id: sender})
