"""Docker's own containers that use a dataset, and what a move of a lone dataset does to them.

By the options of the move it waits for their end, is given up, or stops them for the switch.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack

from twisted.internet.task import deferLater
from twisted.logger import Logger

from flocker_lite.convergence.context import AgentContext
from flocker_lite.convergence.holder_checks import require_unmountable
from flocker_lite.errors import FlockerError, InUse, MoveGivenUp
from flocker_lite.model.adoption import NO_RESTART
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import Holder
from flocker_lite.model.volume_edits import ON_USE_ABORT, ON_USE_AWAIT, ON_USE_STOP
from flocker_lite.model.volumes import VolumeUse, VolumeUser, why_not_stopped
from flocker_lite.planner.move_changes import HandoffDatasets

IDS_SHOWN = 12

TASK_SECONDS_MAX = 30.0
"""How long a handoff waits for the end of a task of Swarm's; then it looks again as for others."""

LOOK_SECONDS = 0.05
"""Each look at the mount tables takes some milliseconds of processor time."""

_log = Logger()


async def use_of(context: AgentContext, dataset_id: DatasetId) -> VolumeUse:
    """Who uses a dataset on this node, by the kernel's mount tables, and whether Docker will."""
    return VolumeUse(
        await users_of(context, dataset_id), context.awaited_mounts.is_awaited(dataset_id)
    )


async def users_of(context: AgentContext, dataset_id: DatasetId) -> tuple[VolumeUser, ...]:
    """The containers that have it mounted, and the processes that keep it from an unmount."""
    local = await context.storage.look(dataset_id)
    if local is None or not local.mounted:
        return ()
    holders = await context.storage.holders(dataset_id)
    context.awaited_mounts.seen(dataset_id, _runs(holders))
    found = [await _user(context, each) for each in holders]
    return tuple(each for each in found if each is not None)


async def runs_of(context: AgentContext, dataset_id: DatasetId) -> frozenset[str]:
    """The runs of containers that have the dataset; Docker need not answer for that."""
    return _runs(await context.storage.holders(dataset_id))


def _runs(holders: Iterable[Holder]) -> frozenset[str]:
    return frozenset(each.run for each in holders if each.container is not None)


async def _see_mounts(context: AgentContext, dataset_ids: list[DatasetId]) -> None:
    """Await no more the mounts of containers that have started."""
    for dataset_id in dataset_ids:
        if context.awaited_mounts.is_awaited(dataset_id):
            context.awaited_mounts.seen(dataset_id, await runs_of(context, dataset_id))


async def _user(context: AgentContext, holder: Holder) -> VolumeUser | None:
    if holder.container is None:
        who = f"{holder.process} (pid {holder.pid})" if holder.pid else holder.process
        return VolumeUser(who, holder.how) if holder.holds else None
    instance = holder.container
    try:
        found = await context.foreign.look(instance)
    except FlockerError as error:
        # It has it mounted, whether or not Docker answers.
        _log.info("cannot look at container {instance}: {why}", instance=instance, why=error)
        return VolumeUser(instance[:IDS_SHOWN], holder.how, restarts=True, instance=instance)
    if found is None:
        return VolumeUser(instance[:IDS_SHOWN], holder.how, instance=instance)
    restarts = found.restart_policy.name != NO_RESTART
    return VolumeUser(found.name, holder.how, restarts, found.service, instance)


async def make_way(change: HandoffDatasets, context: AgentContext, leaving: ExitStack) -> None:
    """Wait as the move says for those who use a dataset of it, and let nobody begin to.

    `leaving` is held until the handoff is over. Raises while somebody who does not end with the
    switch keeps a dataset from leaving: InUse, or MoveGivenUp where the move is not to wait.
    """
    ids = [moved.dataset_id for moved in change.datasets]
    if _on_use(change, context) == ON_USE_AWAIT:
        await _until_unused(context, ids)
    await _see_mounts(context, ids)
    leaving.enter_context(context.awaited_mounts.leaving(ids))
    await _require_way(change, context, ids)


async def _until_unused(context: AgentContext, dataset_ids: list[DatasetId]) -> None:
    """Return once no container has one of these, or after a while."""
    ends = context.clock.seconds() + TASK_SECONDS_MAX
    while context.clock.seconds() < ends:
        runs = [run for each in dataset_ids for run in await runs_of(context, each)]
        if not runs:
            return
        await deferLater(context.clock, LOOK_SECONDS)


async def _require_way(
    change: HandoffDatasets, context: AgentContext, ids: list[DatasetId]
) -> None:
    if _on_use(change, context) == ON_USE_STOP:
        for dataset_id in ids:
            users = await users_of(context, dataset_id)
            why = why_not_stopped(dataset_id, context.address, users)
            if why is not None:
                raise MoveGivenUp(why)
        return
    await require_unmountable(context.storage, context.containers, change.container, ids)


def given_up(change: HandoffDatasets, context: AgentContext, error: Exception) -> bool:
    """Whether this error ends the move for good."""
    is_in_use = isinstance(error, InUse) and _on_use(change, context) == ON_USE_ABORT
    return is_in_use or isinstance(error, MoveGivenUp)


async def stop_users(change: HandoffDatasets, context: AgentContext) -> None:
    """Stop the containers that use a lone dataset, if its move says so.

    It is written down before which are stopped: whatever fails, they are started again here.
    """
    if _on_use(change, context) != ON_USE_STOP:
        return
    for moved in change.datasets:
        users = await users_of(context, moved.dataset_id)
        instances = tuple(each.instance for each in users if each.instance is not None)
        await context.volume_records.note_stopped(moved.dataset_id, instances)
        for instance in instances:
            _log.info("stops container {instance} for a move", instance=instance)
            await context.foreign.stop(instance)


async def end_users(context: AgentContext, dataset_id: DatasetId) -> None:
    """Stop the containers that use a volume which no fence would end in time, and unmount it."""
    for holder in await context.storage.holders(dataset_id):
        if holder.container is not None:
            _log.warn("stops container {instance}: it has no fence", instance=holder.container)
            await context.foreign.stop(holder.container)
    await context.storage.unmount(dataset_id)


async def forget_stopped(context: AgentContext, dataset_id: DatasetId) -> None:
    """The dataset has left: what was stopped for that stays stopped."""
    if dataset_id in context.volume_records.stopped:
        await context.volume_records.note_stopped(dataset_id, ())


async def start_stopped(context: AgentContext, dataset_id: DatasetId) -> None:
    """Start what a move that failed has stopped."""
    with context.awaited_mounts.returning(dataset_id):
        for instance in context.volume_records.stopped.get(dataset_id, ()):
            if await context.foreign.look(instance) is not None:
                _log.info("starts container {instance} again", instance=instance)
                await context.foreign.start(instance)
    await context.volume_records.note_stopped(dataset_id, ())


def _on_use(change: HandoffDatasets, context: AgentContext) -> str:
    if change.container is not None:
        return ""
    return context.desired.options(change.datasets[0].dataset_id).on_use
