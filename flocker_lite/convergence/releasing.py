"""Releases a container to Docker alone, and goes back to ours.

The order of the durable steps makes it safe: see `model.releasing`. All that our container has
written until it is stopped is in the copy, or ours runs again. Clients' connections wait meanwhile,
and reach the plain container after the commit point alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from flocker_lite.convergence.context import AgentContext, Executors
from flocker_lite.convergence.copy_pause import CopyPause
from flocker_lite.convergence.copying import Copying, Way, note_give_up, tell_failure
from flocker_lite.errors import Conflict, ContainerError, MoveGivenUp, NotFound, NotHealthy
from flocker_lite.model.adoption import (
    COPIED,
    RETURNED,
    STOPPED,
    STOPPING,
    AdoptionNote,
    RestartByDocker,
)
from flocker_lite.model.allowance import ADOPT, Need, with_more
from flocker_lite.model.container_fields.ports import held
from flocker_lite.model.records import Container, DatasetId, Move
from flocker_lite.model.releasing import COMMITTED, RELEASED, Releasing, name_on_trial
from flocker_lite.model.state import LocalContainer
from flocker_lite.planner.release_changes import (
    CompleteRelease,
    CopyOut,
    GiveBack,
    ResumeOurs,
    is_wanted,
)

ANSWER_SECONDS_MAX = 60.0
"""A container without a health check has so long until something listens at its ports."""

STAYS_UP_SECONDS = 1.0
"""A container of which nobody can tell whether it answers has to run for so long."""

LOOK_SECONDS = 2.0
"""How often the copying looks whether the container still runs."""

_log = Logger()


async def copy_out(change: CopyOut, context: AgentContext) -> None:
    source, move_id = context.node_id, change.move.move_id
    for dataset_id in change.dataset_ids:
        local = await context.storage.look(dataset_id)
        epoch = local.lease.epoch if local is not None and local.lease is not None else 1
        context.moves.begin(dataset_id, epoch, source, source, move_id)
        context.moves.phase(dataset_id, "preparing")
    try:
        require_allowed(context)
        await _running(context, change.name)
        await context.directories.require()
        note = context.adoption_notes.notes.get(change.name)
        if note is None:
            # Before the first volume is made: what is left of it is found by this note.
            note = AdoptionNote(move_id, "", release=change.move.release)
            await context.adoption_notes.write(change.name, note)
        ways = await _ways_out(change.move, context)
        await _while_running(context, change.name, Copying(context, change, ways, {}).run(note))
    except CancelledError:
        raise
    except MoveGivenUp as error:
        await note_give_up(context, change, error)
        raise
    except Exception as error:
        tell_failure(context, change, "pushing", error)
        raise


def require_allowed(context: AgentContext) -> None:
    """ContainerError unless this node's administrator allows it, whatever users say."""
    entries, file = context.allowance.entries, context.allowance.file
    if ADOPT not in entries:
        line = with_more(entries, [Need(ADOPT, ADOPT)])
        raise ContainerError(
            f"this node lets nobody release containers: write `{line}` into {file}, and restart "
            "the agent"
        )


async def _ways_out(move: Move, context: AgentContext) -> dict[DatasetId, Way]:
    """Make the volumes, and return the ways into them."""
    ways: dict[DatasetId, Way] = {}
    for dataset_id, volume in _releasing(move).volumes.items():
        path = await context.foreign.make_volume(volume, move.move_id)
        ways[dataset_id] = Way(context.storage.path(dataset_id), path)
    return ways


def _releasing(move: Move) -> Releasing:
    assert move.release is not None
    return move.release


async def _running(context: AgentContext, name: str) -> LocalContainer:
    have = await context.containers.look(name)
    if have is None or not have.running or have.paused:
        raise ContainerError(f"container {name} does not run: it is released once it does")
    return have


async def _while_running(context: AgentContext, name: str, doing: Any) -> None:
    """ContainerError once the container ends, so that it can be started again."""
    going_on: Deferred[Any] = Deferred.fromCoroutine(doing)
    ended: list[ContainerError] = []

    async def look() -> None:
        try:
            await _running(context, name)
        except ContainerError as error:
            ended.append(error)
            going_on.cancel()

    watching = LoopingCall(lambda: Deferred.fromCoroutine(look()))
    watching.clock = context.clock
    watched = watching.start(LOOK_SECONDS, now=False)
    watched.addErrback(lambda failure: _log.failure("cannot watch a container", failure))
    try:
        await going_on
    except CancelledError:
        if ended:
            raise ended[0] from None
        raise
    finally:
        if watching.running:
            watching.stop()


async def give_back(change: GiveBack, context: AgentContext) -> None:
    giving: GivingBack | None = None
    try:
        giving = GivingBack(change, context, await _ways_out(change.move, context))
        await giving.run()
    except CancelledError:
        raise
    except Exception as error:
        tell_failure(context, change, "failed", error)
        if giving is not None:
            await giving.note_failure(error)
        raise


