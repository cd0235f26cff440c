"""Ends users' leases when they expire."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from flocker_lite.model.records import Change, DatasetId, UserLease
from flocker_lite.model.user_leases import is_over

RETRY_SECONDS = 10.0
DELAY_SECONDS_MAX = 3600.0
"""No timer runs longer than this, because the wall clock may be set while it runs."""


class LeaseTimers:
    """Calls `over` with the dataset of an expired lease, repeatedly until the lease is gone."""

    def __init__(self, clock: IReactorTime, over: Callable[[DatasetId], None]) -> None:
        self._clock = clock
        self._over = over
        self._timers: dict[DatasetId, IDelayedCall] = {}

    def changed(self, changes: Iterable[Change]) -> None:
        """The configuration was edited."""
        for change in changes:
            if change.kind != "leases":
                continue
            timer = self._timers.pop(change.identity, None)
            if timer is not None:
                timer.cancel()
            if isinstance(change.record, UserLease) and change.record.expires_at is not None:
                self._set(change.record, change.record.expires_at - self._clock.seconds())

    def stop(self) -> None:
        """Cancel all timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _set(self, lease: UserLease, delay_seconds: float) -> None:
        delay = min(max(0.0, delay_seconds), DELAY_SECONDS_MAX)
        self._timers[lease.dataset_id] = self._clock.callLater(delay, self._look, lease)

    def _look(self, lease: UserLease) -> None:
        assert lease.expires_at is not None
        now = self._clock.seconds()
        if not is_over(lease, now):
            self._set(lease, lease.expires_at - now)
            return
        self._set(lease, RETRY_SECONDS)
        self._over(lease.dataset_id)
