"""Keeps the copies at standbys fresh: sends one snapshot set of a group to one of them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from flocker_lite.convergence import resuming
from flocker_lite.convergence.context import AgentContext, Executors
from flocker_lite.convergence.copy_log import TakenSet
from flocker_lite.convergence.transfer import (
    Transfer,
    agree_on_base,
    copy_properties,
    kept_guids,
    local_copy,
    prune,
    prune_here,
    take_snapshots,
)
from flocker_lite.errors import Busy, Conflict, FlockerError
from flocker_lite.interfaces import IPeer, IReceiving, PeerCopy
from flocker_lite.interfaces.peer_requests import ArrivedSnapshot, Copy, SnapshotSetComplete
from flocker_lite.model.records import DatasetId
from flocker_lite.model.replicas import RPO_SECONDS_DEFAULT
from flocker_lite.model.replication import StandbyBase, replication_key
from flocker_lite.model.state import Snapshot
from flocker_lite.planner.move_changes import Moved
from flocker_lite.planner.replication_changes import ReplicateDatasets, ReviewBases
from flocker_lite.planner.replication_plan import SHARED_AGE, CopyProgress

WATCH_SECONDS = 1.0
"""How often progress is reported, and the bandwidth limit read again."""

BASE_SHARE_MAX = 0.1
"""The part of the pool that may be held for the next increment to a standby that is away."""

_log = Logger()


async def replicate_datasets(change: ReplicateDatasets, context: AgentContext) -> None:
    replicating = Replicating(context, change)
    try:
        # A seed may take long, and the whole of a connection.
        connect = context.peers.connect if change.is_seed else context.standbys.connect
        peer = await connect(change.destination, change.address)
        try:
            await replicating.run(peer)
        finally:
            peer.close()
    except FlockerError:
        await replicating.note_lag()
        raise
    finally:
        context.copies.ended(replicating.keys.values())


class Replicating:
    """A set on its way to a standby. It reads the bandwidth limit all the time."""

    def __init__(self, context: AgentContext, change: ReplicateDatasets) -> None:
        self._context = context
        self._change = change
        self._ids = tuple(moved.dataset_id for moved in change.datasets)
        self._began = context.clock.seconds()
        self._receiving: tuple[str, IReceiving] | None = None
        self._limit: int | None = None
        self.keys = {each: replication_key(each, change.destination) for each in self._ids}
        for key in self.keys.values():
            context.copies.goes_on(key, CopyProgress(change.is_seed))

    async def run(self, peer: IPeer) -> None:
        watching = LoopingCall(self._watch)
        watching.clock = self._context.clock
        watched = watching.start(WATCH_SECONDS, now=False)
        watched.addErrback(lambda failure: _log.failure("cannot watch a replication", failure))
        try:
            await self._run(peer)
        finally:
            if watching.running:
                watching.stop()

    async def note_lag(self) -> None:
        """Note how much the standby lacks, as far as this storage can tell."""
        for dataset_id, key in self.keys.items():
            base = self._context.copies.notes.bases.get(key)
            with suppress(FlockerError):
                local = await local_copy(self._context, dataset_id)
                name = next(
                    (each.name for each in local.snapshots if base and each.guid == base.guid), None
                )
                lag_bytes = await self._context.storage.estimate(dataset_id, name, None)
                if lag_bytes is not None:
                    self._context.copies.lacks(key, lag_bytes)

    async def _run(self, peer: IPeer) -> None:
        context, change = self._context, self._change
        there = {moved.dataset_id: await self._complete(peer, moved) for moved in change.datasets}
        taken = await self._snapshots(there)
        for moved in change.datasets:
            await self._send(peer, moved, there[moved.dataset_id], taken)
        arrived = tuple(
            ArrivedSnapshot(dataset_id, snapshot.guid)
            for dataset_id, snapshot in sorted(taken.snapshots.items())
        )
        epoch = change.datasets[0].lease.epoch
        await peer.ask(SnapshotSetComplete(epoch, taken.taken_at, arrived))
        bases = {
            self.keys[dataset_id]: StandbyBase(snapshot.guid, taken.taken_at)
            for dataset_id, snapshot in taken.snapshots.items()
        }
        view = context.desired.view
        await context.copies.notes.note_bases(bases, {*self._ids, *(view.datasets if view else ())})
        for dataset_id, snapshot in taken.snapshots.items():
            context.copies.use(self.keys[dataset_id], {snapshot.guid})
            await prune(context, peer, dataset_id, snapshot)
        context.copies.completed(self.keys.values(), self._took_seconds())

    def _took_seconds(self) -> float:
        """How long the set took, with the wait for others before it began."""
        waited = self._began - self._change.due_at
        is_a_queue = 0.0 < waited <= self._rpo_seconds()
        return self._context.clock.seconds() - self._began + (waited if is_a_queue else 0.0)

    async def _complete(self, peer: IPeer, moved: Moved) -> PeerCopy:
        """The peer's copy, after the rest of a stream that an earlier attempt left unfinished."""
        dataset_id = moved.dataset_id
        copy = await peer.ask(Copy(dataset_id))
        if copy.resume_token is not None:

            def under_way(receiving: IReceiving) -> None:
                self._follow(dataset_id, receiving, None)

            try:
                await resuming.complete(
                    self._context, peer, dataset_id, moved.lease.epoch, under_way
                )
            finally:
                self._receiving = None
            copy = await peer.ask(Copy(dataset_id))
        has = {copy.newest.guid} if copy.newest is not None else set()
        self._context.copies.use(self.keys[dataset_id], has)
        return copy

    async def _snapshots(self, there: Mapping[DatasetId, PeerCopy]) -> TakenSet:
        """The set to send: a new one, or one that was just taken for another standby."""
        turn = self._context.copies.turn(frozenset(self._ids))
        await turn.acquire()
        try:
            return await self._taken(there)
        finally:
            turn.release()

    async def _taken(self, there: Mapping[DatasetId, PeerCopy]) -> TakenSet:
        context = self._context
        have = {each: (await local_copy(context, each)).snapshots for each in self._ids}
        known = context.copies.newest_set(frozenset(self._ids))
        if known is not None and self._is_fresh(known, have, there):
            taken = known
        else:
            # Those of attempts that failed would pile up while a standby is full, say.
            for dataset_id, snapshots in have.items():
                await prune_here(
                    context, dataset_id, snapshots, kept_guids(context, dataset_id, snapshots)
                )
            taken_at = context.clock.seconds()
            by_id = {moved.dataset_id: moved for moved in self._change.datasets}
            taken_now = await take_snapshots(
                context, {each: (by_id[each], have[each]) for each in self._ids}
            )
            taken = TakenSet(taken_at, taken_now)
            context.copies.took_set(taken)
        for dataset_id, snapshot in taken.snapshots.items():
            newest = there[dataset_id].newest
            has = {newest.guid} if newest is not None else set()
            context.copies.use(self.keys[dataset_id], has | {snapshot.guid})
        return taken

    def _is_fresh(
        self,
        known: TakenSet,
        have: Mapping[DatasetId, tuple[Snapshot, ...]],
        there: Mapping[DatasetId, PeerCopy],
    ) -> bool:
        """Whether the set is young, still here, and later than all that the standby has."""
        age_seconds = self._context.clock.seconds() - known.taken_at
        if age_seconds > SHARED_AGE * self._rpo_seconds():
            return False
        for dataset_id, snapshot in known.snapshots.items():
            places = {each.guid: place for place, each in enumerate(have[dataset_id])}
            newest = there[dataset_id].newest
            here = places.get(newest.guid, len(places)) if newest is not None else -1
            if here >= places.get(snapshot.guid, -1):
                return False
        return True

    async def _send(self, peer: IPeer, moved: Moved, copy: PeerCopy, taken: TakenSet) -> None:
        """Send what the standby lacks up to the snapshot of the set, one by one."""
        context, dataset_id = self._context, moved.dataset_id
        local = await local_copy(context, dataset_id)
        last = taken.snapshots[dataset_id]
        place = next(n for n, each in enumerate(local.snapshots) if each.guid == last.guid)
        snapshots = local.snapshots[: place + 1]
        base, steps = await agree_on_base(context, peer, dataset_id, snapshots, copy)
        for step in (*(each for each in steps if each.guid != last.guid), last):
            transfer = await Transfer.begin(context, peer, moved, base, snapshots)
            try:
                expected = await self._expected(dataset_id, base, step)
                self._follow(dataset_id, transfer.receiving, expected)
                await transfer.send(step)
            finally:
                self._receiving = None
                transfer.receiving.abort()
            base = step
        if not copy.exists:
            await copy_properties(context, peer, dataset_id)

    async def _expected(
        self, dataset_id: DatasetId, base: Snapshot | None, step: Snapshot
    ) -> int | None:
        if base is not None:
            return None  # an increment is usually over before anybody could look
        with suppress(FlockerError):
            return await self._context.storage.estimate(dataset_id, None, step.name)
        return None

    def _follow(self, dataset_id: DatasetId, receiving: IReceiving, expected: int | None) -> None:
        key = self.keys[dataset_id]
        self._receiving, self._limit = (key, receiving), None
        progress = CopyProgress(self._change.is_seed, 0, expected)
        self._context.copies.goes_on(key, progress)
        self._set_limit()

    def _watch(self) -> None:
        """Report how far it is, and apply a bandwidth limit that was changed."""
        if self._receiving is None:
            return
        self._set_limit()
        key, receiving = self._receiving
        before = self._context.copies.known.going_on.get(key, CopyProgress(self._change.is_seed))
        sent_bytes = receiving.sent_bytes()
        expected = before.expected_bytes
        expected = max(expected, sent_bytes) if expected is not None else None
        self._context.copies.goes_on(key, CopyProgress(before.is_seed, sent_bytes, expected))
        self._context.observer.report()

    def _set_limit(self) -> None:
        replicas = self._context.desired.replicas(self._ids[0])
        limit = replicas.bandwidth_limit if replicas is not None else None
        if self._receiving is not None and limit != self._limit:
            self._receiving[1].limit(limit)
            self._limit = limit

    def _rpo_seconds(self) -> float:
        replicas = self._context.desired.replicas(self._ids[0])
        return replicas.rpo_seconds if replicas is not None else RPO_SECONDS_DEFAULT


