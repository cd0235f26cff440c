"""Before a stream begins, both ends agree on where it starts, and let go of what others left."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.convergence.context import AgentContext
from flocker_lite.convergence.move_log import MoveLog
from flocker_lite.convergence.transfer import agree_on_base
from flocker_lite.convergence.trials import Trials
from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IPeer, IPeerService
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.state import LocalDataset, Snapshot
from flocker_lite.peers.service import PeerService
from flocker_lite.planner.replication_plan import Copies
from flocker_lite.testing.memory_fence import MemoryFence
from flocker_lite.testing.memory_peers import MemoryNetwork, MemoryPeers
from flocker_lite.testing.memory_storage import Copy, MemoryStorage
from flocker_lite.testing.stub_host import StubHost

D = "d1"
HERE, THERE = "node-a", "node-b"


def pushed(*numbers: int) -> tuple[Snapshot, ...]:
    """Snapshots of pushes in one epoch, which have the same guids at both ends."""
    return tuple(Snapshot(f"flocker-lite-1-{number}", f"guid-{number}") for number in numbers)


def raising(error: FlockerError) -> Callable[[str, str], Awaitable[None]]:
    """What a storage does that can destroy no snapshot."""

    async def before(method: str, _: str) -> None:
        if method == "destroy_snapshot":
            raise error

    return before


USERS = (Snapshot("before-upgrade", "guid-users"),)


class AgreeOnBaseTests(SynchronousTestCase):
    """A primary here and, unless a test says otherwise, a replica at another node."""

    def setUp(self) -> None:
        self.mine, self.theirs = MemoryStorage(), MemoryStorage()
        clock = Clock()
        trials = Trials(clock, clock.seconds, MemoryFence(lambda _: None, clock))
        gate = PeerService(THERE, self.theirs, MoveLog(clock), trials, StubHost())
        network = MemoryNetwork({THERE: lambda _: cast(IPeerService, gate)})
        self.peer: IPeer = self.now(MemoryPeers(HERE, network).connect(THERE, "10.0.0.2"))
        self.context = cast(
            AgentContext,
            SimpleNamespace(
                storage=self.mine,
                desired=SimpleNamespace(dataset=lambda _: None),
                copies=SimpleNamespace(known=Copies()),
            ),
        )

    def now(self, doing: Coroutine[Any, Any, Any]) -> Any:
        """Its result."""
        return self.successResultOf(Deferred.fromCoroutine(doing))

    def have(self, here: Iterable[Snapshot], there: Iterable[Snapshot] | None) -> None:
        """Have these snapshots at the two ends; no copy at all where there are None."""
        for storage, role, snapshots in (
            (self.mine, Role.PRIMARY, here),
            (self.theirs, Role.REPLICA, there),
        ):
            if snapshots is not None:
                local = LocalDataset(D, Lease(role, 1), False, f"/flocker/{D}")
                storage.copies[D] = Copy(replace(local, snapshots=tuple(snapshots)))

    def left(self, storage: MemoryStorage) -> tuple[Snapshot, ...]:
        """The snapshots of a copy."""
        return storage.copies[D].local.snapshots

    def agree(self) -> tuple[Snapshot | None, tuple[Snapshot, ...]]:
        """What comes of it."""
        found: tuple[Snapshot | None, tuple[Snapshot, ...]] = self.now(
            agree_on_base(self.context, self.peer, D, self.left(self.mine))
        )
        return found

    def test_a_few_stay_until_this_attempt_has_arrived(self) -> None:
        """It prunes itself then. To do so twice each time would cost more than they do."""
        here, there = pushed(3, 4, 5, 6), pushed(1, 2, 3)
        self.have(here, there)
        assert self.agree() == (here[0], pushed(6))
        assert self.left(self.mine) == here
        assert self.left(self.theirs) == there

    def test_what_attempts_left_here_goes(self) -> None:
        """Who is cut off each time before it prunes fills no disk. Base and users' stay."""
        self.have((*pushed(1, 2, 3), *USERS, *pushed(4, 5)), pushed(1))
        base, _ = self.agree()
        assert base == pushed(1)[0]
        assert self.left(self.mine) == (*pushed(1), *USERS, *pushed(5))
        assert self.left(self.theirs) == pushed(1)

    def test_what_attempts_left_there_goes(self) -> None:
        """The other end keeps what this one keeps, and users' snapshots."""
        there = (*pushed(1, 2), *USERS, *pushed(3, 4))
        self.have(pushed(4, 5), there)
        assert self.agree() == (pushed(4)[0], pushed(5))
        assert self.left(self.mine) == pushed(4, 5)
        assert self.left(self.theirs) == (*USERS, *pushed(4))

    def test_a_first_stream_needs_none_of_them(self) -> None:
        """It begins anew each time, so its attempts leave snapshots at this end alone."""
        self.have(pushed(1, 2, 3, 4), None)
        assert self.agree() == (None, pushed(4))
        assert self.left(self.mine) == pushed(4)

    def test_what_is_held_stays(self) -> None:
        """And the stream begins nevertheless, after the others are gone."""
        self.have(pushed(1, 2, 3, 4, 5), pushed(1))
        self.mine.held.add("guid-2")
        assert self.agree() == (pushed(1)[0], pushed(5))
        assert self.left(self.mine) == pushed(1, 2, 5)

    def test_who_cannot_prune_agrees_all_the_same(self) -> None:
        """At this end, or at the other one: the next attempt tries again."""
        here, there = pushed(4, 5, 6, 7, 8), pushed(1, 2, 3, 4)
        self.have(here, there)
        self.mine.before = raising(FlockerError("the pool is suspended"))
        assert self.agree() == (pushed(4)[0], pushed(8))
        assert (self.left(self.mine), self.left(self.theirs)) == (here, there)
        self.mine.before, self.theirs.before = None, raising(FlockerError("so is that one"))
        assert self.agree() == (pushed(4)[0], pushed(8))
        assert (self.left(self.mine), self.left(self.theirs)) == (pushed(4, 8), there)
        self.theirs.before = None
        assert self.agree() == (pushed(4)[0], pushed(8))
        assert self.left(self.theirs) == pushed(4)
