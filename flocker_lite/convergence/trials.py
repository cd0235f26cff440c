"""The trials of this node: those that it runs as destination, and those that it grants as source.

The destination counts from its request, the source from its grant, which is later; both use a
clock that never jumps. So the destination's trial ends first. A restarted agent remembers no
trials: its datasets on probation have none, and for lent datasets it waits as long as their trial
may take.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from flocker_lite.interfaces import IFence
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import DatasetId, HealthCheck
from flocker_lite.model.state import LocalDataset

TRIAL_EXTRA_SECONDS = 15
"""How long mounting, starting and the first answer may take, beside the start period."""

GIVE_BACK_SECONDS = 3.0
"""A living agent ends a trial this much earlier than its fence would."""

MARGIN_SECONDS = 10.0
"""How much longer than the trial the source waits for a destination that does not answer."""

TICK_SECONDS = 0.5

NO_TRIAL = "no trial of it is going on"
FENCE_ENDS = "its fence ended it, or the fence itself was killed"


def trial_seconds(check: HealthCheck) -> int:
    """How long a trial a container with this health check needs."""
    return int(check.start_period_seconds + check.timeout_seconds) + TRIAL_EXTRA_SECONDS


@dataclass
class _Trial:
    """The trial of one container; `over` says in words why it has ended.

    `epochs` has the epoch of each dataset that is on probation for it.
    """

    dataset_ids: frozenset[DatasetId]
    ends_at: float
    over: str | None = None
    epochs: dict[DatasetId, int] = field(default_factory=dict)
    acquired: set[DatasetId] = field(default_factory=set)


async def _nothing(_: str) -> None:
    """The default of `lost`."""


class Trials:
    """Knows which trials go on; `now` returns seconds that never jump, from any zero.

    `changed` is called when a trial has ended. `kept` is called with the name of a container when
    this node became primary of all its datasets, `lost` when its datasets were given back.
    """

    def __init__(
        self,
        clock: IReactorTime,
        now: Callable[[], float],
        fence: IFence,
        changed: Callable[[], None] = lambda: None,
        kept: Callable[[str], None] = lambda _: None,
        lost: Callable[[str], Awaitable[None]] = _nothing,
    ) -> None:
        self._changed = changed
        self._kept = kept
        self._lost = lost
        self._clock = clock
        self._now = now
        self._fence = fence
        fence.lost = self._fence_ends
        self._began = now()
        self._trials: dict[str, _Trial] = {}
        self._granted_until: dict[DatasetId, float] = {}
        self._locks: WeakValueDictionary[DatasetId, DeferredLock] = WeakValueDictionary()
        self._tick: IDelayedCall | None = None

    @asynccontextmanager
    async def lock(self, dataset_id: DatasetId) -> AsyncIterator[None]:
        """Holds a lock on the copy, between reading its lease and changing it."""
        lock = self._locks.get(dataset_id)
        if lock is None:
            lock = self._locks[dataset_id] = DeferredLock()
        await lock.acquire()
        try:
            yield
        finally:
            lock.release()

    # As the destination

    async def ask(self, container: str, dataset_ids: Iterable[DatasetId], seconds: float) -> None:
        """Start or restart the trial's time, before the container runs on trial."""
        ids = frozenset(dataset_ids)
        self._trials[container] = _Trial(ids, self._now() + seconds)
        await self._fence.arm(container, ids, seconds)
        self._watch()

    def started(self, container: str, dataset_id: DatasetId, epoch: int) -> None:
        """The dataset is on probation for the trial of a container, in this epoch."""
        trial = self._trials.get(container)
        if trial is not None:
            trial.epochs[dataset_id] = epoch

    async def fence_instance(self, container: str, instance: str) -> None:
        """Tell the fence which instance will run on trial, before it may write."""
        await self._fence.add_instance(container, instance)

    def is_offered(self, container: str, dataset_id: DatasetId) -> bool:
        """Whether the dataset belongs to a trial of the container that goes on."""
        trial = self._trials.get(container)
        return trial is not None and dataset_id in trial.dataset_ids and self._goes_on(trial)

    @property
    def on_trial(self) -> frozenset[DatasetId]:
        """The datasets of the trials that go on."""
        return frozenset().union(
            *(trial.dataset_ids for trial in self._trials.values() if self._goes_on(trial))
        )

    def over(self, container: str) -> str | None:
        """Why the trial of a container has ended, in words; None while it goes on."""
        trial = self._trials.get(container)
        if trial is None:
            return NO_TRIAL
        return trial.over if trial.over is not None or self._goes_on(trial) else "the trial is over"

    def end(self, container: str, why: str) -> None:
        """End the trial of a container, for this reason."""
        trial = self._trials.get(container)
        if trial is not None and trial.over is None:
            trial.over = why
            self._changed()

    def end_trials_of(self, dataset_ids: Iterable[DatasetId], why: str) -> None:
        """End the trials that have one of these datasets."""
        ids = frozenset(dataset_ids)
        for container, trial in list(self._trials.items()):
            if ids & trial.dataset_ids:
                self.end(container, why)

    async def acquired(self, dataset_id: DatasetId) -> None:
        """This node is primary of the dataset now."""
        for container, trial in list(self._trials.items()):
            if dataset_id in trial.dataset_ids:
                trial.acquired.add(dataset_id)
                if trial.acquired == trial.dataset_ids:
                    del self._trials[container]
                    self._kept(container)
                    await self._fence.disarm(container)

    async def see(self, datasets: Mapping[DatasetId, LocalDataset]) -> None:
        """Discovery found these copies: this node may be primary of what is on trial.

        A `zfs set` that was killed may have set the lease, and the source, which sees the lease in
        this node's report, does not ask again. An earlier epoch is older than the trial.
        """
        for trial in list(self._trials.values()):
            for dataset_id, epoch in trial.epochs.items():
                held = datasets[dataset_id].lease if dataset_id in datasets else None
                if held is not None and held.role is Role.PRIMARY and held.epoch >= epoch:
                    await self.acquired(dataset_id)

    async def given_back(self, container: str) -> None:
        """The container was stopped, and its datasets are replicas again."""
        if self._trials.pop(container, None) is not None:
            await self._fence.disarm(container)
            await self._lost(container)

    async def settle(self, dataset_ids: Iterable[DatasetId]) -> None:
        """None of these is on probation here: trials that are over count as given back."""
        ids = frozenset(dataset_ids)
        for container, trial in list(self._trials.items()):
            if trial.dataset_ids <= ids and not self._goes_on(trial):
                await self.given_back(container)

    def stop(self) -> None:
        """Stop counting, because the process ends. The fence stays."""
        if self._tick is not None and self._tick.active():
            self._tick.cancel()

    # As the source

    def granted(self, dataset_id: DatasetId, seconds: float) -> None:
        """The trial was granted just now."""
        self._granted_until[dataset_id] = self._now() + seconds + MARGIN_SECONDS

    def still_granted_seconds(self, dataset_id: DatasetId, lease: Lease) -> float:
        """How long a silent destination may still use the dataset; 0 when it cannot any more."""
        unknown = self._began + (lease.seconds or 0) + MARGIN_SECONDS
        return max(0.0, self._granted_until.get(dataset_id, unknown) - self._now())

    def _fence_ends(self, container: str) -> None:
        """The fence ends the trial. If it was kept at that moment, the planner restarts it."""
        self.end(container, FENCE_ENDS)

    def _goes_on(self, trial: _Trial) -> bool:
        return trial.over is None and self._now() < trial.ends_at - GIVE_BACK_SECONDS

    def _watch(self) -> None:
        if self._tick is None or not self._tick.active():
            self._tick = self._clock.callLater(TICK_SECONDS, self._look)

    def _look(self) -> None:
        """End the trials that are over, by `now`: delayed calls use a clock that may jump."""
        if self._trials:
            self._watch()
        for container, trial in list(self._trials.items()):
            if trial.over is None and not self._goes_on(trial):
                self.end(container, "the trial is over")
