"""Takes over from a container of Docker's, and goes back to it: the second half of an adoption.

The order of the durable steps makes it safe: see `model.adoption`. All that a program has written
until it is stopped is in the copy, or the other container runs again. Clients' connections wait
meanwhile, and reach ours after the commit point alone: what it writes before nobody was promised.
"""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import CancelledError
from twisted.internet.task import deferLater
from twisted.logger import Logger

from flocker_lite.convergence.container_executors import (
    TRIAL_STOP_TIMEOUT_SECONDS,
    stop_and_remove,
)
from flocker_lite.convergence.context import AgentContext, Executors
from flocker_lite.convergence.copy_pause import CopyPause
from flocker_lite.convergence.copying import adopting_of, tell_failure, ways_in
from flocker_lite.errors import (
    Conflict,
    ContainerError,
    CopyFailed,
    FlockerError,
    NotFound,
    NotHealthy,
)
from flocker_lite.model import increments
from flocker_lite.model.adoption import (
    ADOPTED,
    COPIED,
    RETURNED,
    STOPPED,
    STOPPING,
    AdoptionNote,
    ForeignContainer,
    RestartByDocker,
    set_aside_names,
)
from flocker_lite.model.container_fields.ports import held
from flocker_lite.planner.adoption_changes import (
    ForgetAdoption,
    ReturnForeign,
    TakeOver,
    is_wanted,
)

LAST_ROUNDS_MAX = 3
"""How often the last round is made when somebody starts the container again meanwhile."""

STAYS_UP_SECONDS = 1.0
"""A container of which nobody can tell whether it answers has to run for so long."""

_log = Logger()


async def take_over(change: TakeOver, context: AgentContext) -> None:
    taking = TakingOver(change, context)
    try:
        await taking.run()
    except CancelledError:
        raise
    except Exception as error:
        tell_failure(context, change, "failed", error)
        await taking.note_failure(error)
        raise


class TakingOver(CopyPause):
    """The pause of one adoption."""

    _change: TakeOver

    def __init__(self, change: TakeOver, context: AgentContext) -> None:
        super().__init__(
            context,
            change,
            ways_in(change.move, context),
            lambda view: is_wanted(view, change.name, change.move.move_id),
        )
        self._adopting = adopting_of(change.move)
        self._ports = held(change.container.ports)
        self._run = ""

    async def run(self) -> None:
        """Stop the other container, copy the rest, try ours out, and commit."""
        await self._stop()
        await self._copy_the_rest()
        names = await self._make_durable()
        await self._note(COPIED)
        await self._try_out()
        await self._require_stopped()
        self._require_wanted()
        await self._note(ADOPTED)
        self._context.readiness.keep(self._change.name)
        for dataset_id in self._change.dataset_ids:
            self._context.moves.end_pause(dataset_id)
        await self._drop_snapshots(names)

    async def _stop(self) -> None:
        """Stop it for good: a restart policy would have Docker start it again."""
        context, foreign, instance = self._context, self._context.foreign, self._adopting.instance
        self._require_wanted()
        found = await self._found()
        note = context.adoption_notes.notes[self._change.name]
        stopping = replace(
            note,
            step=STOPPING,
            docker_name=found.name,
            restart_policy=found.restart_policy,
            was_running=found.running,
        )
        await self._write(stopping)
        await context.routing.hold(self._change.name, self._ports)
        self._begin_pause()
        await foreign.set_restart_policy(instance, RestartByDocker())
        await foreign.stop(instance)
        stopped = await self._found()
        for dataset_id in self._change.dataset_ids:
            context.moves.stopped(dataset_id, found.running and stopped.killed)
        await self._rename(found.name)
        self._mark("stop")
        await self._note(STOPPED)

    async def _rename(self, name: str) -> None:
        for called in set_aside_names(name):
            try:
                return await self._context.foreign.rename(self._adopting.instance, called)
            except Conflict:
                continue
        raise Conflict(f"containers of all names like {called} exist: remove those you do not need")

    async def _copy_the_rest(self) -> None:
        """The last round, and the proof that nothing is left; anew if somebody starts it again."""
        for _ in range(LAST_ROUNDS_MAX):
            self._require_wanted()
            found = await self._found()
            if found.running:
                _log.warn("{name} was started by somebody: stopping it again", name=found.name)
                await self._context.foreign.stop(self._adopting.instance)
                found = await self._found()
            self._run = found.run
            failed = await self._unless_cancelled(self._round())
            found = await self._found()
            if not found.running and found.run == self._run:
                if failed is not None:
                    raise failed
                return
        raise ContainerError("somebody starts the old container again and again: see who does")

    async def _round(self) -> CopyFailed | None:
        """Returns what went wrong, which may be the work of a container that was started again."""
        try:
            await self._copy_and_compare("its container")
        except CopyFailed as error:
            return error
        return None

    async def _make_durable(self) -> dict[str, str]:
        """Have the copy on the disk: what the old container wrote had been on its own.

        A snapshot is there only once all before it is, on every storage. Returns their names.
        """
        names: dict[str, str] = {}
        for dataset_id in self._adopting.paths:
            local = await self._context.storage.look(dataset_id)
            if local is None or not local.mounted:
                raise NotFound(f"dataset {dataset_id} is not here any more")
            epoch = local.lease.epoch if local.lease is not None else 1
            names[dataset_id] = increments.next_name(epoch, local.snapshots)
            await self._context.storage.snapshot(dataset_id, names[dataset_id])
        self._mark("snapshot")
        return names

    async def _drop_snapshots(self, names: dict[str, str]) -> None:
        """They have done their duty; one that stays is pruned by the next push."""
        for dataset_id, name in names.items():
            try:
                await self._context.storage.destroy_snapshot(dataset_id, name)
            except FlockerError as error:
                _log.info("a snapshot stays: {error}", error=str(error))

    async def _try_out(self) -> None:
        """Run ours while its clients wait; NotHealthy when it does not get well."""
        name, container = self._change.name, self._change.container
        for dataset_id in self._change.dataset_ids:
            self._context.moves.phase(dataset_id, "verifying")
        readiness = self._context.readiness
        check = container.health_check
        await readiness.start(
            *(name, self._ports, self._change.dataset_ids), on_trial=True, health_check=check
        )
        trouble = await self._unless_cancelled(readiness.tried(name))
        if trouble is None and check is None and not container.ports:
            await deferLater(self._context.clock, STAYS_UP_SECONDS)
            trouble = await self._context.containers.answers(name, STAYS_UP_SECONDS)
        if trouble is not None:
            raise NotHealthy(f"container {name} did not get well with the copy: {trouble}")

    async def _require_stopped(self) -> None:
        """Whoever started the old one meanwhile has clients there: then it keeps the service."""
        found = await self._found()
        if found.running or found.run != self._run:
            raise ContainerError("somebody started the old container meanwhile: it goes on")

    async def _found(self) -> ForeignContainer:
        found = await self._context.foreign.look(self._adopting.instance)
        if found is None:
            raise NotFound("the container that is adopted is gone: somebody removed it")
        return found


