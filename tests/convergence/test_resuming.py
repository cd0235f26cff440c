"""A stream that was cut goes on; one that cannot begins anew, and none is stuck for ever."""

from __future__ import annotations

import os
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any, cast

from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.convergence import resuming
from flocker_lite.convergence.context import AgentContext
from flocker_lite.convergence.move_log import MoveLog
from flocker_lite.convergence.trials import Trials
from flocker_lite.errors import (
    CommandFailed,
    Conflict,
    FlockerError,
    PeerUnreachable,
    ReaderGone,
)
from flocker_lite.interfaces import IPeer, IPeerService, IReceiving, PeerCopy, peer_requests
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.state import LocalDataset, Round
from flocker_lite.peers.service import PeerService
from flocker_lite.testing.memory_fence import MemoryFence
from flocker_lite.testing.memory_peers import MemoryNetwork, MemoryPeers
from flocker_lite.testing.memory_storage import Copy, MemoryStorage
from flocker_lite.testing.stub_host import StubHost

D = "d1"
HERE, THERE = "node-a", "node-b"
FIRST = "flocker-lite-1-1"
CONTENT = ("one" * 50, "two")


class Other:
    """The receiving end of a stream, which says what it is told to."""

    def __init__(self, error: FlockerError | None) -> None:
        self.error = error
        self.asked = 0

    async def finish(self) -> None:
        """Raise what went wrong there."""
        self.asked += 1
        if self.error is not None:
            raise self.error


class CarryTests(SynchronousTestCase):
    """Two ends, of which one knows what went wrong."""

    def carry(self, mine: FlockerError | None, theirs: FlockerError | None) -> Any:
        """What comes of a stream whose ends end like this."""
        other = Other(theirs)

        async def sending() -> None:
            if mine is not None:
                raise mine

        carrying = resuming.carry(sending(), cast(IReceiving, other))
        outcome: list[Any] = []
        Deferred.fromCoroutine(carrying).addBoth(outcome.append)
        return getattr(outcome[0], "value", None)

    def test_ends(self) -> None:
        """A sender whose reader is gone has the other end say why; else it knows itself."""
        gone, full, lost = ReaderGone("pipe"), FlockerError("out of space"), Conflict("lost")
        assert self.carry(None, None) is None
        assert self.carry(None, full) is full
        assert self.carry(gone, full) is full
        assert self.carry(gone, None) is gone
        assert self.carry(lost, full) is lost


class CompleteTests(SynchronousTestCase):
    """A dataset here, and a part of its first stream at another node."""

    def setUp(self) -> None:
        self.mine, self.theirs = MemoryStorage(resumes=True), MemoryStorage(resumes=True)
        clock = Clock()
        trials = Trials(clock, clock.seconds, MemoryFence(lambda _: None, clock))
        gate = PeerService(THERE, self.theirs, MoveLog(clock), trials, StubHost())
        self.network = MemoryNetwork({THERE: lambda _: cast(IPeerService, gate)})
        self.peer: IPeer = self.now(MemoryPeers(HERE, self.network).connect(THERE, "10.0.0.2"))
        self.context = cast(AgentContext, SimpleNamespace(storage=self.mine, clock=clock))
        local = LocalDataset(D, Lease(Role.PRIMARY, 1), False, "/flocker/d1")
        self.mine.copies[D] = Copy(local, CONTENT, pmap())
        self.first = self.mine.user_snapshot(D, FIRST)
        self.seen: list[IReceiving] = []

    def now(self, doing: Coroutine[Any, Any, Any]) -> Any:
        """Its result."""
        return self.successResultOf(Deferred.fromCoroutine(doing))

    def cut(self, size: int) -> None:
        """Have a stream cut after so many bytes."""
        fd = os.memfd_create("stream")
        self.addCleanup(os.close, fd)
        self.now(self.mine.send(D, None, FIRST, fd))
        os.ftruncate(fd, size)
        os.lseek(fd, 0, os.SEEK_SET)
        self.failureResultOf(Deferred.fromCoroutine(self.theirs.receive(D, fd)), CommandFailed)

    def complete(self) -> Deferred[Round | None]:
        """Go on with it."""
        completing = resuming.complete(self.context, self.peer, D, 1, self.seen.append)
        return Deferred.fromCoroutine(completing)

    def copy(self) -> PeerCopy:
        """What is there."""
        copy: PeerCopy = self.now(self.peer.ask(peer_requests.Copy(D)))  # type: ignore[arg-type]
        return copy

    def test_nothing_to_go_on_with(self) -> None:
        """Then nothing is done."""
        assert self.successResultOf(self.complete()) is None
        assert self.seen == []

    def test_goes_on(self) -> None:
        """What is there is the whole then, and was not sent twice."""
        self.cut(100)
        whole = len(self.theirs.partial[D])
        done = self.successResultOf(self.complete())
        assert done is not None
        assert 0 < done.sent_bytes < whole + 100
        assert self.copy() == PeerCopy(
            True, Lease(Role.REPLICA, 1), self.first, None, (self.first,)
        )
        assert self.theirs.read(D) == CONTENT
        assert len(self.seen) == 1

    def test_stale(self) -> None:
        """What the first part was made of is gone: the next stream begins anew."""
        self.cut(100)
        self.now(self.mine.destroy_snapshot(D, FIRST))
        assert self.successResultOf(self.complete()) is None
        self.now(self.peer.receive(D, 1, None)).abort()  # type: ignore[arg-type]
        assert self.copy() == PeerCopy(exists=False)

    def test_cut_again(self) -> None:
        """One that came further is worth another try, and is not thrown away."""
        self.cut(100)
        before = self.copy()

        async def a_step_further(method: str, _: str) -> None:
            if method == "receive":
                self.theirs.partial[D] += b"x"
                raise FlockerError("cut again")

        self.theirs.before = a_step_further
        self.failureResultOf(self.complete(), FlockerError)
        after = self.copy()
        assert after.resume_token is not None
        assert after != before

    def test_no_further(self) -> None:
        """One that never comes further begins anew, whatever the words for it are."""
        self.cut(100)

        async def refuse(method: str, _: str) -> None:
            if method == "receive":
                raise FlockerError("words that nobody knows")

        self.theirs.before = refuse
        assert self.successResultOf(self.complete()) is None

    def test_a_network_that_is_cut(self) -> None:
        """It says nothing of the stream, which is gone on with later."""
        self.cut(100)

        async def cut_off(method: str, _: str) -> None:
            self.network.cut.add(frozenset({HERE, THERE}))

        self.mine.before = cut_off
        self.failureResultOf(self.complete(), PeerUnreachable)
        assert D in self.theirs.partial
