"""Streams that come in: one at a time for each dataset, and a new one takes an old one's place."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.convergence.incoming_streams import IncomingStreams
from flocker_lite.errors import PeerRefused

D, OTHER = "d1", "d2"


class IncomingTests(SynchronousTestCase):
    """Streams whose process takes a while to be gone."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.incoming = IncomingStreams(self.clock.seconds)
        self.processes: list[Deferred[None]] = []
        self.cancelled: list[int] = []

    async def receive(self) -> None:
        """A process that reads a stream; who cancels it waits until it is gone."""
        number = len(self.processes)
        process: Deferred[None] = Deferred()
        self.processes.append(process)
        running: Deferred[None] = Deferred()
        try:
            await running
        finally:
            self.cancelled.append(number)
            await process

    def start(self, doing: Coroutine[Any, Any, None]) -> Deferred[None]:
        """Let it begin; what goes on at the end of the test ends."""
        deferred = Deferred.fromCoroutine(doing)
        self.addCleanup(self.end, deferred)
        return deferred

    def end(self, deferred: Deferred[None]) -> None:
        """Cancel it, and have the processes gone."""
        deferred.cancel()
        deferred.addErrback(lambda failure: failure.trap(CancelledError, PeerRefused))
        for process in self.processes:
            if not process.called:
                process.callback(None)

    def refused(self, deferred: Deferred[None], why: str) -> None:
        """It is refused, for this reason."""
        assert why in str(self.failureResultOf(deferred, PeerRefused).value)

    def test_at_once(self) -> None:
        """One that is over when it begins leaves nothing behind."""

        async def nothing() -> None:
            pass

        for _ in range(2):
            self.successResultOf(self.start(self.incoming.run(D, 1, nothing)))
            assert D not in self.incoming
        self.successResultOf(self.start(self.incoming.end(D, 1)))

    def test_one_at_a_time(self) -> None:
        """A second one of the same dataset is refused; of another one it is not."""
        first = self.start(self.incoming.run(D, 1, self.receive))
        self.refused(self.start(self.incoming.run(D, 1, self.receive)), "another stream")
        other = self.start(self.incoming.run(OTHER, 1, self.receive))
        assert (D in self.incoming, OTHER in self.incoming) == (True, True)
        for deferred in (first, other):
            self.assertNoResult(deferred)

    def test_another_takes_its_place(self) -> None:
        """Once the process of the old one is gone, and not before."""
        old = self.start(self.incoming.run(D, 1, self.receive))
        ending = [self.start(self.incoming.end(D, 2)) for _ in range(2)]
        assert self.cancelled == [0]
        for deferred in ending:
            self.assertNoResult(deferred)
        assert D in self.incoming
        self.processes[0].callback(None)
        for deferred in ending:
            self.successResultOf(deferred)
        self.refused(old, "takes its place")
        assert D not in self.incoming

    def test_one_from_the_past(self) -> None:
        """A sender of an earlier epoch ends nothing."""
        going_on = self.start(self.incoming.run(D, 2, self.receive))
        self.refused(self.start(self.incoming.end(D, 1)), "epoch 2")
        self.assertNoResult(going_on)

    def test_a_session_that_ends(self) -> None:
        """Its stream is given up, and has ended when that is known."""
        going_on = self.start(self.incoming.run(D, 1, self.receive))
        going_on.cancel()
        self.assertNoResult(going_on)
        assert D in self.incoming
        self.processes[0].callback(None)
        self.failureResultOf(going_on, CancelledError)
        assert D not in self.incoming

    def test_recent(self) -> None:
        """One that is being received, and for a while after its end, however often it came."""
        self.start(self.incoming.run(D, 1, self.receive))
        self.clock.advance(60)
        assert self.incoming.recent(1.0) == (D,)
        ended = self.start(self.incoming.end(D, 1))
        self.processes[0].callback(None)
        self.successResultOf(ended)
        assert self.incoming.recent(1.0) == (D,)
        self.start(self.incoming.run(OTHER, 1, self.receive))
        assert set(self.incoming.recent(1.0)) == {D, OTHER}
        self.clock.advance(1.0)
        assert self.incoming.recent(1.0) == (OTHER,)
