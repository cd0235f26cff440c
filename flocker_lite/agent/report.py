"""What an agent reports: its local facts and the errors beside them; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from pyrsistent import PMap, pmap

from flocker_lite.convergence import restarts, routing_plan
from flocker_lite.convergence.aside_plan import aside_resource
from flocker_lite.convergence.changes import (
    container_resource,
    dataset_resource,
    image_resource,
)
from flocker_lite.convergence.container_plan import belongs_here, why_left_alone
from flocker_lite.convergence.dataset_plan import wrong
from flocker_lite.convergence.failures import resources
from flocker_lite.convergence.groups import Group, GroupDataset, Local, groups, is_on_trial
from flocker_lite.convergence.pacing import Failed
from flocker_lite.convergence.standing import TROUBLE
from flocker_lite.model import increments
from flocker_lite.model.grants import Signed
from flocker_lite.model.lease import Role
from flocker_lite.model.records import Container, DatasetId, NodeId
from flocker_lite.model.state import (
    AsideState,
    ContainerState,
    DatasetState,
    ImagePull,
    ImageState,
    MoveState,
    NodeState,
    NodeView,
    PortState,
)


def report(
    me: NodeId,
    view: NodeView | None,
    local: Local,
    failures: PMap[str, Failed],
    moves: PMap[DatasetId, MoveState],
    pulls: PMap[str, ImagePull],
    endings: restarts.Endings,
    starting: frozenset[str] = frozenset(),
    unhealthy: Mapping[str, str] = MappingProxyType({}),
    counts: Mapping[int, PortState] = MappingProxyType({}),
    unseen: str | None = None,
    standing: frozenset[str] = frozenset(),
    crashing: Mapping[str, str] = MappingProxyType({}),
    starts_at: Mapping[str, float] = MappingProxyType({}),
    proof_of: Callable[[DatasetId], tuple[Signed, ...]] = lambda _: (),
) -> NodeState:
    """The state of this node; containers that are `starting` or on trial do not serve anybody yet.

    `counts` are of the connections that it holds. `unhealthy` says what is wrong with those that
    run and should be healthy by now: these do not either, as long as another node serves in their
    place.

    What is wanted here but failed so far is in it, with its error. `unseen` says why nothing of
    this node can be seen at the moment: all else is what was seen last. `standing` names those that
    have waited to be let go for too long; `crashing` says why some that run may not do so for long.
    `proof_of` has what is signed of a dataset.
    """
    failed = _failed_by_resource(failures)
    errors = {resource: each.error for resource, each in failed.items()}
    datasets: dict[str, DatasetState] = {}
    containers: dict[str, ContainerState] = {}
    for group in groups(view or NodeView(), local):
        for dataset in group.datasets:
            error = _error_of(me, dataset, unseen, errors)
            seen = _dataset_state(me, dataset, error)
            if seen is not None:
                again = _again_at(failed, dataset_resource(dataset.dataset_id), error)
                proof = proof_of(dataset.dataset_id) if seen.lease is not None else ()
                seen = replace(seen, next_try_at=again, proof=proof)
                datasets[dataset.dataset_id] = seen
        if group.name is None:
            continue
        error = unseen or _trouble(me, group, errors, standing)
        state = _container_state(me, group, error, pulls, endings)
        if state is not None:
            absent = group.name in starting or is_on_trial(local, state.container)
            serving = state.running and not absent and group.name not in unhealthy
            if state.running and state.error is None:
                state = replace(state, error=_doubt(group.name, unhealthy, crashing))
            if group.lost is not None:
                state, serving = _without_data(state, group.lost), False
            again = _again_at(failed, container_resource(group.name), state.error)
            if again is None and _is_started_again(view, group.name, endings, local):
                again = starts_at.get(group.name)
            containers[group.name] = replace(state, serving=serving, next_try_at=again)
    images = _image_states(view or NodeView(), local, failed, pulls)
    ports = routing_plan.ports(me, view or NodeView(), local, counts)
    asides = _aside_states(local, failed)
    return NodeState(pmap(datasets), pmap(containers), moves, images, ports, local.kept, asides)


def _doubt(name: str, unhealthy: Mapping[str, str], crashing: Mapping[str, str]) -> str | None:
    """What is wrong with a container that runs."""
    sick = unhealthy.get(name)
    return f"not healthy: {sick}" if sick is not None else crashing.get(name)


def _image_states(
    view: NodeView, local: Local, failed: Mapping[str, Failed], pulls: PMap[str, ImagePull]
) -> PMap[str, ImageState]:
    states: dict[str, ImageState] = {}
    for image_id, wish in view.images.items():
        trouble = failed.get(image_resource(wish.image))
        error = None if trouble is None else trouble.error
        again = _again_at(failed, image_resource(wish.image), error)
        here = wish.image in local.images
        states[image_id] = ImageState(wish.image, here, error, pulls.get(wish.image), again)
    return pmap(states)


def _aside_states(local: Local, failed: Mapping[str, Failed]) -> PMap[str, AsideState]:
    states: dict[str, AsideState] = {}
    for name, copy in local.asides.items():
        trouble = failed.get(aside_resource(name))
        error = None if trouble is None else trouble.error
        again = _again_at(failed, aside_resource(name), error)
        states[name] = AsideState(
            copy.dataset_id, copy.reason, copy.set_aside_at, copy.size_bytes, error, again
        )
    return pmap(states)


def _error_of(
    me: NodeId, dataset: GroupDataset, unseen: str | None, errors: Mapping[str, str]
) -> str | None:
    """What is wrong with a dataset here; that its mount is dead is seen also without ZFS."""
    amiss = wrong(me, dataset)
    if unseen is not None and dataset.lost is not None:
        return f"{amiss}; {unseen}"
    return unseen or errors.get(dataset_resource(dataset.dataset_id)) or amiss


def _dataset_state(me: NodeId, dataset: GroupDataset, error: str | None) -> DatasetState | None:
    copy = dataset.local
    if copy is not None:
        is_replica = dataset.role is Role.REPLICA
        last = increments.last_pushed(copy.snapshots) if is_replica else None
        return DatasetState(
            dataset.dataset_id,
            copy.lease,
            copy.mounted,
            copy.path,
            copy.maximum_size,
            error,
            warning=copy.warning,
            base=last.guid if last is not None else None,
        )
    if error is not None and _belongs_to(me, dataset):
        return DatasetState(dataset.dataset_id, None, error=error)
    return None


def _container_state(
    me: NodeId,
    group: Group,
    error: str | None,
    pulls: PMap[str, ImagePull],
    endings: restarts.Endings,
) -> ContainerState | None:
    have, wanted = group.have, group.wanted
    pull = None
    if wanted is not None and wanted.node == me and (have is None or have.container != wanted):
        pull = pulls.get(wanted.image)
    ended = restarts.finished(endings, have, wanted) if wanted is not None else None
    if wanted is not None and ended is not None and belongs_here(me, group):
        policy = wanted.restart_policy
        error = error or restarts.trouble(policy, *restarts.as_local(ended))
        made_from, times = have.container if have is not None else wanted, ended.times - 1
        return ContainerState(made_from, False, error, times, ended.exit_code, pull, ended=ended)
    if have is None:
        if wanted is None or wanted.node != me:
            return None
        # What is on its way is shown from the beginning; what comes from elsewhere, when it comes.
        if error is None and pull is None and not _begins_here(me, group, wanted):
            return None
        return ContainerState(wanted, False, error, pull=pull)
    ending, exit_code = endings.get(have.container.name), None
    policy = wanted.restart_policy if wanted is not None else have.container.restart_policy
    if ending is not None and have.end is not None and restarts.has_ended(ending, have):
        error = error or restarts.trouble(policy, ending, have.end)
        exit_code = have.end.exit_code
    # The policy is carried out by this agent, as it is configured now.
    return ContainerState(
        replace(have.container, restart_policy=policy),
        have.running,
        error,
        restarts.restarts(ending, have),
        exit_code,
        pull,
        paused=have.paused,
        stays_behind=have.stays_behind,
        ended=restarts.ended_for_good(ending, have, policy),
    )


def _trouble(
    me: NodeId, group: Group, errors: Mapping[str, str], standing: frozenset[str]
) -> str | None:
    """What keeps a container from being as it is wanted."""
    failed = errors.get(container_resource(group.name or ""))
    stands = TROUBLE if group.name in standing else None
    return group.trouble or why_left_alone(me, group) or failed or stands


def _begins_here(me: NodeId, group: Group, wanted: Container) -> bool:
    """Whether nobody else has, or sends, what the container needs."""
    owners = {each.wanted.grant.owner for each in group.datasets if each.wanted is not None}
    return owners <= {me} and len(group.datasets) == len(wanted.volumes)


def _without_data(state: ContainerState, lost: str) -> ContainerState:
    """One that does not have its data serves nobody, whatever its processes do."""
    said = state.error if state.error != lost else None
    return replace(state, running=False, error="; ".join(filter(None, (lost, said))))


def _belongs_to(me: NodeId, dataset: GroupDataset) -> bool:
    """Whether this node is told of the dataset whatever it reports.

    To report what is not here to whom is told of it for this report alone would never end.
    """
    wanted = dataset.wanted
    return wanted is not None and me in (wanted.dataset.primary, wanted.grant.owner)


def _failed_by_resource(failures: PMap[str, Failed]) -> dict[str, Failed]:
    """What failed with each thing; where several did, what is tried again last is told."""
    found: dict[str, Failed] = {}
    in_order = sorted(
        failures.items(), key=lambda item: (not item[1].is_past, item[1].until_seconds)
    )
    for name, failed in in_order:
        found |= dict.fromkeys(resources(name), failed)
    return found


def _again_at(failed: Mapping[str, Failed], resource: str, error: str | None) -> float | None:
    """When what failed with it is tried again, if that is what is told of it."""
    found = failed.get(resource)
    return (found.until_seconds or None) if found is not None and found.error == error else None


def _is_started_again(
    view: NodeView | None, name: str, endings: restarts.Endings, local: Local
) -> bool:
    """Whether a container that ended by itself is to be started again."""
    have, wanted = local.containers.get(name), view.containers.get(name) if view else None
    if have is None or have.end is None or wanted is None:
        return False
    ending = endings.get(name)
    over = ending is None or restarts.is_over(wanted.restart_policy, ending, have.end)
    return not over and restarts.has_ended(ending, have)
