"""Replicates datasets to another node while they are in use: the first half of a move."""

from __future__ import annotations

from contextlib import suppress

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from flocker_lite.convergence import pause_steps, resuming
from flocker_lite.convergence.context import AgentContext, Executors
from flocker_lite.convergence.joint_switch import Point
from flocker_lite.convergence.transfer import (
    Transfer,
    copy_properties,
    local_copy,
    prune,
    send_kept,
    take_snapshots,
)
from flocker_lite.errors import ContainerError, FlockerError, MoveGivenUp
from flocker_lite.interfaces import IPeer, IReceiving
from flocker_lite.interfaces.peer_requests import Prepared
from flocker_lite.model.estimates import Estimate, total
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.move_progress import write_rate
from flocker_lite.model.records import DatasetId, MoveOptions, NodeId
from flocker_lite.model.state import Round, Snapshot
from flocker_lite.model.volume_edits import ON_USE_ABORT, ON_USE_AWAIT
from flocker_lite.planner import switch_policy
from flocker_lite.planner.move_changes import Moved, PostponeMove, PushDatasets

REPORT_SECONDS = 1.0
"""How often a push reports its progress and reads its options again."""

READY_SECONDS = 2.0
"""How long at least it waits for those that switch together with it, before another round."""

SINCE_SECONDS_MIN = 0.001
"""The least time between two snapshots, even if somebody set the clock back."""

ENDED_USES = (ON_USE_ABORT, ON_USE_AWAIT)
"""A lone dataset that moves with one of these has no users, or none soon: more rounds do not help,
because somebody waits for it already."""

_log = Logger()


async def push_datasets(change: PushDatasets, context: AgentContext) -> None:
    for moved in change.datasets:
        move = context.desired.move(moved.dataset_id)
        reason = context.moves.given_up(moved.dataset_id, move)
        if reason is not None:
            raise MoveGivenUp(reason)
        begin(context, moved, change.destination)
    _phase(context, change, "pushing")
    try:
        await _push(context, change)
    except MoveGivenUp as error:
        for moved in change.datasets:
            move = context.desired.move(moved.dataset_id)
            context.moves.give_up(moved.dataset_id, move, str(error))
        raise
    except CancelledError:
        if context.desired.view is not None and change.withdrawn_by(context.desired.view):
            _phase(context, change, "rolled back", "the move is no longer wanted")
        raise
    except Exception as error:
        for moved in change.datasets:
            context.moves.fail(moved.dataset_id, "pushing", str(error))
        raise


async def _push(context: AgentContext, change: PushDatasets) -> None:
    peer = await context.peers.connect(change.destination, change.address)
    try:
        await Push(context, peer, change).run()
    finally:
        peer.close()


def _phase(
    context: AgentContext, change: PushDatasets, phase: str, error: str | None = None
) -> None:
    for moved in change.datasets:
        context.moves.phase(moved.dataset_id, phase, error)


async def postpone_move(change: PostponeMove, context: AgentContext) -> None:
    for moved in change.datasets:
        begin(context, moved, change.destination)
        context.moves.phase(moved.dataset_id, "preparing", change.why)
    raise ContainerError(change.why)


def begin(context: AgentContext, moved: Moved, destination: NodeId) -> None:
    """Begin the progress of a dataset's move to that node."""
    move = context.desired.move(moved.dataset_id)
    move_id = move.move_id if move is not None else None
    epoch = moved.lease.epoch + 1
    context.moves.begin(moved.dataset_id, epoch, context.node_id, destination, move_id)


