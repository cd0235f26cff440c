"""Hands datasets over to another node: the second half of a move, its completion, and its undoing.

The order of the durable steps makes it safe: see `model.lease`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from flocker_lite.convergence import group_handoff, volume_users
from flocker_lite.convergence.container_executors import (
    TRIAL_STOP_TIMEOUT_SECONDS,
    stop_and_remove,
)
from flocker_lite.convergence.context import AgentContext, Executors
from flocker_lite.convergence.joint_switch import JointSwitch, Point
from flocker_lite.convergence.transfer import (
    Transfer,
    local_copy,
    open_last_transfer,
    prune,
    take_snapshots,
)
from flocker_lite.convergence.trials import trial_seconds
from flocker_lite.errors import (
    ContainerError,
    FlockerError,
    NotFound,
    NotHealthy,
    PeerRefused,
    PeerUnreachable,
)
from flocker_lite.interfaces import IPeer, Released, TrialDataset
from flocker_lite.interfaces.peer_requests import GetRenewed, Lend, OfferLoan, Recall, Serving
from flocker_lite.model import increments, lease
from flocker_lite.model.completion import is_idle
from flocker_lite.model.records import DatasetId, HealthCheck
from flocker_lite.model.state import Snapshot
from flocker_lite.planner.move_changes import (
    DeliverDatasets,
    GiveBackDatasets,
    HandoffDatasets,
    Moved,
    RecallDatasets,
    ReclaimDatasets,
)

RECALL_RETRY_SECONDS = 2.0

PAUSE_STALL_TIMEOUT_SECONDS = 10.0
"""Nobody is served during the last send: when it stalls, the service resumes here instead."""

_log = Logger()


async def hand_over_datasets(change: HandoffDatasets, context: AgentContext) -> None:
    name = change.container or ""
    switch = context.joint_switches.of(name)
    try:
        with ExitStack() as leaving:
            await _hand_over(change, context, switch, leaving)
    except Exception as error:
        switch.fail(name, error)
        is_over = isinstance(error, NotHealthy) or volume_users.given_up(change, context, error)
        for moved in change.datasets:
            if is_over:
                move = context.desired.move(moved.dataset_id)
                context.moves.give_up(moved.dataset_id, move, str(error))
            else:
                context.moves.fail(moved.dataset_id, "failed", str(error))
        raise


async def _hand_over(
    change: HandoffDatasets, context: AgentContext, switch: JointSwitch, leaving: ExitStack
) -> None:
    name = change.container or ""
    peer = await context.peers.connect(change.destination, change.address)
    transfers: list[Transfer] = []
    try:
        for moved in change.datasets:
            transfers.append(await open_last_transfer(context, peer, moved))
        # This first offer only starts the fence, which takes a moment. `_try_out` repeats it.
        await _offer_trial(change, peer, switch)
        await volume_users.make_way(change, context, leaving)
        await _get_renewed(change, context, peer)
        await group_handoff.write_memberships(context, change.datasets, change.destination)
        await switch.meet(name, Point.PREPARED)
        await switch.precede(name, Point.STOPPED)
        await _hold(change, context)
        last = await _send_the_rest(change, context, transfers, switch)
        await switch.meet(name, Point.SENT)
        _mark_wait(change, context, switch)
        await _try_out(change, context, peer, last, switch)
        await switch.meet(name, Point.TRIED)
        await switch.follow(name, Point.HANDED_OVER)
        _mark_wait(change, context, switch)
        await _commit(change, context)
        items = tuple(
            Released(moved.dataset_id, moved.lease.epoch + 1, last[moved.dataset_id].guid)
            for moved in change.datasets
        )
        await group_handoff.hand_over(context.proofs, peer, change.destination, items)
        switch.reach(name, Point.HANDED_OVER)
        for moved in change.datasets:
            context.moves.mark(moved.dataset_id, "hand over")
            context.moves.end_pause(moved.dataset_id)
        leading = Deferred.fromCoroutine(_route_to_destination(context, peer, change))
        try:
            await _settle(change, context, peer, last)
        finally:
            await leading
    finally:
        for transfer in transfers:
            transfer.receiving.abort()
        peer.close()


def _mark_wait(change: HandoffDatasets, context: AgentContext, switch: JointSwitch) -> None:
    if len(switch.ranks) > 1:
        for moved in change.datasets:
            context.moves.mark(moved.dataset_id, "wait")


async def _hold(change: HandoffDatasets, context: AgentContext) -> None:
    """Hold new connections; earlier ones have the time that `_announce` takes to finish."""
    await context.routing.hold(change.container or "", change.ports)
    try:
        await _announce(change, context)
    except Exception:
        await context.routing.serve_here(change.ports)
        raise


async def _announce(change: HandoffDatasets, context: AgentContext) -> None:
    """Write "releasing" leases before the stop: they say that the handoff stops the container."""
    announced: list[Moved] = []
    try:
        for moved in change.datasets:
            announced.append(moved)
            releasing = lease.begin_release(moved.lease, change.destination)
            await context.storage.set_lease(moved.dataset_id, releasing)
    except Exception:
        for moved in reversed(group_handoff.coordinator_first(announced)):
            await context.storage.set_lease(moved.dataset_id, moved.lease)
        raise


async def _send_the_rest(
    change: HandoffDatasets,
    context: AgentContext,
    transfers: list[Transfer],
    switch: JointSwitch,
) -> Mapping[DatasetId, Snapshot]:
    for moved in change.datasets:
        context.moves.phase(moved.dataset_id, "switching")
        context.moves.start_pause(moved.dataset_id)
    if change.container is not None:
        stopped = await context.containers.stop(change.container)
        if not stopped.ran:
            await _require_no_news(change, context, change.container)
        for moved in change.datasets:
            context.moves.stopped(moved.dataset_id, stopped.killed)
        switch.reach(change.container, Point.STOPPED)
    else:
        await volume_users.stop_users(change, context)
    for moved in change.datasets:
        context.moves.mark(moved.dataset_id, "stop")
        await context.storage.unmount(moved.dataset_id)
        context.moves.mark(moved.dataset_id, "unmount")
    last = await take_snapshots(
        context, {each.moved.dataset_id: (each.moved, each.snapshots) for each in transfers}
    )
    for dataset_id, snapshot in last.items():
        context.moves.last_snapshot(dataset_id, snapshot.guid)
        context.moves.mark(dataset_id, "snapshot")
    for transfer in transfers:
        dataset_id = transfer.moved.dataset_id
        transfer.receiving.stall_after(PAUSE_STALL_TIMEOUT_SECONDS)
        context.moves.round(dataset_id, await transfer.send(last[dataset_id]))
        context.moves.mark(dataset_id, "send")
    return last


async def _require_no_news(change: HandoffDatasets, context: AgentContext, container: str) -> None:
    """Refuse to move a container that just ended by itself: the cluster must learn that first."""
    desired = context.desired.container(container)
    if desired is None or is_idle(desired) or desired.restart_policy.name == "always":
        return
    local = await context.containers.look(container)
    if local is not None and local.last_exit is not None and local.last_exit.by_itself:
        for moved in change.datasets:
            await context.storage.set_lease(moved.dataset_id, moved.lease)
        await context.routing.serve_here(change.ports)
        raise ContainerError(
            f"container {container} ended by itself just before the move would have stopped it: "
            "it is moved once the cluster knows that it ended"
        )


async def _offer_trial(change: HandoffDatasets, peer: IPeer, switch: JointSwitch) -> None:
    if change.container is not None and change.health_check is not None:
        ids = tuple(moved.dataset_id for moved in change.datasets)
        seconds = _seconds_of_trial(change.health_check, switch)
        await peer.ask(OfferLoan(change.container, ids, seconds))


async def _get_renewed(change: HandoffDatasets, context: AgentContext, peer: IPeer) -> None:
    """Have the destination get renewals of its own, if the container needs them to run there."""
    if change.container is not None and context.renewals.needs(change.container):
        ids = tuple(moved.dataset_id for moved in change.datasets)
        await peer.ask(GetRenewed(change.container, ids))


def _seconds_of_trial(check: HealthCheck, switch: JointSwitch) -> int:
    return max(trial_seconds(check), switch.trial_seconds)


async def _try_out(
    change: HandoffDatasets,
    context: AgentContext,
    peer: IPeer,
    last: Mapping[DatasetId, Snapshot],
    switch: JointSwitch,
) -> None:
    """Run the container there on trial; NotHealthy when the trial failed and was given back."""
    if change.container is None or change.health_check is None:
        return
    await _offer_trial(change, peer, switch)
    seconds = _seconds_of_trial(change.health_check, switch)
    lent: list[TrialDataset] = []
    for moved in change.datasets:
        dataset_id = moved.dataset_id
        lease_after = lease.grant_trial(
            lease.begin_release(moved.lease, change.destination), seconds
        )
        await context.storage.set_lease(dataset_id, lease_after)
        context.trials.granted(dataset_id, seconds)
        lent.append(TrialDataset(dataset_id, lease_after.epoch, last[dataset_id].guid))
        context.moves.mark(dataset_id, "lend")
        context.moves.phase(dataset_id, "verifying")
    try:
        await peer.ask(Lend(change.container, tuple(lent)))
    except PeerRefused as error:
        raise NotHealthy(str(error)) from None
    for moved in change.datasets:
        # The destination reports the steps of the trial.
        context.moves.skip(moved.dataset_id)


async def _commit(change: HandoffDatasets, context: AgentContext) -> None:
    """The first lease commits all datasets: after a crash the others follow it."""
    for moved in group_handoff.coordinator_first(change.datasets):
        releasing = lease.begin_release(moved.lease, change.destination)
        await context.storage.set_lease(moved.dataset_id, lease.commit(releasing))
        context.moves.mark(moved.dataset_id, "commit")


async def _settle(
    change: HandoffDatasets, context: AgentContext, peer: IPeer, last: Mapping[DatasetId, Snapshot]
) -> None:
    for moved in change.datasets:
        released = lease.Lease(lease.Role.RELEASED, moved.lease.epoch + 1, change.destination)
        await context.storage.set_lease(moved.dataset_id, lease.settle(released))
        await volume_users.forget_stopped(context, moved.dataset_id)
        await prune(context, peer, moved.dataset_id, last[moved.dataset_id])


async def deliver_datasets(change: DeliverDatasets, context: AgentContext) -> None:
    peer = await context.peers.connect(change.destination, change.address)
    try:
        last = {each.dataset_id: await _last_sent(context, each) for each in change.datasets}
        items = tuple(
            Released(each.dataset_id, each.lease.epoch, last[each.dataset_id].guid)
            for each in change.datasets
        )
        await group_handoff.hand_over(context.proofs, peer, change.destination, items)
        for moved in change.datasets:
            await context.storage.set_lease(moved.dataset_id, lease.settle(moved.lease))
            await volume_users.forget_stopped(context, moved.dataset_id)
            await prune(context, peer, moved.dataset_id, last[moved.dataset_id])
            context.moves.phase(moved.dataset_id, "done")
        await _route_to_destination(context, peer, change)
    finally:
        peer.close()


async def recall_datasets(change: RecallDatasets, context: AgentContext) -> None:
    await _until_recalled(change, context)
    for moved in change.datasets:
        context.moves.waited(moved.dataset_id)


async def _until_recalled(change: RecallDatasets, context: AgentContext) -> None:
    while True:
        try:
            return await _recall(change, context)
        except FlockerError as error:
            left_seconds = max(
                context.trials.still_granted_seconds(moved.dataset_id, moved.lease)
                for moved in change.datasets
            )
            if left_seconds <= 0:
                _log.warn("{why}; the trial there is over by now", why=error)
                return None
            why = (
                f"{error}; the container may run there on trial for another "
                f"{left_seconds:.0f} s at most, and does not start here before that"
            )
            _log.info("{why}", why=why)
            for moved in change.datasets:
                context.moves.wait(moved.dataset_id, why)
            await deferLater(context.clock, min(left_seconds, RECALL_RETRY_SECONDS))


async def _recall(change: RecallDatasets, context: AgentContext) -> None:
    if change.address is None:
        raise PeerUnreachable(f"node {change.destination} is no longer part of the cluster")
    peer = await context.peers.connect(change.destination, change.address)
    try:
        await peer.ask(Recall(tuple(moved.dataset_id for moved in change.datasets)))
    finally:
        peer.close()


async def give_back_datasets(change: GiveBackDatasets, context: AgentContext) -> None:
    if not await group_handoff.any_unchanged(context, change.datasets):
        return
    if change.container is not None:
        await stop_and_remove(context, change.container, TRIAL_STOP_TIMEOUT_SECONDS)
    for moved in change.datasets:
        async with context.trials.lock(moved.dataset_id):
            local = await local_copy(context, moved.dataset_id)
            if local.lease != moved.lease or await group_handoff.is_coordinator_primary(
                context, local
            ):
                continue  # it was acquired at the last moment, or will be
            await context.storage.unmount(moved.dataset_id)
            stash = increments.stash_name(moved.lease.epoch, local.snapshots)
            await context.storage.snapshot(moved.dataset_id, stash)
            await context.storage.set_lease(moved.dataset_id, lease.give_back(moved.lease))
    if change.container is not None:
        await context.trials.given_back(change.container)


async def reclaim_datasets(change: ReclaimDatasets, context: AgentContext) -> None:
    if change.container is not None:
        await stop_and_remove(context, change.container)
    for moved in change.datasets:
        await context.storage.set_lease(moved.dataset_id, lease.reclaim(moved.lease))


async def _last_sent(context: AgentContext, moved: Moved) -> Snapshot:
    local = await local_copy(context, moved.dataset_id)
    last = increments.last_pushed(local.snapshots)
    if last is None:
        raise NotFound(f"{moved.dataset_id}: its last snapshot was destroyed")
    return last


async def _route_to_destination(
    context: AgentContext, peer: IPeer, move: HandoffDatasets | DeliverDatasets
) -> None:
    """Route new and held connections to the container at its new node."""
    if move.container is None or not move.ports:
        return
    try:
        await peer.ask(Serving(move.container))
    except FlockerError as error:
        _log.warn(
            "connections are sent to {name} at its new node, though that node did not confirm "
            "that it serves: {error}",
            name=move.container,
            error=error,
        )
    await context.routing.route_to(move.container, move.ports, move.address)


EXECUTORS: Executors = {
    HandoffDatasets: hand_over_datasets,
    DeliverDatasets: deliver_datasets,
    RecallDatasets: recall_datasets,
    GiveBackDatasets: give_back_datasets,
    ReclaimDatasets: reclaim_datasets,
}
