"""What an agent reports: its local facts and the errors beside them; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from pyrsistent import PMap, pmap

from flocker_lite.convergence import restarts, routing_plan
from flocker_lite.convergence.changes import (
    container_resource,
    dataset_resource,
    image_resource,
)
from flocker_lite.convergence.container_plan import why_left_alone
from flocker_lite.convergence.dataset_plan import wrong
from flocker_lite.convergence.groups import Group, GroupDataset, Local, groups, is_on_trial
from flocker_lite.convergence.pacing import Failed
from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.model.state import (
    ContainerState,
    DatasetState,
    Ending,
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
    standing: Mapping[str, str] = MappingProxyType({}),
) -> NodeState:
    """The state of this node; containers that are `starting` or on trial do not serve anybody yet.

    `counts` are of the connections that it holds.

    `unhealthy` says what is wrong with those that run and should be healthy by now: these do not
    either, as long as another node serves in their place.

    What is wanted here but failed so far is in it, with its error. `unseen` says why nothing of
    this node can be seen at the moment: all else is what was seen last. `standing` says of those
    that wait to be let go that they have done so for too long.
    """
    errors = _errors_by_resource(failures)
    datasets: dict[str, DatasetState] = {}
    containers: dict[str, ContainerState] = {}
    for group in groups(view or NodeView(), local):
        for dataset in group.datasets:
            error = unseen or errors.get(dataset_resource(dataset.dataset_id)) or wrong(me, dataset)
            seen = _dataset_state(me, dataset, error)
            if seen is not None:
                datasets[dataset.dataset_id] = seen
        if group.name is None:
            continue
        error = unseen or _trouble(me, group, errors) or standing.get(group.name)
        state = _container_state(me, group, error, pulls, endings.get(group.name))
        if state is not None:
            absent = group.name in starting or is_on_trial(local, state.container)
            serving = state.running and not absent and group.name not in unhealthy
            if state.running and state.error is None and group.name in unhealthy:
                state = replace(state, error=f"not healthy: {unhealthy[group.name]}")
            containers[group.name] = replace(state, serving=serving)
    images = {
        image_id: ImageState(
            wish.image,
            wish.image in local.images,
            errors.get(image_resource(wish.image)),
            pulls.get(wish.image),
        )
        for image_id, wish in (view.images.items() if view is not None else ())
    }
    ports = routing_plan.ports(me, view or NodeView(), local, counts)
    return NodeState(pmap(datasets), pmap(containers), moves, pmap(images), ports, local.kept)


def _dataset_state(me: NodeId, dataset: GroupDataset, error: str | None) -> DatasetState | None:
    copy = dataset.local
    if copy is not None:
        return DatasetState(
            dataset.dataset_id, copy.lease, copy.mounted, copy.path, copy.maximum_size, error
        )
    if error is not None and _belongs_to(me, dataset):
        return DatasetState(dataset.dataset_id, None, error=error)
    return None


def _container_state(
    me: NodeId,
    group: Group,
    error: str | None,
    pulls: PMap[str, ImagePull],
    ending: Ending | None,
) -> ContainerState | None:
    have, wanted = group.have, group.wanted
    pull = None
    if wanted is not None and wanted.node == me and (have is None or have.container != wanted):
        pull = pulls.get(wanted.image)
    if have is None:
        if wanted is None or wanted.node != me or (error is None and pull is None):
            return None
        return ContainerState(wanted, False, error, pull=pull)
    exit_code = None
    if ending is not None and have.end is not None and restarts.has_ended(ending, have):
        policy = wanted.restart_policy if wanted is not None else have.container.restart_policy
        error = error or restarts.trouble(policy, ending, have.end)
        exit_code = have.end.exit_code
    restarted = restarts.restarts(ending, have)
    return ContainerState(
        have.container,
        have.running,
        error,
        restarted,
        exit_code,
        pull,
        paused=have.paused,
        stays_behind=have.stays_behind,
    )


def _trouble(me: NodeId, group: Group, errors: Mapping[str, str]) -> str | None:
    """What keeps a container from being as it is wanted."""
    failed = errors.get(container_resource(group.name or ""))
    return group.trouble or why_left_alone(me, group) or failed


def _belongs_to(me: NodeId, dataset: GroupDataset) -> bool:
    """Whether this node is told of the dataset whatever it reports.

    To report what is not here to whom is told of it for this report alone would never end.
    """
    wanted = dataset.wanted
    return wanted is not None and me in (wanted.dataset.primary, wanted.grant.owner)


def _errors_by_resource(failures: PMap[str, Failed]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, failed in failures.items():
        for resource in name.split(" ")[1:]:
            found[resource] = failed.error
    return found
