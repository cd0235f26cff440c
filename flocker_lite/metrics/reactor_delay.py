"""Measures how late the reactor calls what is due: whatever blocks it delays everything else."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram
from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime

LOOK_SECONDS = 0.5
BUCKETS_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class ReactorDelay(Service):
    """Has itself called at regular times, and counts how late that was."""

    def __init__(self, clock: IReactorTime, events: CollectorRegistry) -> None:
        self._clock = clock
        self._delays = Histogram(
            "flocker_reactor_delay_seconds",
            "How late the reactor made a call, measured twice a second.",
            buckets=BUCKETS_SECONDS,
            registry=events,
        )
        self._next: IDelayedCall | None = None

    def startService(self) -> None:
        super().startService()
        self._schedule()

    def stopService(self) -> None:
        super().stopService()
        if self._next is not None and self._next.active():
            self._next.cancel()

    def _schedule(self) -> None:
        due_at = self._clock.seconds() + LOOK_SECONDS
        self._next = self._clock.callLater(LOOK_SECONDS, self._called, due_at)

    def _called(self, due_at: float) -> None:
        self._delays.observe(max(0.0, self._clock.seconds() - due_at))
        self._schedule()