class GivingBack(CopyPause):
    """The pause of one release."""

    _change: GiveBack

    def __init__(self, change: GiveBack, context: AgentContext, ways: dict[DatasetId, Way]) -> None:
        super().__init__(
            context, change, ways, lambda view: is_wanted(view, change.name, change.move.move_id)
        )
        self._releasing = _releasing(change.move)
        self._ports = held(change.container.ports)

    async def run(self) -> None:
        """Make the plain one, stop ours, copy the rest, try the plain one out, and commit."""
        self._require_wanted()
        instance = await self._make()
        await self._stop()
        await self._unless_cancelled(self._copy_and_compare(f"container {self._change.name}"))
        for way in self._ways.values():
            await self._context.directories.settle(way.destination)
        self._mark("snapshot")
        await self._note(COPIED)
        await self._try_out(instance)
        await self._require_stopped()
        self._require_wanted()
        await self._note(COMMITTED)
        await complete(self._context, self._change.name, self._ports)
        for dataset_id in self._change.dataset_ids:
            self._context.moves.end_pause(dataset_id)

    async def _stop(self) -> None:
        context, name = self._context, self._change.name
        self._require_wanted()
        await _running(context, name)
        await self._note(STOPPING)
        await context.routing.hold(name, self._ports)
        self._begin_pause()
        stopped = await context.containers.stop(name)
        for dataset_id in self._change.dataset_ids:
            context.moves.stopped(dataset_id, stopped.killed)
        self._mark("stop")
        await self._note(STOPPED)

    async def _make(self) -> str:
        """Make the plain container, which nobody starts yet, of the image that ours runs."""
        context, change, releasing = self._context, self._change, self._releasing
        have = await _running(context, change.name)
        exact = await context.containers.image(change.container.image)
        is_newest = exact is not None and exact.image_id == have.image_id
        image_id = None if is_newest or not have.image_id else have.image_id
        secrets = context.desired.secrets(change.container)
        instance = await context.foreign.make(
            name_on_trial(releasing.docker_name, change.move.move_id),
            change.container,
            releasing.volumes,
            context.address,
            image_id,
            secrets,
        )
        note = context.adoption_notes.notes[change.name]
        policy = by_docker(change.container)
        await self._write(replace(note, instance=instance, restart_policy=policy))
        return instance

    async def _try_out(self, instance: str) -> None:
        """Run the plain container while its clients wait; NotHealthy when it does not get well."""
        context, container = self._context, self._change.container
        for dataset_id in self._change.dataset_ids:
            context.moves.phase(dataset_id, "verifying")
        await self._require_stopped()
        await context.foreign.start(instance)
        self._mark("start")
        check = container.health_check
        if check is None and not container.ports:
            await deferLater(context.clock, STAYS_UP_SECONDS)
        limit = check.start_period_seconds if check is not None else ANSWER_SECONDS_MAX
        answering = context.foreign.answers(instance, check, limit)
        trouble = await self._unless_cancelled(answering)
        if trouble is not None:
            raise NotHealthy(f"the plain container did not get well with the copy: {trouble}")
        self._mark("answer")

    async def _require_stopped(self) -> None:
        have = await self._context.containers.look(self._change.name)
        if have is not None and have.has_processes:
            raise ContainerError(f"somebody started container {self._change.name} meanwhile")


async def complete_release(change: CompleteRelease, context: AgentContext) -> None:
    await complete(context, change.name, change.ports)
    for dataset_id in change.dataset_ids:
        context.moves.phase(dataset_id, "done")


async def complete(context: AgentContext, name: str, ports: tuple[int, ...]) -> None:
    """Give the plain container its name, its restart policy and its clients; note that.

    Somebody may have removed it meanwhile: then he wants it gone.
    """
    foreign, note = context.foreign, context.adoption_notes.notes[name]
    assert note.release is not None
    try:
        said = await _rename(context, note.instance, note.release.docker_name)
        await foreign.start(note.instance)
        await foreign.set_restart_policy(note.instance, note.restart_policy)
    except NotFound:
        said = "somebody removed the plain container"
    await context.routing.serve_here(ports)
    await context.adoption_notes.write(name, replace(note, step=RELEASED, why=said))


async def _rename(context: AgentContext, instance: str, docker_name: str) -> str | None:
    """Returns what is otherwise than asked for, in words."""
    try:
        await context.foreign.rename(instance, docker_name)
    except Conflict:
        found = await context.foreign.look(instance)
        called = found.name if found is not None else instance
        return f"it is called {called}, because another container has its name"
    return None


def by_docker(container: Container) -> RestartByDocker:
    """The container's restart policy, as Docker carries it out.

    Not `unless-stopped`: Docker 20.10 starts such a container no more after its daemon was killed.
    """
    policy = container.restart_policy
    if policy.name == "never":
        return RestartByDocker()
    return RestartByDocker(policy.name, policy.maximum_retry_count or 0)


async def resume_ours(change: ResumeOurs, context: AgentContext) -> None:
    """The plain container is gone for certain before ours may run again."""
    name, note = change.name, context.adoption_notes.notes.get(change.name, change.note)
    if note.release is not None:
        await context.foreign.remove(name_on_trial(note.release.docker_name, note.move_id))
        if note.instance:
            await context.foreign.remove(note.instance)
        for volume in note.release.volumes.values():
            await context.foreign.remove_volume(volume, note.move_id)
    if change.starts and note.step in (STOPPING, STOPPED, COPIED):
        if note.step == STOPPING:
            # An agent that was killed may have asked Docker for a stop that is still to come.
            await context.containers.stop(name)
        # One that runs under a fencing deadline is started by the next plan, once that is renewed.
        is_there = await context.containers.look(name) is not None
        if is_there and not context.renewals.needs(name):
            await context.readiness.start(
                *(name, change.ports, change.dataset_ids), health_check=change.health_check
            )
    await context.adoption_notes.write(name, replace(note, step=RETURNED, why=change.why))
    await context.routing.serve_here(change.ports)
    for dataset_id in change.dataset_ids:
        context.moves.phase(dataset_id, "rolled back", change.why)


EXECUTORS: Executors = {
    CopyOut: copy_out,
    GiveBack: give_back,
    CompleteRelease: complete_release,
    ResumeOurs: resume_ours,
}
