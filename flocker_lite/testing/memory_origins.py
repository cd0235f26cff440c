"""What a node remembers of where its copies came from, in memory; it outlives an agent."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from pyrsistent import PMap, pmap

from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import Origin


@dataclass
class MemoryOrigins:
    """As `OriginsFile`, without a file."""

    remembered: PMap[DatasetId, Origin] = field(default_factory=pmap)

    async def note(
        self, dataset_id: DatasetId, origin: Origin, present: Container[DatasetId]
    ) -> None:
        """Remember it."""
        kept = {key: value for key, value in self.remembered.items() if key in present}
        self.remembered = pmap({**kept, dataset_id: origin})
