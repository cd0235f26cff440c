"""Sets that are due at standbys: which of them wait for moves, and for how long."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.convergence.context import AgentContext
from flocker_lite.convergence.copy_turns import (
    AFTER_STREAM_SECONDS,
    GIVE_WAY_SHARE,
    INCREMENTS_BESIDE_MOVES_MAX,
    INCREMENTS_MAX,
    CopyTurns,
)
from flocker_lite.convergence.desired_state import DesiredState
from flocker_lite.convergence.incoming_streams import IncomingStreams
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Dataset, Grant, HealthCheck, Move
from flocker_lite.model.replicas import Replicas
from flocker_lite.model.state import DesiredDataset, NodeView
from flocker_lite.planner.changes import IStateChange, MountDataset, StartContainer
from flocker_lite.planner.move_changes import HandoffDatasets, Moved, PushDatasets
from flocker_lite.planner.replication_changes import ReplicateDatasets

HERE, THERE = "here", "there"
ADDRESS = "10.0.0.2"
COPIED, MOVED = "copied", "moved"
RPO_SECONDS = 10.0
PRIMARY = Lease(Role.PRIMARY, 1)


def due(number: int = 0, is_seed: bool = False) -> ReplicateDatasets:
    """A set that is due now; of another group for another number."""
    moved = (Moved(COPIED, PRIMARY), Moved(str(number), PRIMARY))
    return ReplicateDatasets(moved, THERE, 0.0, ADDRESS, is_seed)


class CopyTurnsTests(SynchronousTestCase):
    """A node with a dataset that has a standby, and with another one that may be moving."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.incoming = IncomingStreams(self.clock.seconds)
        self.desired = DesiredState()
        self.moves(HERE, THERE)
        context = SimpleNamespace(
            node_id=HERE, clock=self.clock, incoming=self.incoming, desired=self.desired
        )
        self.turns = CopyTurns(cast(AgentContext, context))

    def moves(self, source: str, destination: str) -> None:
        """The other one moves between these."""
        copied = Dataset(COPIED, HERE, replicas=Replicas((THERE,), RPO_SECONDS))
        moved = DesiredDataset(
            Dataset(MOVED, destination),
            Grant(source, 1),
            move=Move("move", source, destination, 0.0, "web", (MOVED,)),
        )
        datasets = {COPIED: DesiredDataset(copied, Grant(HERE, 1)), MOVED: moved}
        self.desired.view = NodeView(datasets=pmap(datasets))

    def receives(self, dataset_id: str) -> Deferred[None]:
        """A stream of it comes in, until the result fires."""
        stream: Deferred[None] = Deferred()

        async def receive() -> None:
            await stream

        receiving = Deferred.fromCoroutine(self.incoming.run(dataset_id, 1, receive))
        self.addCleanup(self.successResultOf, receiving)
        return stream

    def may(self, *going_on: IStateChange, doing: IStateChange | None = None, **of: Any) -> bool:
        """Whether another set may begin beside these changes, of which one is doing that."""
        return self.turns.may_begin(due(-1, **of), going_on, [None, doing])

    def test_beside_each_other(self) -> None:
        """Some increments go at one time, and one seed, each for itself."""
        increments = [due(number) for number in range(INCREMENTS_MAX)]
        assert self.may(*increments[1:])
        assert not self.may(*increments)
        assert self.may(*increments, is_seed=True)
        assert not self.may(due(is_seed=True), is_seed=True)

    def test_beside_a_push(self) -> None:
        """Moves have the most room, and seeds wait for them."""
        push = PushDatasets((Moved(MOVED, PRIMARY),), THERE, "web", ADDRESS)
        some = [due(number) for number in range(INCREMENTS_BESIDE_MOVES_MAX)]
        assert self.may(push)
        assert not self.may(push, *some)
        assert not self.may(push, is_seed=True)

    def test_in_the_pause_at_the_source(self) -> None:
        """None begins while nobody serves; on trial, the container serves already."""
        moved = (Moved(MOVED, PRIMARY),)
        handoff = HandoffDatasets(moved, THERE, "web", ADDRESS, ())
        checked = HandoffDatasets(moved, THERE, "web", ADDRESS, (), HealthCheck(port=80))
        assert not self.may(doing=handoff)
        assert self.may(doing=checked)

    def test_in_the_pause_at_the_destination(self) -> None:
        """None begins while what arrived is mounted and started."""
        mounting, starting = MountDataset(MOVED), StartContainer("web", (MOVED,))
        assert self.may(doing=mounting)
        assert self.may(doing=starting)
        self.moves(THERE, HERE)
        assert not self.may(doing=mounting)
        assert not self.may(doing=starting)
        assert self.may(doing=StartContainer("other", (COPIED,)))

    def test_a_stream_that_moves_here(self) -> None:
        """It may be the last one, so increments give way, but no longer than the RPO allows."""
        self.moves(THERE, HERE)
        stream = self.receives(MOVED)
        assert not self.may()
        assert len(self.turns.due_seconds) == 1
        self.turns.forget()
        assert not self.turns.due_seconds
        self.clock.advance(GIVE_WAY_SHARE * RPO_SECONDS)
        assert self.may()
        assert not self.may(*(due(number) for number in range(INCREMENTS_BESIDE_MOVES_MAX)))
        assert not self.may(is_seed=True)
        assert not self.turns.due_seconds
        stream.callback(None)
        assert not self.may(due(0))
        self.clock.advance(AFTER_STREAM_SECONDS)
        assert self.may(due(0))

    def test_a_stream_for_a_standby(self) -> None:
        """What this node receives as a standby is no move."""
        stream = self.receives(COPIED)
        assert self.may()
        stream.callback(None)
