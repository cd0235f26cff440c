"""Which datasets Docker is about to use: it was told that they are mounted, and starts something.

Who uses a dataset is told by the kernel's mount tables. Between the answer to Docker and the mount
in the container there is a moment in which nothing tells: for that moment the mount is awaited.
The moment is over once another run of a container has it than had it when Docker was answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from flocker_lite.errors import InUse
from flocker_lite.interfaces import IVolumeRecords
from flocker_lite.model.records import DatasetId

AWAITED_SECONDS_MAX = 150.0
"""Docker mounts all volumes of a container, each in 120 s at most, before it starts it."""


@dataclass(slots=True)
class _Awaited:
    until: float
    runs_before: frozenset[str] | None = None


class AwaitedMounts:
    """What this node's Docker is about to use, by dataset and by Docker's id for the mount."""

    def __init__(self, clock: IReactorTime, records: IVolumeRecords) -> None:
        self._clock = clock
        self._records = records
        until = clock.seconds() + AWAITED_SECONDS_MAX
        self._mounts = {
            dataset_id: {
                mount_id: _Awaited(until, frozenset(runs) if runs is not None else None)
                for mount_id, runs in mounts.items()
            }
            for dataset_id, mounts in records.awaited.items()
        }
        self._leaving: Counter[DatasetId] = Counter()
        self._returning: set[DatasetId] = set()

    def expect(self, dataset_id: DatasetId, mount_id: str) -> None:
        """Docker may use the dataset from now on, for a while at most unless it says more."""
        mount = _Awaited(self._clock.seconds() + AWAITED_SECONDS_MAX)
        self._mounts.setdefault(dataset_id, {})[mount_id] = mount
        self._write_down()

    def answering(self, dataset_id: DatasetId, mount_id: str, runs: frozenset[str]) -> None:
        """Docker is told now that it is mounted, while these runs of containers have it."""
        mount = self._mounts.get(dataset_id, {}).get(mount_id)
        if mount is not None:
            mount.until = self._clock.seconds() + AWAITED_SECONDS_MAX
            mount.runs_before = runs
            self._write_down()

    def seen(self, dataset_id: DatasetId, runs: frozenset[str]) -> None:
        """These runs of containers have it now."""
        for mount_id, mount in list(self._mounts.get(dataset_id, {}).items()):
            if mount.runs_before is not None and not runs <= mount.runs_before:
                self.forget(dataset_id, mount_id)

    def forget(self, dataset_id: DatasetId, mount_id: str) -> None:
        """Docker does not need it any more, or not by this mount. Idempotent."""
        if self._mounts.get(dataset_id, {}).pop(mount_id, None) is not None:
            self._write_down()

    def is_awaited(self, dataset_id: DatasetId) -> bool:
        """Whether Docker is about to use it."""
        now = self._clock.seconds()
        mounts = self._mounts.get(dataset_id, {})
        for mount_id in [each for each, mount in mounts.items() if mount.until <= now]:
            del mounts[mount_id]
        return bool(mounts)

    def is_leaving(self, dataset_id: DatasetId) -> bool:
        """Whether it is being handed over, so that nothing may begin to use it."""
        return self._leaving[dataset_id] > 0

    @contextmanager
    def leaving(self, dataset_ids: Collection[DatasetId]) -> Iterator[None]:
        """Meanwhile Docker is not told that they are mounted; InUse when it was just told."""
        for dataset_id in dataset_ids:
            if self.is_awaited(dataset_id):
                raise InUse(
                    f"dataset {dataset_id} stays on this node for now, because Docker is about to "
                    "start a container with it"
                )
        self._leaving.update(dataset_ids)
        try:
            yield
        finally:
            self._leaving.subtract(dataset_ids)
            self._leaving += Counter()

    def is_returning(self, dataset_id: DatasetId) -> bool:
        """Whether a container that a move stopped is being started again with it."""
        return dataset_id in self._returning

    @contextmanager
    def returning(self, dataset_id: DatasetId) -> Iterator[None]:
        """Meanwhile Docker may mount it, although a move may still want it elsewhere."""
        self._returning.add(dataset_id)
        try:
            yield
        finally:
            self._returning.discard(dataset_id)

    def _write_down(self) -> None:
        """The next agent knows what this one told Docker."""
        self._mounts = {key: mounts for key, mounts in self._mounts.items() if mounts}
        self._records.note_awaited(
            {
                dataset_id: {mount_id: mount.runs_before for mount_id, mount in mounts.items()}
                for dataset_id, mounts in self._mounts.items()
            }
        )
