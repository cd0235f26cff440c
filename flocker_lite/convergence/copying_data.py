"""Copies a volume or a directory into a dataset, until the two are alike: an adoption by itself."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from flocker_lite.convergence.context import AgentContext, Executors
from flocker_lite.convergence.copying import FIRST_EPOCH, adopting_of
from flocker_lite.convergence.filesystems import filesystem_adoption
from flocker_lite.errors import ContainerError, CopyFailed
from flocker_lite.model import increments, lease
from flocker_lite.model.adoption import (
    ADOPTED,
    BIND,
    COPYING,
    RETURNED,
    Adoption,
    AdoptionNote,
)
from flocker_lite.model.allowance import ADOPT, Need, with_more
from flocker_lite.model.move_progress import Round
from flocker_lite.planner.data_adoption_changes import (
    CopyData,
    ForgetDataAdoption,
    LeaveData,
    TakeFilesystem,
    filesystem_of,
)

ROUNDS_MAX = 5
"""Data that still changes after so many rounds is in use by somebody whom we cannot stop."""

_log = Logger()


async def copy_data(change: CopyData, context: AgentContext) -> None:
    dataset_id, move_id = change.dataset_id, change.move.move_id
    context.moves.begin(dataset_id, FIRST_EPOCH, context.node_id, context.node_id, move_id)
    context.moves.phase(dataset_id, "preparing")
    try:
        await _require_allowed(change, context)
        await _copy(change, context)
    except CancelledError:
        raise
    except Exception as error:
        context.moves.fail(dataset_id, "pushing", str(error))
        raise
    context.moves.phase(dataset_id, "done")


def _require_adopting(context: AgentContext) -> tuple[str, ...]:
    """What this node's administrator allows; ContainerError if adopting is not in it."""
    entries, file = context.allowance.entries, context.allowance.file
    if ADOPT not in entries:
        line = with_more(entries, [Need(ADOPT, ADOPT)])
        raise ContainerError(
            f"this node lets nobody adopt data: write `{line}` into {file}, and restart the agent"
        )
    return entries


async def _require_allowed(change: CopyData, context: AgentContext) -> None:
    """Refuse what this node's administrator does not allow, whatever the control service says."""
    entries, adopting = _require_adopting(context), adopting_of(change.move)
    kind, _, name = adopting.instance.partition(":")
    found = await context.foreign.data(kind or BIND, name, entries, measures=False)
    _require_right(found, adopting.paths.get(change.dataset_id))


def _require_right(found: Adoption, path: str | None) -> None:
    """ContainerError if something is in the way, or the data is not at that path."""
    if found.hindrances:
        first = found.hindrances[0]
        raise ContainerError(f"it cannot be adopted: {first.field}: {first.text}")
    if path != found.sources[0].path:
        raise ContainerError(
            "the data is no longer where it was when you asked: cancel the adoption, and ask again"
        )


async def _copy(change: CopyData, context: AgentContext) -> None:
    directories, notes = context.directories, context.adoption_notes
    dataset_id, adopting = change.dataset_id, adopting_of(change.move)
    source, copy = adopting.paths[dataset_id], context.storage.path(dataset_id)
    await directories.require()
    key, note = str(dataset_id), notes.notes.get(str(dataset_id))
    if note is None:
        if not await directories.is_empty(copy):
            raise ContainerError(
                f"dataset {dataset_id} has data already, and this node does not know from where: "
                "cancel the adoption, and ask again"
            )
        since = await directories.settle(source)
        note = AdoptionNote(change.move.move_id, adopting.instance, COPYING, since)
        await notes.write(key, note)
    context.moves.phase(dataset_id, "pushing")
    context.moves.expect(dataset_id, adopting.sizes.get(dataset_id))
    since = note.since
    for _ in range(ROUNDS_MAX):
        began, settled = context.clock.seconds(), await directories.settle(source)
        sent_bytes = await directories.copy(
            source,
            copy,
            since,
            lambda copied: context.moves.sent(dataset_id, copied),
            change.move.options.bandwidth_limit,
        )
        since = settled
        took = context.clock.seconds() - began
        context.moves.round(dataset_id, Round(sent_bytes, took))
        differs = await directories.difference(source, copy)
        if differs is None:
            break
        _log.info("{source} changed meanwhile: {differs}", source=source, differs=differs)
    else:
        raise CopyFailed(f"{source} changes all the time ({differs}): stop who writes there")
    await _make_durable(change, context)
    await notes.write(key, AdoptionNote(note.move_id, note.instance, ADOPTED, since))


async def _make_durable(change: CopyData, context: AgentContext) -> None:
    """A snapshot is there only once all before it is, on every storage."""
    local = await context.storage.look(change.dataset_id)
    if local is None or local.lease is None:
        raise ContainerError(f"dataset {change.dataset_id} is not here any more")
    name = increments.next_name(local.lease.epoch, local.snapshots)
    await context.storage.snapshot(change.dataset_id, name)


async def take_filesystem(change: TakeFilesystem, context: AgentContext) -> None:
    """Whether it is allowed is asked before it is renamed; then it is ours."""
    dataset_id, move_id = change.dataset_id, change.move.move_id
    adopting, name = adopting_of(change.move), filesystem_of(change.move) or ""
    context.moves.begin(dataset_id, FIRST_EPOCH, context.node_id, context.node_id, move_id)
    context.moves.phase(dataset_id, "preparing")
    try:
        if await context.storage.filesystem(name) is not None:
            entries = _require_adopting(context)
            found = await filesystem_adoption(context.storage, context.foreign, name, entries)
            _require_right(found, adopting.paths.get(dataset_id))
        await context.storage.take(dataset_id, name, lease.create())
    except CancelledError:
        raise
    except Exception as error:
        context.moves.fail(dataset_id, "preparing", str(error))
        raise
    note = AdoptionNote(move_id, adopting.instance, ADOPTED)
    await context.adoption_notes.write(dataset_id, note)
    context.moves.phase(dataset_id, "done")


async def leave_data(change: LeaveData, context: AgentContext) -> None:
    if change.filesystem is not None:
        await context.storage.leave(change.filesystem)
    note = AdoptionNote(change.move_id, "", RETURNED, why=change.why)
    await context.adoption_notes.write(change.dataset_id, note)
    context.moves.phase(change.dataset_id, "rolled back", change.why)


async def forget_data_adoption(change: ForgetDataAdoption, context: AgentContext) -> None:
    await context.adoption_notes.forget(change.dataset_id)


EXECUTORS: Executors = {
    CopyData: copy_data,
    TakeFilesystem: take_filesystem,
    LeaveData: leave_data,
    ForgetDataAdoption: forget_data_adoption,
}
