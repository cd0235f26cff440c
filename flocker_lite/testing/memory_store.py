"""IStore in memory, as durable as the `MemoryDisk` on which it is opened."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from uuid import uuid4

from zope.interface import implementer

from flocker_lite.errors import StoreError
from flocker_lite.interfaces import IStore
from flocker_lite.model import deltas
from flocker_lite.model.generations import next_generations
from flocker_lite.model.records import Change, Configuration


@dataclass
class MemoryDisk:
    """The data, which outlives the store and crashes of the control service.

    While `refusal` is set, every commit raises it. `commits` counts successful commits.
    """

    configuration: Configuration = field(default_factory=Configuration)
    cluster_id: str = field(default_factory=lambda: str(uuid4()))
    in_use: bool = False
    refusal: StoreError | None = None
    commits: int = 0
    generation: int = 0


@implementer(IStore)
class MemoryStore:
    """An open store on this disk; StoreError when another store is open there."""

    def __init__(self, disk: MemoryDisk) -> None:
        if disk.in_use:
            raise StoreError("the disk is in use by another store: close that one.")
        disk.in_use = True
        self.cluster_id = disk.cluster_id
        self.generation = disk.generation
        self._disk: MemoryDisk | None = disk

    async def load(self) -> Configuration:
        """See IStore."""
        return self._open().configuration

    async def commit(self, *edits: tuple[Change, ...]) -> tuple[int, ...]:
        """See IStore."""
        disk = self._open()
        if disk.refusal is not None:
            raise disk.refusal
        try:
            disk.configuration = deltas.apply(disk.configuration, chain.from_iterable(edits))
        except KeyError as error:
            raise StoreError(f"the configuration has no {error.args[0]}") from None
        disk.commits += 1
        generations = next_generations(disk.generation, edits, now=0)
        self.generation = disk.generation = generations[-1]
        return generations

    async def close(self) -> None:
        """See IStore."""
        if self._disk is not None:
            self._disk.in_use = False
            self._disk = None

    def _open(self) -> MemoryDisk:
        if self._disk is None:
            raise StoreError("the store is closed.")
        return self._disk
