"""Handing datasets over to another node: the second half of a move, its end, and its undoing.

The order of the durable steps is the safety of the whole: see `model.lease`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from zope.interface import implementer

from flocker_lite.convergence import following
from flocker_lite.convergence.changes import (
    STOP_TIMEOUT_SECONDS,
    TRIAL_STOP_TIMEOUT_SECONDS,
    Doors,
    IStateChange,
)
from flocker_lite.convergence.loans import loan_seconds
from flocker_lite.convergence.obstacles import require_unmountable
from flocker_lite.convergence.pushing import ChangeTowards, GroupChange
from flocker_lite.convergence.transfer import (
    Moved,
    Transfer,
    local_copy,
    open_last,
    prune,
    take_snapshots,
)
from flocker_lite.errors import (
    ContainerError,
    FlockerError,
    NotFound,
    NotHealthy,
    PeerRefused,
    PeerUnreachable,
)
from flocker_lite.interfaces import IPeer, Lent, Released
from flocker_lite.model import increments, lease
from flocker_lite.model.records import DatasetId, HealthCheck, NodeId
from flocker_lite.model.state import NodeView, Snapshot

RECALL_RETRY_SECONDS = 2.0

PAUSE_STALL_TIMEOUT_SECONDS = 10.0
"""Nobody is served while the last stream stands still: then the service goes on here instead."""

_log = Logger()


@implementer(IStateChange)
@dataclass(frozen=True)
class HandoffDatasets(ChangeTowards):
    """Stop the container, send the rest, and hand its datasets over to another node.

    All of what takes long (connections, the receiver's start) is done before the stop. A failure
    before the stop leaves everything as it was; one after it leaves leases that say "releasing",
    from which `ReclaimDatasets` brings the service back; one after the commit point leaves leases
    that say "released", from which `DeliverDatasets` goes on. Several datasets are committed with
    one lease, that of their coordinator (`model.membership`): what was cut off follows it.

    With a `health_check` the container runs there on trial before the commit point, for as long
    as it is lent; a failure then leaves leases that say "lent", from which `RecallDatasets` and
    `ReclaimDatasets` bring the service back.
    """

    transfers: ClassVar[bool] = True
    ports: tuple[int, ...]
    health_check: HealthCheck | None = None

    def withdrawn_by(self, view: NodeView) -> bool:
        """At any time: the leases say how far it came, and what is not committed goes back."""
        return not self.is_wanted_by(view)

    async def run(self, doors: Doors) -> None:
        peer = await doors.peers.connect(self.destination, self.address)
        transfers: list[Transfer] = []
        try:
            for moved in self.datasets:
                transfers.append(await open_last(doors, peer, moved))
            # Its fence takes a moment to start: this one is for that, the loan is asked for anew.
            await self._offer_loan(peer)
            ids = [moved.dataset_id for moved in self.datasets]
            await require_unmountable(doors.storage, doors.containers, self.container, ids)
            await following.note(doors, self.datasets, self.destination)
            await self._hold(doors)
            last = await self._send_the_rest(doors, transfers)
            await self._try_out(doors, peer, last)
            await self._commit(doors)
            items = tuple(
                Released(moved.dataset_id, moved.lease.epoch + 1, last[moved.dataset_id].guid)
                for moved in self.datasets
            )
            await following.hand_over(doors.proofs, peer, self.destination, items)
            for moved in self.datasets:
                doors.moves.mark(moved.dataset_id, "hand over")
                doors.moves.end_pause(moved.dataset_id)
            leading = Deferred.fromCoroutine(_lead_on(doors, peer, self))
            try:
                await self._settle(doors, peer, last)
            finally:
                await leading
        except NotHealthy as error:
            for moved in self.datasets:
                move = doors.wishes.move(moved.dataset_id)
                doors.moves.give_up(moved.dataset_id, move, str(error))
            raise
        except Exception as error:
            for moved in self.datasets:
                doors.moves.fail(moved.dataset_id, "failed", str(error))
            raise
        finally:
            for transfer in transfers:
                transfer.receiving.abort()
            peer.close()

    async def _hold(self, doors: Doors) -> None:
        """Have new connections wait; what came before has the time of `_announce` to be served."""
        await doors.routing.hold(self.container or "", self.ports)
        try:
            await self._announce(doors)
        except Exception:
            await doors.routing.here(self.ports)
            raise

    async def _announce(self, doors: Doors) -> None:
        """Write "releasing" down before the stop: from then on a stopped container is our doing."""
        announced: list[Moved] = []
        try:
            for moved in self.datasets:
                announced.append(moved)
                releasing = lease.begin_release(moved.lease, self.destination)
                await doors.storage.set_lease(moved.dataset_id, releasing)
        except Exception:
            for moved in reversed(following.decider_first(announced)):
                await doors.storage.set_lease(moved.dataset_id, moved.lease)
            raise

    async def _send_the_rest(
        self, doors: Doors, transfers: list[Transfer]
    ) -> Mapping[DatasetId, Snapshot]:
        for moved in self.datasets:
            doors.moves.phase(moved.dataset_id, "switching")
            doors.moves.start_pause(moved.dataset_id)
        if self.container is not None:
            stopped = await doors.containers.stop(self.container, STOP_TIMEOUT_SECONDS)
            if not stopped.ran:
                await self._require_no_news(doors, self.container)
            for moved in self.datasets:
                doors.moves.stopped(moved.dataset_id, stopped.killed)
        for moved in self.datasets:
            doors.moves.mark(moved.dataset_id, "stop")
            await doors.storage.unmount(moved.dataset_id)
            doors.moves.mark(moved.dataset_id, "unmount")
        last = await take_snapshots(
            doors, {each.moved.dataset_id: (each.moved, each.snapshots) for each in transfers}
        )
        for dataset_id, snapshot in last.items():
            doors.moves.last_snapshot(dataset_id, snapshot.guid)
            doors.moves.mark(dataset_id, "snapshot")
        for transfer in transfers:
            dataset_id = transfer.moved.dataset_id
            transfer.receiving.stall_after(PAUSE_STALL_TIMEOUT_SECONDS)
            doors.moves.round(dataset_id, await transfer.send(last[dataset_id]))
            doors.moves.mark(dataset_id, "send")
        return last

    async def _require_no_news(self, doors: Doors, container: str) -> None:
        """What ended by itself just now is not to run again there: that is told first."""
        wanted = doors.wishes.container(container)
        if wanted is None or wanted.ended is not None or wanted.restart_policy.name == "always":
            return
        local = await doors.containers.look(container)
        if local is not None and local.end is not None and local.end.by_itself:
            for moved in self.datasets:
                await doors.storage.set_lease(moved.dataset_id, moved.lease)
            await doors.routing.here(self.ports)
            raise ContainerError(
                f"container {container} ended by itself when it was about to be stopped: it is "
                "moved once the cluster knows that"
            )

    async def _offer_loan(self, peer: IPeer) -> None:
        if self.container is not None and self.health_check is not None:
            ids = tuple(moved.dataset_id for moved in self.datasets)
            await peer.offer_loan(self.container, ids, loan_seconds(self.health_check))

    async def _try_out(self, doors: Doors, peer: IPeer, last: Mapping[DatasetId, Snapshot]) -> None:
        """Have the copy run there on trial; NotHealthy when it was not, and was given back."""
        if self.container is None or self.health_check is None:
            return
        await self._offer_loan(peer)
        seconds = loan_seconds(self.health_check)
        lent: list[Lent] = []
        for moved in self.datasets:
            dataset_id = moved.dataset_id
            lease_after = lease.lend(lease.begin_release(moved.lease, self.destination), seconds)
            await doors.storage.set_lease(dataset_id, lease_after)
            doors.loans.lent(dataset_id, seconds)
            lent.append(Lent(dataset_id, lease_after.epoch, last[dataset_id].guid))
            doors.moves.mark(dataset_id, "lend")
            doors.moves.phase(dataset_id, "verifying")
        try:
            await peer.lend(self.container, tuple(lent))
        except PeerRefused as error:
            raise NotHealthy(str(error)) from None
        for moved in self.datasets:
            # The time of the trial is in the other side's account, step by step.
            doors.moves.skip(moved.dataset_id)

    async def _commit(self, doors: Doors) -> None:
        """The first lease commits all of them; who is cut off after it goes on with the rest."""
        for moved in following.decider_first(self.datasets):
            releasing = lease.begin_release(moved.lease, self.destination)
            await doors.storage.set_lease(moved.dataset_id, lease.commit(releasing))
            doors.moves.mark(moved.dataset_id, "commit")

    async def _settle(self, doors: Doors, peer: IPeer, last: Mapping[DatasetId, Snapshot]) -> None:
        for moved in self.datasets:
            released = lease.Lease(lease.Role.RELEASED, moved.lease.epoch + 1, self.destination)
            await doors.storage.set_lease(moved.dataset_id, lease.settle(released))
            await prune(doors, peer, moved.dataset_id, last[moved.dataset_id])


@implementer(IStateChange)
@dataclass(frozen=True)
class DeliverDatasets(ChangeTowards):
    """Tell the node that datasets were released to that they are its own; until it knows.

    Several of them are of one handoff, and their coordinator is among them.
    """

    transfers: ClassVar[bool] = False
    ports: tuple[int, ...]

    async def run(self, doors: Doors) -> None:
        peer = await doors.peers.connect(self.destination, self.address)
        try:
            last = {each.dataset_id: await _last_sent(doors, each) for each in self.datasets}
            items = tuple(
                Released(each.dataset_id, each.lease.epoch, last[each.dataset_id].guid)
                for each in self.datasets
            )
            await following.hand_over(doors.proofs, peer, self.destination, items)
            for moved in self.datasets:
                await doors.storage.set_lease(moved.dataset_id, lease.settle(moved.lease))
                await prune(doors, peer, moved.dataset_id, last[moved.dataset_id])
                doors.moves.phase(moved.dataset_id, "done")
            await _lead_on(doors, peer, self)
        finally:
            peer.close()


@implementer(IStateChange)
@dataclass(frozen=True)
class RecallDatasets(GroupChange):
    """Make sure that what was lent is not written to any more where it was tried.

    `address` is None when nobody knows any more where that is. Who does not answer has lost it
    once the loan and a margin are over: its fence has seen to that.
    """

    transfers: ClassVar[bool] = False
    destination: NodeId
    address: str | None

    def withdrawn_by(self, view: NodeView) -> bool:
        """Its container, which is stopped here, need not wait for this when it was deleted."""
        return self.container is not None and self.container not in view.containers

    async def run(self, doors: Doors) -> None:
        await self._until_recalled(doors)
        for moved in self.datasets:
            doors.moves.waited(moved.dataset_id)

    async def _until_recalled(self, doors: Doors) -> None:
        while True:
            try:
                return await self._recall(doors)
            except FlockerError as error:
                left_seconds = max(
                    doors.loans.still_lent_seconds(moved.dataset_id, moved.lease)
                    for moved in self.datasets
                )
                if left_seconds <= 0:
                    _log.warn("{why}; its loan is over", why=error)
                    return None
                why = (
                    f"{error}; it may run the container on trial for another "
                    f"{left_seconds:.0f} s at most, and until then nothing is started here"
                )
                _log.info("{why}", why=why)
                for moved in self.datasets:
                    doors.moves.wait(moved.dataset_id, why)
                await deferLater(doors.clock, min(left_seconds, RECALL_RETRY_SECONDS))

    async def _recall(self, doors: Doors) -> None:
        if self.address is None:
            raise PeerUnreachable(f"node {self.destination} is not part of the cluster any more")
        peer = await doors.peers.connect(self.destination, self.address)
        try:
            await peer.recall(tuple(moved.dataset_id for moved in self.datasets))
        finally:
            peer.close()


@implementer(IStateChange)
@dataclass(frozen=True)
class GiveBackDatasets(GroupChange):
    """End a trial here: stop the container, keep what it wrote, and be a replica again.

    What it wrote stays in the copy as a snapshot of its own; the next push finds that the copy
    has diverged, and has it kept aside.
    """

    transfers: ClassVar[bool] = False

    async def run(self, doors: Doors) -> None:
        if not await following.any_left(doors, self.datasets):
            return
        if self.container is not None:
            await doors.containers.stop(self.container, TRIAL_STOP_TIMEOUT_SECONDS)
            await doors.containers.remove(self.container)
        for moved in self.datasets:
            async with doors.loans.turn(moved.dataset_id):
                local = await local_copy(doors, moved.dataset_id)
                if local.lease != moved.lease or await following.is_decided(doors, local):
                    continue  # it was acquired at the last moment, or is about to be
                await doors.storage.unmount(moved.dataset_id)
                stash = increments.stash_name(moved.lease.epoch, local.snapshots)
                await doors.storage.snapshot(moved.dataset_id, stash)
                await doors.storage.set_lease(moved.dataset_id, lease.give_back(moved.lease))
        if self.container is not None:
            await doors.loans.given_back(self.container)


@implementer(IStateChange)
@dataclass(frozen=True)
class ReclaimDatasets(GroupChange):
    """Undo a handoff that did not reach its commit point, so that the service runs here again.

    The container goes first, while the leases still say whose doing its stop was: the planner
    makes it anew and starts it. What was lent has to be recalled before. The leases change in the
    order of `datasets`: those that others follow come last.
    """

    transfers: ClassVar[bool] = False

    async def run(self, doors: Doors) -> None:
        if self.container is not None:
            await doors.containers.stop(self.container, STOP_TIMEOUT_SECONDS)
            await doors.containers.remove(self.container)
        for moved in self.datasets:
            await doors.storage.set_lease(moved.dataset_id, lease.reclaim(moved.lease))


async def _last_sent(doors: Doors, moved: Moved) -> Snapshot:
    local = await local_copy(doors, moved.dataset_id)
    last = increments.last_pushed(local.snapshots)
    if last is None:
        raise NotFound(f"{moved.dataset_id}: its last snapshot was destroyed")
    return last


async def _lead_on(doors: Doors, peer: IPeer, move: HandoffDatasets | DeliverDatasets) -> None:
    """Send what comes, and what was held meanwhile, to the container where it is now."""
    if move.container is None or not move.ports:
        return
    try:
        await peer.serving(move.container)
    except FlockerError as error:
        _log.warn("{name} is led to unseen: {error}", name=move.container, error=error)
    await doors.routing.lead(move.container, move.ports, move.address)
