"""The signed statements that a node keeps, in memory; they outlive an agent."""

from __future__ import annotations

from dataclasses import dataclass, field

from flocker_lite.model.grants import Signed
from flocker_lite.model.records import DatasetId


@dataclass
class MemoryChains:
    """Like `ChainFiles`, without files."""

    known: dict[DatasetId, tuple[Signed, ...]] = field(default_factory=dict)

    async def write(self, dataset_id: DatasetId, links: tuple[Signed, ...]) -> None:
        """Keep these statements."""
        self.known[dataset_id] = links
        if not links:
            del self.known[dataset_id]