async def review_bases(change: ReviewBases, context: AgentContext) -> None:
    ids = [moved.dataset_id for moved in change.datasets]
    keys = {each: replication_key(each, change.destination) for each in ids}
    context.copies.reviewed(keys.values())
    held_bytes = sum([await context.storage.held_bytes(each) or 0 for each in ids])
    capacity = await context.storage.capacity()
    if held_bytes <= BASE_SHARE_MAX * capacity.size_bytes:
        return
    now = context.clock.seconds()
    known = context.copies.notes.bases
    let_go = {key: known[key] for key in keys.values() if key in known}
    _log.warn(
        "the snapshots for the next increment to node {node} hold {held} bytes: letting go of them",
        node=change.destination,
        held=held_bytes,
    )
    view = context.desired.view
    bases = {key: StandbyBase(None, base.taken_at, now) for key, base in let_go.items()}
    await context.copies.notes.note_bases(bases, {*ids, *(view.datasets if view else ())})
    for dataset_id, key in keys.items():
        context.copies.use(key, ())
        if key in let_go:
            await _let_go(context, dataset_id, let_go[key].guid)


async def _let_go(context: AgentContext, dataset_id: DatasetId, guid: str | None) -> None:
    local = await local_copy(context, dataset_id)
    if guid in kept_guids(context, dataset_id, local.snapshots):
        return  # another standby needs it
    for snapshot in local.snapshots:
        if snapshot.guid == guid:
            # An aside may need it, or a user holds it.
            with suppress(Conflict, Busy):
                await context.storage.destroy_snapshot(dataset_id, snapshot.name)


EXECUTORS: Executors = {
    ReplicateDatasets: replicate_datasets,
    ReviewBases: review_bases,
}
