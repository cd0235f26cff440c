"""What one container needs on this node; pure.

A container runs where all of its datasets are primary, or lent for a trial; one without datasets
runs where it is configured. So a container that is wanted elsewhere stays here until its data has
gone; without data it stays until it is seen to serve elsewhere.
"""

from __future__ import annotations

from flocker_lite.convergence.changes import (
    IStateChange,
    MountDataset,
    PoiseContainer,
    PrepareContainer,
    PullImageOfContainer,
    RemoveContainer,
    Sequence,
    StartContainer,
)
from flocker_lite.convergence.ending import EndContainer, RetireContainer
from flocker_lite.convergence.groups import Group
from flocker_lite.model.endings import is_same
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.lease import Role
from flocker_lite.model.records import Container, DatasetId, NodeId
from flocker_lite.model.state import LocalContainer

BEING_REMOVED = "removing"
"""Docker's word for what somebody removes by force: its end is none of its own."""

INSTANCE_LENGTH = 12
"""So much of a container's id does for Docker, which shows no more of it."""


def plan_container(me: NodeId, group: Group, resting: frozenset[str]) -> list[IStateChange]:
    """Prepare, start or remove the container of a group; nothing when it is as it should.

    `resting` names the containers that ended by themselves, here or elsewhere, and are not to be
    started (yet).
    """
    wanted, have = group.wanted, group.have
    if group.name is None:
        return []
    if wanted is None:
        return [RemoveContainer(group.name)]
    if belongs_here(me, group):
        # Who paused it wants that nothing becomes of it before he says so.
        is_left_alone = have is not None and (have.paused or have.status == BEING_REMOVED)
        return [] if is_left_alone else _run_here(group, wanted, resting)
    if have is not None and have.paused and not group.datasets:
        return []
    if have is not None and have.has_begun:
        return _leave(me, group, group.name)
    if wanted.node != me:
        return [RemoveContainer(group.name)] if have is not None else []
    # Only of what is known to the cluster to be over nothing is to arrive that would be started.
    is_over = group.name in resting and wanted.ended is not None
    return _prepare_for_arrival(group, wanted) if not is_over else []


def why_left_alone(me: NodeId, group: Group) -> str | None:
    """Why nothing that is wanted of a container is done: somebody paused it; None otherwise."""
    wanted, have = group.wanted, group.have
    if wanted is None or have is None or not have.paused:
        return None
    if wanted.node != me:
        return f"paused: it is moved once it goes on (`{_unpause(have)}`), or is deleted"
    if not is_same(have.container, wanted):
        return f"paused: it is made anew once it goes on (`{_unpause(have)}`)"
    return None


def _unpause(have: LocalContainer) -> str:
    # By its id, whatever it is called now.
    return f"docker unpause {have.instance[:INSTANCE_LENGTH]}"


def plan_lost(group: Group, resting: frozenset[str]) -> list[IStateChange] | None:
    """End the container of a group that does not have its data; then what is dead is mounted anew.

    None once that is all that is left. Where something else is mounted in place of its data,
    nothing is started before somebody has unmounted that.
    """
    have = group.have
    has_begun = have is not None and (have.has_processes or have.end is not None)
    if group.name is not None and has_begun and group.name not in resting:
        return [EndContainer(group.name)]
    is_in_the_way = any(
        dataset.local is not None and dataset.local.obstacle is not None and not dataset.deleted
        for dataset in group.datasets
    )
    return [] if is_in_the_way else None


def plan_parting(group: Group) -> list[IStateChange]:
    """Nothing is done with datasets that another container here still has, but to let go of them.

    A container that was deleted is removed first, before the next one may use its datasets.
    """
    wanted, have = group.wanted, group.have
    if group.name is None or have is None:
        return []
    if wanted is not None and is_same(have.container, wanted):
        return []
    return [RemoveContainer(group.name)]


