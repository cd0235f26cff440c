"""Replicating datasets to another node while they are in use: the first half of a move."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from zope.interface import implementer

from flocker_lite.convergence import resuming, rounds
from flocker_lite.convergence.changes import (
    Doors,
    IStateChange,
    ShortChange,
    container_resource,
    dataset_resource,
)
from flocker_lite.convergence.transfer import (
    Moved,
    Transfer,
    bring_kept,
    bring_properties,
    local_copy,
    prune,
    take_snapshots,
)
from flocker_lite.errors import ContainerError, FlockerError, MoveGivenUp
from flocker_lite.interfaces import IPeer, IReceiving
from flocker_lite.model.accounts import write_rate
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.records import DatasetId, MoveOptions, NodeId
from flocker_lite.model.state import NodeView, Round, Snapshot

REPORT_SECONDS = 1.0
"""How often a push tells how far it is, and looks whether it is to go on in another way."""

SINCE_SECONDS_MIN = 0.001
"""Two snapshots are never closer, whatever a clock that is set back says."""

_log = Logger()


@dataclass(frozen=True)
class GroupChange(ShortChange):
    """Shared by the changes that work on a container with all of its datasets."""

    datasets: tuple[Moved, ...]
    container: str | None

    @property
    def resources(self) -> frozenset[str]:
        names = {container_resource(self.container)} if self.container is not None else set()
        return frozenset(names | {dataset_resource(moved.dataset_id) for moved in self.datasets})


@dataclass(frozen=True)
class ChangeTowards(GroupChange):
    """Shared by those that lead to another node, by its UUID and its address."""

    destination: NodeId
    address: str

    @property
    def kind(self) -> str:
        """What failed on the way to one node says nothing of the way to another."""
        return f"{type(self).__name__}({self.address})"

    def is_wanted_by(self, view: NodeView) -> bool:
        """Whether all of it is still to go to that node, as far as is known."""
        if self.container is not None and self.container not in view.containers:
            return False
        return all(self._is_wanted(moved, view) for moved in self.datasets)

    def _is_wanted(self, moved: Moved, view: NodeView) -> bool:
        wanted = view.datasets.get(moved.dataset_id)
        if wanted is None:
            return True
        dataset, grant = wanted.dataset, wanted.grant
        is_superseded = grant.epoch > moved.lease.epoch and grant.owner != self.destination
        return dataset.primary == self.destination and not (dataset.deleted or is_superseded)


@implementer(IStateChange)
@dataclass(frozen=True)
class PushDatasets(ChangeTowards):
    """Replicate datasets to another node while they are in use, until the rest is small.

    It can be cut off at any time: nothing has changed for the container then.
    """

    transfers: ClassVar[bool] = True

    def withdrawn_by(self, view: NodeView) -> bool:
        return not self.is_wanted_by(view)

    async def run(self, doors: Doors) -> None:
        for moved in self.datasets:
            move = doors.wishes.move(moved.dataset_id)
            reason = doors.moves.given_up(moved.dataset_id, move)
            if reason is not None:
                raise MoveGivenUp(reason)
            begin(doors, moved, self.destination)
        self._phase(doors, "pushing")
        try:
            await self._push(doors)
        except MoveGivenUp as error:
            for moved in self.datasets:
                move = doors.wishes.move(moved.dataset_id)
                doors.moves.give_up(moved.dataset_id, move, str(error))
            raise
        except CancelledError:
            if doors.wishes.view is not None and self.withdrawn_by(doors.wishes.view):
                self._phase(doors, "rolled back", "it was not wanted any more")
            raise
        except Exception as error:
            for moved in self.datasets:
                doors.moves.fail(moved.dataset_id, "pushing", str(error))
            raise

    async def _push(self, doors: Doors) -> None:
        peer = await doors.peers.connect(self.destination, self.address)
        try:
            await Push(doors, peer, self).run()
        finally:
            peer.close()

    def _phase(self, doors: Doors, phase: str, error: str | None = None) -> None:
        for moved in self.datasets:
            doors.moves.phase(moved.dataset_id, phase, error)


@implementer(IStateChange)
@dataclass(frozen=True)
class PostponeMove(ChangeTowards):
    """Say of a move that is not begun why it is not; it fails until that is so no more."""

    transfers: ClassVar[bool] = False
    why: str

    async def run(self, doors: Doors) -> None:
        for moved in self.datasets:
            begin(doors, moved, self.destination)
            doors.moves.phase(moved.dataset_id, "preparing", self.why)
        raise ContainerError(self.why)


def begin(doors: Doors, moved: Moved, destination: NodeId) -> None:
    """Have an account of the move of a dataset to that node."""
    move = doors.wishes.move(moved.dataset_id)
    move_id = move.move_id if move is not None else None
    epoch = moved.lease.epoch + 1
    doors.moves.begin(moved.dataset_id, epoch, doors.node_id, destination, move_id)


class Push:
    """A push that goes on: laps, each a round of every dataset, so that all are as fresh.

    What the user wants of it is looked up all the time, and may change.
    """

    def __init__(self, doors: Doors, peer: IPeer, change: PushDatasets) -> None:
        self._doors = doors
        self._peer = peer
        self._change = change
        self._ids = tuple(moved.dataset_id for moved in change.datasets)
        self._rounds: dict[DatasetId, tuple[Round, ...]] = dict.fromkeys(self._ids, ())
        self._snapshot_at: dict[DatasetId, float] = {}
        self._transfer: Transfer | None = None
        self._limit: int | None = None
        self._late: str | None = None

    async def run(self) -> None:
        """Until it is time to switch; MoveGivenUp when it is not to come to that."""
        going_on = Deferred.fromCoroutine(self._run())
        watching = LoopingCall(self._watch, going_on)
        watching.clock = self._doors.clock
        watched = watching.start(REPORT_SECONDS, now=False)
        watched.addErrback(lambda failure: _log.failure("a push is not watched", failure))
        try:
            await going_on
        except CancelledError:
            if self._late is not None:
                raise MoveGivenUp(self._late) from None
            raise
        finally:
            if watching.running:
                watching.stop()

    async def _run(self) -> None:
        await self._lap()
        if self._change.container is not None:
            # Its image may have to be pulled there: better now than during the pause.
            image = await self._image(self._change.container)
            has_ended = self._doors.wishes.has_ended(self._change.container)
            await self._peer.prepared(self._change.container, image, has_ended)
        has_waited = False
        while True:
            decision = self._decide(has_waited)
            _log.info("{verdict}: {reason}", verdict=decision.verdict.value, reason=decision.reason)
            if decision.verdict is rounds.Verdict.GIVE_UP:
                raise MoveGivenUp(decision.reason)
            if decision.verdict is rounds.Verdict.SWITCH:
                return
            self._phase("pushing", decision.reason if decision.is_missed else None)
            has_waited = decision.wait_seconds > 0
            if has_waited:
                await deferLater(self._doors.clock, decision.wait_seconds)
            await self._lap()

    def _phase(self, phase: str, error: str | None = None) -> None:
        for dataset_id in self._ids:
            self._doors.moves.phase(dataset_id, phase, error)

    async def _image(self, name: str) -> ExactImage | None:
        """What it runs with here: its tag may mean another version there."""
        have = await self._doors.containers.look(name)
        view = self._doors.wishes.view
        wanted = view.containers.get(name) if view is not None else None
        if have is None or not have.image_id:
            return None
        if wanted is None or wanted.image != have.container.image:
            return None
        if self._options().image_may_differ:
            return ExactImage(wanted.image, "")
        found = await self._doors.containers.image(have.image_id)
        digests = found.digests if found is not None else ()
        return ExactImage(wanted.image, have.image_id, digests)

    async def _lap(self) -> None:
        """A snapshot of all, of one instant where this ZFS can; then a stream for each."""
        for moved in self._change.datasets:
            if not self._rounds[moved.dataset_id]:
                await self._complete(moved)
                await self._bring_kept(moved)
        have = {
            moved.dataset_id: (moved, (await local_copy(self._doors, moved.dataset_id)).snapshots)
            for moved in self._change.datasets
        }
        taken = await take_snapshots(self._doors, have)
        now = self._doors.clock.seconds()
        for moved in self._change.datasets:
            await self._round(moved, taken[moved.dataset_id], now)

    async def _complete(self, moved: Moved) -> None:
        """Go on with what an earlier attempt did not bring to its end."""
        dataset_id = moved.dataset_id

        def under_way(receiving: IReceiving) -> None:
            self._follow(Transfer(self._doors, moved, None, (), receiving))

        try:
            done = await resuming.complete(
                self._doors, self._peer, dataset_id, moved.lease.epoch, under_way
            )
        finally:
            self._transfer = None
        if done is not None:
            self._doors.moves.round(dataset_id, done)

    async def _bring_kept(self, moved: Moved) -> None:
        """Send what is kept here and not there before the first round, each part once."""

        async def under_way(transfer: Transfer, snapshot: Snapshot) -> None:
            self._follow(transfer)
            expected_bytes = await self._expected(transfer, snapshot, 0.0)
            self._doors.moves.expect(moved.dataset_id, expected_bytes)

        try:
            async for done in bring_kept(self._doors, self._peer, moved, under_way):
                self._transfer = None
                self._doors.moves.round(moved.dataset_id, done)
        finally:
            self._transfer = None

    def _follow(self, transfer: Transfer) -> None:
        self._transfer, self._limit = transfer, None
        self._set_limit()

    async def _round(self, moved: Moved, snapshot: Snapshot, now: float) -> None:
        """Send a snapshot that was taken at `now`."""
        doors, dataset_id = self._doors, moved.dataset_id
        before = self._snapshot_at.get(dataset_id)
        self._snapshot_at[dataset_id] = now
        since_seconds = max(now - before, SINCE_SECONDS_MIN) if before is not None else 0.0
        transfer = await Transfer.open(doors, self._peer, moved)
        try:
            self._follow(transfer)
            doors.moves.expect(dataset_id, await self._expected(transfer, snapshot, since_seconds))
            sent = await transfer.send(snapshot)
        finally:
            self._transfer = None
            transfer.receiving.abort()
        await prune(doors, self._peer, dataset_id, snapshot)
        if before is None:
            # There is a copy there now, and all that is to come is written as users want it.
            await bring_properties(doors, self._peer, dataset_id)
        done = Round(sent.sent_bytes, sent.seconds, since_seconds)
        self._rounds[dataset_id] = (*self._rounds[dataset_id], done)
        doors.moves.round(dataset_id, done)

    async def _expected(
        self, transfer: Transfer, snapshot: Snapshot, since_seconds: float
    ) -> int | None:
        """About how many bytes the round sends; where storage cannot tell, at the rate so far."""
        dataset_id = transfer.moved.dataset_id
        base = transfer.base.name if transfer.base is not None else None
        with suppress(FlockerError):
            estimate = await self._doors.storage.estimate(dataset_id, base, snapshot.name)
            if estimate:
                return estimate
        rate = write_rate(self._rounds[dataset_id])
        return round(rate * since_seconds) if rate is not None else None

    def _watch(self, going_on: Deferred[None]) -> None:
        """Tell how far it is, and heed what the user changed and how late it is."""
        transfer, elapsed_seconds = self._transfer, self._elapsed_seconds()
        if transfer is not None:
            self._set_limit()
            sent_bytes = transfer.receiving.sent_bytes()
            self._doors.moves.sent(transfer.moved.dataset_id, sent_bytes)
        options = self._options()
        if options.on_miss == "abort" and rounds.is_late(options, elapsed_seconds):
            self._late = rounds.miss(options, self._outlook(), elapsed_seconds)
            going_on.cancel()

    def _set_limit(self) -> None:
        limit = self._options().bandwidth_limit
        if self._transfer is not None and limit != self._limit:
            self._transfer.receiving.limit(limit)
            self._limit = limit

    def _decide(self, has_waited: bool) -> rounds.Decision:
        seen = self._outlook()
        if seen is not None:
            for dataset_id in self._ids:
                self._doors.moves.predict(dataset_id, seen.pause_seconds)
        return rounds.decide(
            self._progress(), seen, self._options(), self._elapsed_seconds(), has_waited
        )

    def _outlook(self) -> rounds.Outlook | None:
        learnt = {
            name: seconds
            for dataset_id in self._ids
            for name, seconds in self._doors.wishes.pause_costs(dataset_id).items()
        }
        costs = rounds.costs_seconds(learnt, self._change.container is not None)
        is_limited = self._options().bandwidth_limit is not None
        rate = self._doors.moves.link_rates.get(self._change.destination) if is_limited else None
        return rounds.outlook(self._progress(), costs, rate)

    def _progress(self) -> tuple[rounds.Progress, ...]:
        now = self._doors.clock.seconds()
        return tuple(
            rounds.Progress(
                self._rounds[dataset_id],
                max(now - self._snapshot_at.get(dataset_id, now), 0.0),
                self._doors.wishes.stop_seconds(dataset_id),
            )
            for dataset_id in self._ids
        )

    def _options(self) -> MoveOptions:
        return self._doors.wishes.options(self._ids[0])

    def _elapsed_seconds(self) -> float:
        return self._doors.moves.elapsed_seconds(self._ids[0])