class Push:
    """A running push: laps, each with a round of every dataset, so that all are equally fresh.

    It reads the options of the move all the time, because users may change them.
    """

    def __init__(self, context: AgentContext, peer: IPeer, change: PushDatasets) -> None:
        self._context = context
        self._peer = peer
        self._change = change
        self._ids = tuple(moved.dataset_id for moved in change.datasets)
        self._rounds: dict[DatasetId, tuple[Round, ...]] = dict.fromkeys(self._ids, ())
        self._snapshot_at: dict[DatasetId, float] = {}
        self._transfer: Transfer | None = None
        self._limit: int | None = None
        self._late: str | None = None

    async def run(self) -> None:
        """Push until it is time to switch; MoveGivenUp when the move must not switch."""
        going_on = Deferred.fromCoroutine(self._run())
        watching = LoopingCall(self._watch, going_on)
        watching.clock = self._context.clock
        watched = watching.start(REPORT_SECONDS, now=False)
        watched.addErrback(lambda failure: _log.failure("cannot watch a push", failure))
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
        is_unused = self._change.container is None and self._options().on_use in ENDED_USES
        if is_unused and await self._stands_by():
            return
        await self._lap()
        if is_unused:
            return
        if self._change.container is not None:
            # The destination may have to pull the image: better now than during the pause.
            image = await self._image(self._change.container)
            has_ended = self._context.desired.has_ended(self._change.container)
            await self._peer.ask(Prepared(self._change.container, image, has_ended))
        has_waited = False
        while True:
            self._require_companions()
            decision = self._decide(has_waited)
            _log.info("{verdict}: {reason}", verdict=decision.verdict.value, reason=decision.reason)
            if decision.verdict is switch_policy.Verdict.GIVE_UP:
                raise MoveGivenUp(decision.reason)
            if decision.verdict is switch_policy.Verdict.SWITCH:
                missing = await self._ready()
                if not missing:
                    await self._quiesce()
                    return
                has_waited = True
                why = f"waits for {_listed(missing)}, to switch together at one instant"
                _phase(self._context, self._change, "pushing", why)
            else:
                missed = decision.reason if decision.is_missed else None
                _phase(self._context, self._change, "pushing", missed)
                has_waited = decision.wait_seconds > 0
                if has_waited:
                    await deferLater(self._context.clock, decision.wait_seconds)
            await self._lap()

    async def _stands_by(self) -> bool:
        """Whether the destination has fresh copies that go on from a snapshot here."""
        desired, there = self._context.desired, self._change.destination
        for dataset_id in self._ids:
            replicas = desired.replicas(dataset_id)
            here = (await local_copy(self._context, dataset_id)).snapshots
            goes_on = desired.bases(dataset_id).get(there) in {each.guid for each in here}
            if replicas is None or there not in replicas.nodes or not goes_on:
                return False
        return True

    async def _ready(self) -> frozenset[str]:
        """Begin to switch with those that move together with it; returns who is not ready yet."""
        name = self._change.container
        if name is None:
            return frozenset()
        last_lap_seconds = sum(rounds[-1].seconds for rounds in self._rounds.values())
        seconds = max(READY_SECONDS, last_lap_seconds)
        return await self._context.joint_switches.ready(name, seconds)

    async def _quiesce(self) -> None:
        """Run the hook before the switch, and send what it wrote while the container still runs.

        Those that switch together run theirs at the same time, and then all send once more, so that
        none of them is stale because another one took long.
        """
        name = self._change.container or ""
        switch = self._context.joint_switches.begun(name)
        if switch is None or not switch.has_hooks:
            return
        try:
            await self._context.hooks.before_switch(name, self._ids[0])
            await switch.meet(name, Point.QUIESCED)
            for laps in range(1, switch_policy.LAPS_AFTER_HOOK_MAX + 1):
                await self._lap(after_hook=laps == 1)
                self._predict(self._outlook())
                if switch_policy.is_quiet(self._progress(), self._outlook(), laps):
                    break
        except Exception as error:
            # The others wait for it from now on, so they have to hear of it.
            self._context.joint_switches.of(name).fail(name, error)
            raise

    def _require_companions(self) -> None:
        """MoveGivenUp when the move of one that moves together with it was given up."""
        context = self._context
        for name in sorted(context.joint_switches.companions(self._change.container or "")):
            desired = context.desired.container(name)
            for volume in desired.volumes if desired is not None else ():
                move = context.desired.move(volume.dataset_id)
                reason = context.moves.given_up(volume.dataset_id, move)
                if reason is not None:
                    raise MoveGivenUp(f"container {name}, which moves together with it: {reason}")

    async def _image(self, name: str) -> ExactImage | None:
        """The exact image of the container here, because its tag may be another version there."""
        have = await self._context.containers.look(name)
        view = self._context.desired.view
        desired = view.containers.get(name) if view is not None else None
        if have is None or not have.image_id:
            return None
        if desired is None or desired.image != have.container.image:
            return None
        if self._options().image_may_differ:
            return ExactImage(desired.image, "")
        found = await self._context.containers.image(have.image_id)
        digests = found.digests if found is not None else ()
        return ExactImage(desired.image, have.image_id, digests)

    async def _lap(self, after_hook: bool = False) -> None:
        """Snapshot all datasets, at one instant where this ZFS can; then send each."""
        for moved in self._change.datasets:
            if not self._rounds[moved.dataset_id]:
                await self._complete(moved)
                await self._send_kept(moved)
        have = {
            moved.dataset_id: (moved, (await local_copy(self._context, moved.dataset_id)).snapshots)
            for moved in self._change.datasets
        }
        taken = await take_snapshots(self._context, have)
        now = self._context.clock.seconds()
        for moved in self._change.datasets:
            await self._round(moved, taken[moved.dataset_id], now, after_hook)

    async def _complete(self, moved: Moved) -> None:
        """Resume the stream that an earlier attempt left unfinished."""
        dataset_id = moved.dataset_id

        def under_way(receiving: IReceiving) -> None:
            self._follow(Transfer(self._context, moved, None, (), receiving))

        try:
            done = await resuming.complete(
                self._context, self._peer, dataset_id, moved.lease.epoch, under_way
            )
        finally:
            self._transfer = None
        if done is not None:
            self._context.moves.round(dataset_id, done)

    async def _send_kept(self, moved: Moved) -> None:
        """Send the kept snapshots that the destination lacks, before the first round."""

        async def under_way(transfer: Transfer, snapshot: Snapshot) -> None:
            self._follow(transfer)
            expected_bytes = await self._expected(transfer, snapshot, 0.0)
            self._context.moves.expect(moved.dataset_id, expected_bytes)

        try:
            async for done in send_kept(self._context, self._peer, moved, under_way):
                self._transfer = None
                self._context.moves.round(moved.dataset_id, done)
        finally:
            self._transfer = None

    def _follow(self, transfer: Transfer) -> None:
        self._transfer, self._limit = transfer, None
        self._set_limit()

    async def _round(
        self, moved: Moved, snapshot: Snapshot, now: float, after_hook: bool = False
    ) -> None:
        """Send a snapshot, which was taken at `now`."""
        context, dataset_id = self._context, moved.dataset_id
        before = self._snapshot_at.get(dataset_id)
        self._snapshot_at[dataset_id] = now
        since_seconds = max(now - before, SINCE_SECONDS_MIN) if before is not None else 0.0
        transfer = await Transfer.open(context, self._peer, moved)
        try:
            self._follow(transfer)
            context.moves.expect(
                dataset_id, await self._expected(transfer, snapshot, since_seconds)
            )
            sent = await transfer.send(snapshot)
        finally:
            self._transfer = None
            transfer.receiving.abort()
        await prune(context, self._peer, dataset_id, snapshot)
        if before is None:
            # The copy exists there now. Properties apply to everything that is written later.
            await copy_properties(context, self._peer, dataset_id)
        done = Round(sent.sent_bytes, sent.seconds, since_seconds, after_hook)
        self._rounds[dataset_id] = (*self._rounds[dataset_id], done)
        context.moves.round(dataset_id, done)

    async def _expected(
        self, transfer: Transfer, snapshot: Snapshot, since_seconds: float
    ) -> int | None:
        """The estimated bytes of the round: by storage, or else by the write rate so far."""
        dataset_id = transfer.moved.dataset_id
        base = transfer.base.name if transfer.base is not None else None
        with suppress(FlockerError):
            estimate = await self._context.storage.estimate(dataset_id, base, snapshot.name)
            if estimate:
                return estimate
        rate = write_rate(self._rounds[dataset_id])
        return round(rate * since_seconds) if rate is not None else None

    def _watch(self, going_on: Deferred[None]) -> None:
        """Report the progress, apply changed options, and give up when the deadline has passed."""
        transfer, elapsed_seconds = self._transfer, self._elapsed_seconds()
        if transfer is not None:
            self._set_limit()
            sent_bytes = transfer.receiving.sent_bytes()
            self._context.moves.sent(transfer.moved.dataset_id, sent_bytes)
        options = self._options()
        if options.on_miss == "abort" and switch_policy.is_late(options, elapsed_seconds):
            self._late = switch_policy.miss(options, self._outlook(), elapsed_seconds)
            going_on.cancel()

    def _set_limit(self) -> None:
        limit = self._options().bandwidth_limit
        if self._transfer is not None and limit != self._limit:
            self._transfer.receiving.limit(limit)
            self._limit = limit

    def _decide(self, has_waited: bool) -> switch_policy.Decision:
        seen = self._outlook()
        self._predict(seen)
        return switch_policy.decide(
            self._progress(), seen, self._options(), self._elapsed_seconds(), has_waited
        )

    def _predict(self, seen: switch_policy.Outlook | None) -> None:
        if seen is not None:
            rounds = len(self._rounds[self._ids[0]])
            pause_steps.predict(self._context, self._steps(), self._ids, seen, rounds)

    def _outlook(self) -> switch_policy.Outlook | None:
        costs = total(self._steps().values()).p50_seconds
        is_limited = self._options().bandwidth_limit is not None
        rate = self._context.moves.link_rates.get(self._change.destination) if is_limited else None
        return switch_policy.outlook(self._progress(), costs, rate)

    def _steps(self) -> dict[str, Estimate]:
        return pause_steps.expected(self._context, self._change.container, self._ids)

    def _progress(self) -> tuple[switch_policy.Progress, ...]:
        now = self._context.clock.seconds()
        return tuple(
            switch_policy.Progress(
                self._rounds[dataset_id],
                max(now - self._snapshot_at.get(dataset_id, now), 0.0),
                pause_steps.last_writes_seconds(self._context, dataset_id, len(self._ids)),
            )
            for dataset_id in self._ids
        )

    def _options(self) -> MoveOptions:
        return self._context.desired.options(self._ids[0])

    def _elapsed_seconds(self) -> float:
        return self._context.moves.elapsed_seconds(self._ids[0])


def _listed(names: frozenset[str]) -> str:
    return ", ".join(f"container {name}" for name in sorted(names))


EXECUTORS: Executors = {
    PushDatasets: push_datasets,
    PostponeMove: postpone_move,
}
