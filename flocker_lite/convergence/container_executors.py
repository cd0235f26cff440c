"""The executors of changes to containers, images, routes and names."""

from __future__ import annotations

from functools import partial

from twisted.internet.task import deferLater

from flocker_lite.convergence.context import AgentContext, Executors
from flocker_lite.convergence.holder_checks import require_no_writer
from flocker_lite.convergence.pins import pull_exactly
from flocker_lite.errors import NotFound
from flocker_lite.planner.changes import (
    DrainContainer,
    HaltContainer,
    LeadNames,
    PrepareContainer,
    PrestartContainer,
    PullImage,
    PullImageOfContainer,
    RemoveContainer,
    RemoveKeptVolumes,
    ReplaceRoutes,
    StartContainer,
    StopContainer,
)

LOST_STOP_TIMEOUT_SECONDS = 2.0
TRIAL_STOP_TIMEOUT_SECONDS = 1.0
"""A container on trial has no requests to finish, and its service is down meanwhile."""

DRAIN_SECONDS = 2.0
"""By then nobody opens a connection here any more: all nodes route new ones elsewhere."""

DRAIN_SECONDS_MAX = 10.0
"""Requests that go on for longer are cut off; Docker gives a stopped program as long by default."""

DRAIN_LOOK_SECONDS = 0.5


async def pull_image(change: PullImage, context: AgentContext) -> None:
    await pull(context, change.image)


async def pull_image_of_container(change: PullImageOfContainer, context: AgentContext) -> None:
    context.allowance.require(change.container)
    context.desired.secrets(change.container)
    await pull(context, change.container.image, change.container.platform)


async def prepare_container(change: PrepareContainer, context: AgentContext) -> None:
    context.allowance.require(change.container)
    secrets = context.desired.secrets(change.container)
    image_id = None
    if change.pin is None:
        # A pin holds for the arrival of the container, not for later configurations of it.
        context.pins.pin(change.name, None)
        await pull(context, change.container.image, change.container.platform)
    else:
        for_it = partial(pull, context, platform=change.container.platform)
        image_id = await pull_exactly(context.containers, for_it, change.name, change.pin)
    binds = {
        volume.dataset_id: context.storage.path(volume.dataset_id)
        for volume in change.container.volumes
    }
    await context.containers.prepare(change.container, binds, context.address, image_id, secrets)


async def prestart_container(change: PrestartContainer, context: AgentContext) -> None:
    await context.containers.prestart(change.name)


async def start_container(change: StartContainer, context: AgentContext) -> None:
    if not context.trials.on_trial.issuperset(change.on_trial):
        return
    await require_no_writer(
        context.storage, context.containers, change.name, change.instance, change.unsure
    )
    if change.on_trial or context.renewals.needs(change.name):
        instance = await _instance_of(change, context)
        if change.on_trial:
            await context.trials.fence_instance(change.name, instance)
        await context.renewals.fence_instance(change.name, instance)
    for dataset_id in change.dataset_ids:
        context.moves.started(dataset_id, change.is_prestarted)
    context.hooks.expect(change.name, change.dataset_ids)
    await context.readiness.start(
        change.name, change.ports, change.dataset_ids, bool(change.on_trial), change.health_check
    )


async def _instance_of(change: StartContainer, context: AgentContext) -> str:
    if change.instance:
        return change.instance
    have = await context.containers.look(change.name)
    if have is None:
        raise NotFound(f"container {change.name} does not exist: prepare it first")
    return have.instance


async def remove_container(change: RemoveContainer, context: AgentContext) -> None:
    await stop_and_remove(context, change.name)


async def halt_container(change: HaltContainer, context: AgentContext) -> None:
    await _stop(context, change.name, is_exit=change.is_exit)


async def stop_container(change: StopContainer, context: AgentContext) -> None:
    await stop_and_remove(context, change.name, LOST_STOP_TIMEOUT_SECONDS)


async def drain_container(change: DrainContainer, context: AgentContext) -> None:
    began = context.clock.seconds()
    await deferLater(context.clock, DRAIN_SECONDS)
    while context.clock.seconds() - began < DRAIN_SECONDS_MAX:
        if not await context.containers.connections(change.name):
            break
        await deferLater(context.clock, DRAIN_LOOK_SECONDS)
    await stop_and_remove(context, change.name)


async def remove_kept_volumes(change: RemoveKeptVolumes, context: AgentContext) -> None:
    await context.containers.remove_kept(change.name)


async def replace_routes(change: ReplaceRoutes, context: AgentContext) -> None:
    await context.routing.replace(change.routes)


async def lead_names(change: LeadNames, context: AgentContext) -> None:
    await context.hosts.lead(change.names)


async def stop_and_remove(
    context: AgentContext, name: str, timeout_seconds: float | None = None
) -> None:
    """Stop and remove a container; kill it when it does not stop in that time, or in its own."""
    await _stop(context, name, timeout_seconds)
    await context.containers.remove(name)


async def _stop(
    context: AgentContext, name: str, timeout_seconds: float | None = None, is_exit: bool = True
) -> None:
    began = context.clock.seconds()
    stopped = await context.containers.stop(name, timeout_seconds, is_exit)
    if stopped.ran and timeout_seconds is None:
        context.run_log.stopped(name, context.clock.seconds() - began)


async def pull(context: AgentContext, image: str, platform: str | None = None) -> None:
    """Pull the image, for the node's own platform unless given; report the progress meanwhile."""
    try:
        await context.containers.pull(
            image,
            lambda progress: context.pulls.note(image, progress),
            context.desired.login(image),
            platform,
        )
    finally:
        context.pulls.note(image, None)


EXECUTORS: Executors = {
    PullImage: pull_image,
    PullImageOfContainer: pull_image_of_container,
    PrepareContainer: prepare_container,
    PrestartContainer: prestart_container,
    StartContainer: start_container,
    RemoveContainer: remove_container,
    HaltContainer: halt_container,
    StopContainer: stop_container,
    DrainContainer: drain_container,
    RemoveKeptVolumes: remove_kept_volumes,
    ReplaceRoutes: replace_routes,
    LeadNames: lead_names,
}