async def return_foreign(change: ReturnForeign, context: AgentContext) -> None:
    """Ours is gone for certain before the other one may run again."""
    name, why = change.name, change.why
    context.readiness.call_off(name)
    await stop_and_remove(context, name, TRIAL_STOP_TIMEOUT_SECONDS)
    if await context.containers.look(name) is not None:
        raise ContainerError(f"container {name} was removed and is still there")
    note = context.adoption_notes.notes.get(name)
    if note is not None and note.step in (STOPPING, STOPPED, COPIED):
        said = await _revive(context, note)
        why = why if said is None else f"{why}; {said}"
    returned = note if note is not None else AdoptionNote(change.move_id, "")
    await context.adoption_notes.write(name, replace(returned, step=RETURNED, why=why))
    await context.routing.serve_here(change.ports)
    for dataset_id in change.dataset_ids:
        context.moves.phase(dataset_id, "rolled back", why)


async def _revive(context: AgentContext, note: AdoptionNote) -> str | None:
    """Have the other container as it was; returns what is otherwise than before, in words."""
    foreign, instance, said = context.foreign, note.instance, None
    if note.step == STOPPING:
        # An agent that was killed may have asked Docker for a stop that is still to come.
        await foreign.stop(instance)
    found = await foreign.look(instance)
    if found is None:
        return f"{note.docker_name} is gone: somebody removed it"
    try:
        await foreign.rename(instance, note.docker_name)
    except Conflict:
        said = f"it is called {found.name} now, because another container has its name"
    if note.was_running:
        await foreign.start(instance)
    await foreign.set_restart_policy(instance, note.restart_policy)
    return said


async def forget_adoption(change: ForgetAdoption, context: AgentContext) -> None:
    await context.adoption_notes.forget(change.name)


EXECUTORS: Executors = {
    TakeOver: take_over,
    ReturnForeign: return_foreign,
    ForgetAdoption: forget_adoption,
}
