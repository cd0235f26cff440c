"""What this agent remembers of the copies that it keeps fresh, until its process ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pyrsistent import PMap, pmap
from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorTime

from flocker_lite.interfaces import ICopyNotes
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import Snapshot
from flocker_lite.planner.replication_plan import Copies, CopyProgress, learnt_seconds


@dataclass(frozen=True, slots=True)
class TakenSet:
    """Snapshots of a group that were taken together, at `taken_at` by the agent's clock."""

    taken_at: float
    snapshots: Mapping[DatasetId, Snapshot]


class CopyLog:
    """The copies at this node's standbys, by `replication_key`."""

    def __init__(self, clock: IReactorTime, notes: ICopyNotes) -> None:
        self.notes = notes
        self._clock = clock
        self._took_seconds: PMap[str, float] = pmap()
        self._reviewed_at: PMap[str, float] = pmap()
        self._lag_bytes: PMap[str, int] = pmap()
        self._going_on: PMap[str, CopyProgress] = pmap()
        self._in_use: PMap[str, frozenset[str]] = pmap()
        self._unneeded_since: PMap[str, float] = pmap()
        self._turns: dict[frozenset[DatasetId], DeferredLock] = {}
        self._taken: dict[frozenset[DatasetId], TakenSet] = {}

    @property
    def known(self) -> Copies:
        """All that is known now."""
        return Copies(
            self.notes.bases,
            self._took_seconds,
            self._reviewed_at,
            self._lag_bytes,
            self._going_on,
            self._clock.seconds(),
            self._in_use,
            self.notes.sets,
            self._unneeded_since,
        )

    def use(self, key: str, guids: Iterable[str]) -> None:
        """From now on the copy needs these snapshots, and no others."""
        self._in_use = self._in_use.set(key, frozenset(guids))

    def goes_on(self, key: str, progress: CopyProgress) -> None:
        """So far is what is being sent."""
        self._going_on = self._going_on.set(key, progress)

    def ended(self, keys: Iterable[str]) -> None:
        """Nothing is being sent to these copies any more."""
        for key in keys:
            self._going_on = self._going_on.discard(key)

    def completed(self, keys: Iterable[str], took_seconds: float) -> None:
        """A set is complete there."""
        for key in keys:
            learnt = learnt_seconds(self._took_seconds.get(key), took_seconds)
            self._took_seconds = self._took_seconds.set(key, learnt)
            self._lag_bytes = self._lag_bytes.discard(key)

    def lacks(self, key: str, lag_bytes: int) -> None:
        """The copy was seen to lack so much."""
        self._lag_bytes = self._lag_bytes.set(key, lag_bytes)

    def reviewed(self, keys: Iterable[str]) -> None:
        """Their bases were looked at just now."""
        now = self._clock.seconds()
        self._reviewed_at = self._reviewed_at.update(dict.fromkeys(keys, now))

    def see_unneeded(self, guids: Iterable[str]) -> None:
        """Nobody needs these snapshots here now, and all others are needed."""
        known, now = self._unneeded_since, self._clock.seconds()
        self._unneeded_since = pmap({guid: known.get(guid, now) for guid in guids})

    def tried_to_prune(self, guids: Iterable[str]) -> None:
        """What is left of these waits again."""
        self._unneeded_since = self._unneeded_since.update(
            dict.fromkeys(guids, self._clock.seconds())
        )

    def turn(self, dataset_ids: frozenset[DatasetId]) -> DeferredLock:
        """The lock to hold while a set of these datasets is chosen or taken."""
        return self._turns.setdefault(dataset_ids, DeferredLock())

    def newest_set(self, dataset_ids: frozenset[DatasetId]) -> TakenSet | None:
        """The last set of exactly these datasets that was taken."""
        return self._taken.get(dataset_ids)

    def took_set(self, taken: TakenSet) -> None:
        """A set was taken."""
        self._taken[frozenset(taken.snapshots)] = taken
