"""What one container needs on this node; pure.

A container runs where this node is primary of all of its datasets, or has them for a trial. A
container without datasets runs where it is configured. So a container that moves away stays here
until its data has left; without data it stays until another node is seen to serve it.
"""

from __future__ import annotations

from dataclasses import replace

from flocker_lite.model.completion import is_same
from flocker_lite.model.container_fields.ports import held
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.lease import Role
from flocker_lite.model.records import Container, DatasetId, NodeId
from flocker_lite.model.state import LocalContainer
from flocker_lite.planner.changes import (
    DrainContainer,
    HaltContainer,
    IStateChange,
    MountDataset,
    PrepareContainer,
    PrestartContainer,
    PullImageOfContainer,
    RemoveContainer,
    Sequence,
    StartContainer,
    StopContainer,
)
from flocker_lite.planner.groups import Group
from flocker_lite.planner.replication_plan import replicas_of, standbys_of

BEING_REMOVED = "removing"
"""Docker's status of a container that somebody removes by force: it did not end by itself."""

INSTANCE_LENGTH = 12
"""Docker shows this much of a container's id, and accepts it."""


def plan_container(
    me: NodeId,
    group: Group,
    resting: frozenset[str],
    due: frozenset[str] = frozenset(),
    held_back: frozenset[str] = frozenset(),
) -> list[IStateChange]:
    """Prepare, start, stop or remove the container of a group; nothing when it is as configured.

    `resting` names the containers that must not be started now: they are stopped, or ended by
    themselves, here or elsewhere. Those in `due` are to be restarted; those in `held_back` do not
    run yet, and are only prepared.
    """
    desired, have = group.desired, group.have
    if group.name is None:
        return []
    if desired is None:
        return [RemoveContainer(group.name)]
    if belongs_here(me, group):
        # A user who paused a container expects that nothing touches it until it is unpaused.
        is_left_alone = have is not None and (have.paused or have.status == BEING_REMOVED)
        if is_left_alone:
            return []
        if not desired.running or group.name in held_back:
            return _keep_stopped(group, desired)
        if group.is_unguarded or (group.is_barred and not (have and have.has_begun)):
            return _keep_barred(group, desired)
        return _run_here(group, desired, resting, due)
    if have is not None and have.paused and not group.datasets:
        return []
    if have is not None and have.has_begun:
        return _leave(me, group, group.name)
    if is_kept_warm(me, group):
        return _prepare_for_arrival(group, replace(desired, node=me))
    if desired.node != me:
        return [RemoveContainer(group.name)] if have is not None else []
    # Prepare unless the cluster knows that the container ended: then nothing is started here.
    is_over = group.name in resting and desired.ended is not None
    return _prepare_for_arrival(group, desired) if not is_over else []


def is_kept_warm(me: NodeId, group: Group) -> bool:
    """Whether the container is to be ready here: this node stands by, warm, for all its data."""
    desired = group.desired
    if desired is None or desired.node == me or not desired.running or desired.ended is not None:
        return False
    if not desired.volumes or len(group.datasets) != len(desired.volumes):
        return False
    return all(
        dataset.role is Role.REPLICA
        and (replicas := replicas_of(dataset)) is not None
        and replicas.warm
        and me in standbys_of(dataset)
        for dataset in group.datasets
    )


def why_left_alone(me: NodeId, group: Group) -> str | None:
    """Why this node does not touch a container: a user paused it; None otherwise."""
    desired, have = group.desired, group.have
    if desired is None or have is None or not have.paused:
        return None
    if desired.node != me:
        return f"paused: `{_unpause(have)}` lets its move begin; or delete it"
    if not is_same(have.container, desired):
        return f"paused: `{_unpause(have)}` lets this node recreate it as configured now"
    if not desired.running:
        return f"paused: `{_unpause(have)}` lets this node stop it"
    return None


def is_to_stop(me: NodeId, group: Group) -> bool:
    """Whether the container of a group runs here, where it belongs, and should not."""
    desired, have = group.desired, group.have
    if desired is None or have is None or desired.running or not have.running:
        return False
    return belongs_here(me, group)


def _unpause(have: LocalContainer) -> str:
    # By its id, because a user may have renamed it.
    return f"docker unpause {have.instance[:INSTANCE_LENGTH]}"


def plan_lost_data(group: Group, resting: frozenset[str]) -> list[IStateChange] | None:
    """Stop the container of a group that lost its data, so that the data can be mounted again.

    None once only the mounts are left to do. Where something else is mounted in place of its data,
    nothing is started before somebody unmounts that.
    """
    have = group.have
    has_begun = have is not None and (have.has_processes or have.last_exit is not None)
    is_resting = group.name in resting and have is not None and not have.has_processes
    if group.name is not None and has_begun and not is_resting:
        return [StopContainer(group.name)]
    is_in_the_way = any(
        dataset.local is not None and dataset.local.obstacle is not None and not dataset.deleted
        for dataset in group.datasets
    )
    return [] if is_in_the_way else None


def plan_release_of_datasets(group: Group) -> list[IStateChange]:
    """What to do with datasets that another container here still uses: only release them.

    A deleted container is removed before the next one may use its datasets.
    """
    desired, have = group.desired, group.have
    if group.name is None or have is None:
        return []
    if desired is not None and is_same(have.container, desired):
        return []
    return [RemoveContainer(group.name)]


def _leave(me: NodeId, group: Group, name: str) -> list[IStateChange]:
    is_stopped = group.desired is not None and not group.desired.running
    if group.datasets or is_stopped:
        return [RemoveContainer(name)]
    is_elsewhere = group.serving not in (None, me) and group.is_led_away
    return [DrainContainer(name)] if is_elsewhere else []