def _leave(me: NodeId, group: Group, name: str) -> list[IStateChange]:
    if group.datasets:
        return [RemoveContainer(name)]
    is_elsewhere = group.serving not in (None, me) and group.is_led_away
    return [RetireContainer(name)] if is_elsewhere else []


def belongs_here(me: NodeId, group: Group) -> bool:
    """Whether the container of a group is to run on this node, and may."""
    if group.wanted is None:
        return False
    if not group.wanted.volumes:
        return group.wanted.node == me
    complete = len(group.datasets) == len(group.wanted.volumes)
    superseded = any(dataset.superseded(me) for dataset in group.datasets)
    return complete and group.may_run and not superseded


def _run_here(group: Group, wanted: Container, resting: frozenset[str]) -> list[IStateChange]:
    have = group.have
    changes: list[IStateChange] = [
        MountDataset(dataset.dataset_id)
        for dataset in group.datasets
        if dataset.local is not None and not dataset.local.mounted
    ]
    start = StartContainer(
        wanted.name,
        tuple(dataset.dataset_id for dataset in group.datasets),
        tuple(port.external for port in wanted.ports),
        wanted.health_check,
        on_trial=tuple(dataset.dataset_id for dataset in group.with_role(Role.PROBATION)),
        is_poised=have is not None and have.poised,
        instance=have.instance if have is not None and is_same(have.container, wanted) else "",
        unsure=_unsure(group),
    )
    if wanted.name in resting and (have is None or have.poised):
        # What it was to do is done: nothing waits for it any more.
        changes += [RemoveContainer(wanted.name)] if have is not None else []
    elif have is None:
        changes += [PrepareContainer(wanted.name, wanted, group.pin), start]
    elif not is_same(have.container, wanted):
        if have.has_processes:
            # Removed, so that nobody takes our stop for an end by itself, whatever comes between.
            changes.append(PullImageOfContainer(wanted.name, wanted.image))
            changes.append(RemoveContainer(wanted.name))
        changes += [PrepareContainer(wanted.name, wanted), start]
    elif not have.running and wanted.name not in resting:
        changes.append(start)
    return [Sequence(tuple(changes))] if changes else []


def _unsure(group: Group) -> tuple[DatasetId, ...]:
    """The datasets that somebody else may have in use by now.

    Not those of a container that has waited for them, of which none was ever mounted here since:
    they have just arrived, and nobody who waits for it should wait for a look at all processes.
    """
    is_arriving = group.have is not None and group.have.poised
    return tuple(
        dataset.dataset_id
        for dataset in group.datasets
        if not is_arriving or (dataset.local is not None and dataset.local.mounted)
    )


def _prepare_for_arrival(group: Group, wanted: Container) -> list[IStateChange]:
    """Have the image pulled and the container poised by the time that its data arrives."""
    have = group.have
    if have is not None and is_prepared(have, wanted, group.pin):
        return []
    if have is not None and is_created(have, wanted, group.pin):
        return [PoiseContainer(wanted.name)]
    # One that is still to come may have to come from yet another node, or to be made: those that
    # send the others wait for this.
    arrived = any(
        dataset.local is not None and dataset.role in (Role.REPLICA, Role.PRIMARY)
        for dataset in group.datasets
    )
    if not arrived:
        return []
    prepare = PrepareContainer(wanted.name, wanted, group.pin)
    if have is not None and (have.end is not None or have.poised):
        return [Sequence((RemoveContainer(wanted.name), prepare))]
    return [prepare]


def is_prepared(have: LocalContainer, wanted: Container, pin: ExactImage | None = None) -> bool:
    """Whether all is done for a container that can be done before its data arrives."""
    can_wait = have.poisable and have.starts_early
    return is_created(have, wanted, pin) and (have.poised or not can_wait)


def is_created(have: LocalContainer, wanted: Container, pin: ExactImage | None = None) -> bool:
    """Whether a container can be started as it is.

    One that ran here before and was left by a handoff is not: its end was none of its own.
    """
    is_same_image = pin is None or have.image_id == pin.image_id
    return is_same(have.container, wanted) and is_same_image and have.end is None