def belongs_here(me: NodeId, group: Group) -> bool:
    """Whether the container of a group should run on this node, and may."""
    if group.desired is None:
        return False
    if not group.desired.volumes:
        return group.desired.node == me
    complete = len(group.datasets) == len(group.desired.volumes)
    superseded = any(dataset.superseded(me) for dataset in group.datasets)
    return complete and group.may_run and not superseded


def _keep_stopped(group: Group, desired: Container) -> list[IStateChange]:
    """Have the container here as it is configured, and not running."""
    have = group.have
    if have is not None and have.has_processes:
        return [HaltContainer(desired.name)]
    changes = _mounts(group)
    if have is None or not is_same(have.container, desired):
        pin = group.pin if have is None else None
        changes.append(PrepareContainer(desired.name, desired, pin))
    return [Sequence(tuple(changes))] if changes else []


def _keep_barred(group: Group, desired: Container) -> list[IStateChange]:
    """Have a container ready that must not run before its fencing deadline is renewed.

    Its data stays unmounted: another node may be about to go on with it.
    """
    have = group.have
    if have is not None and have.has_begun:
        # No exit by itself: after that, a container that is never restarted stays down for good.
        return [HaltContainer(desired.name, is_exit=False)]
    if have is None or (not is_same(have.container, desired) and not have.has_processes):
        pin = group.pin if have is None else None
        return [PrepareContainer(desired.name, desired, pin)]
    return []


def _mounts(group: Group) -> list[IStateChange]:
    return [
        MountDataset(dataset.dataset_id)
        for dataset in group.datasets
        if dataset.local is not None and not dataset.local.mounted
    ]


def _run_here(
    group: Group, desired: Container, resting: frozenset[str], due: frozenset[str]
) -> list[IStateChange]:
    have = group.have
    changes = _mounts(group)
    start = StartContainer(
        desired.name,
        tuple(dataset.dataset_id for dataset in group.datasets),
        held(desired.ports),
        desired.health_check,
        on_trial=tuple(dataset.dataset_id for dataset in group.with_role(Role.PROBATION)),
        is_prestarted=have is not None and have.prestarted,
        instance=have.instance if have is not None and is_same(have.container, desired) else "",
        unsure=_unsure(group),
    )
    if desired.name in resting and (have is None or have.prestarted):
        # It has finished: its prestarted successor has nothing to wait for.
        changes += [RemoveContainer(desired.name)] if have is not None else []
    elif have is None:
        changes += [PrepareContainer(desired.name, desired, group.pin), start]
    elif not is_same(have.container, desired):
        if group.with_role(Role.PROBATION) and _gains_data(have, desired):
            # First the trial: if it fails, what it wrote to the new dataset would stay there.
            return []
        if have.has_processes:
            # Removed, not stopped: after a crash, a stop would look like an exit by itself.
            changes.append(PullImageOfContainer(desired.name, desired))
            changes.append(RemoveContainer(desired.name))
        changes += [PrepareContainer(desired.name, desired), start]
    elif have.running and desired.name in due:
        # What stopped it is known when it starts: the next plan does that.
        return [HaltContainer(desired.name)]
    elif not have.running and desired.name not in resting:
        changes.append(start)
    return [Sequence(tuple(changes))] if changes else []


def _gains_data(have: LocalContainer, desired: Container) -> bool:
    """Whether a container is configured with a dataset that it does not run with."""
    has = {volume.dataset_id for volume in have.container.volumes}
    return any(volume.dataset_id not in has for volume in desired.volumes)


def _unsure(group: Group) -> tuple[DatasetId, ...]:
    """The datasets that other processes may use by now.

    A dataset that just arrived for a prestarted container is not among them: it was never mounted
    here since, and the clients of that container should not wait for a search of all processes.
    """
    is_arriving = group.have is not None and group.have.prestarted
    return tuple(
        dataset.dataset_id
        for dataset in group.datasets
        if not is_arriving or (dataset.local is not None and dataset.local.mounted)
    )


def _prepare_for_arrival(group: Group, desired: Container) -> list[IStateChange]:
    """Pull the image and prestart the container before its data arrives."""
    have = group.have
    if have is not None and is_prepared(have, desired, group.pin):
        return []
    if have is not None and is_created(have, desired, group.pin):
        return [PrestartContainer(desired.name)]
    # Another dataset of it may still have to come from a third node, or to be created. The nodes
    # that send the others wait until the container is prepared.
    arrived = any(
        dataset.local is not None and dataset.role in (Role.REPLICA, Role.PRIMARY)
        for dataset in group.datasets
    )
    if not arrived:
        return []
    prepare = PrepareContainer(desired.name, desired, group.pin)
    if have is not None and (have.last_exit is not None or have.prestarted):
        return [Sequence((RemoveContainer(desired.name), prepare))]
    return [prepare]


def is_prepared(have: LocalContainer, desired: Container, pin: ExactImage | None = None) -> bool:
    """Whether everything is done that can be done before the container's data arrives."""
    can_wait = have.prestartable and have.starts_early and desired.running
    return is_created(have, desired, pin) and (have.prestarted or not can_wait)


def is_created(have: LocalContainer, desired: Container, pin: ExactImage | None = None) -> bool:
    """Whether a container can be started as it is.

    A container that ran here before a handoff cannot: the handoff stopped it.
    """
    is_same_image = pin is None or have.image_id == pin.image_id
    return is_same(have.container, desired) and is_same_image and have.last_exit is None
