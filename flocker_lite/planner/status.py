"""What an agent reports: what its node has, and what is wrong with it; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pyrsistent import PMap, pmap

from flocker_lite.model import increments, lease
from flocker_lite.model.grants import Signed
from flocker_lite.model.lease import Role
from flocker_lite.model.machine import MACHINE
from flocker_lite.model.records import Container, DatasetId, NodeId
from flocker_lite.model.state import (
    AdoptionState,
    AsideState,
    ContainerState,
    DatasetState,
    ImagePull,
    ImageState,
    LocalContainer,
    Machine,
    MoveProgress,
    NodeState,
    NodeView,
    PortState,
    RestartHistory,
    SnapshotSet,
)
from flocker_lite.planner import (
    adoption_plan,
    release_plan,
    restart_policy,
    routing_plan,
    unhealthy_restarts,
)
from flocker_lite.planner.backoff import Failed
from flocker_lite.planner.changes import ChangeKey
from flocker_lite.planner.container_plan import belongs_here, why_left_alone
from flocker_lite.planner.dataset_plan import problem_with
from flocker_lite.planner.groups import Group, GroupDataset, Local, groups, is_on_trial
from flocker_lite.planner.move_plan import plan_move
from flocker_lite.planner.replication_plan import Copies
from flocker_lite.planner.replication_status import replications
from flocker_lite.planner.resources import (
    AsideResource,
    ContainerResource,
    DatasetResource,
    ImageResource,
    Resource,
)
from flocker_lite.planner.start_gates import STUCK
from flocker_lite.planner.unhealthy_restarts import is_halted


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What an agent knows of its node when it reports.

    Containers that are `starting` do not answer yet. `unhealthy` says what is wrong with running
    containers that should be healthy by now: they do not serve while another node serves in their
    place. `health` is that of each container with a health check. `counts` are the connections that
    the node holds, by port. `discovery_trouble` says why discovery fails: then all else is as of
    the last one. The `stuck` containers wait at their start gate for too long; `crashing` says
    which running containers may soon crash again, and `held_back` which ones wait for others,
    or for a renewal of their fencing deadlines. `proof_of` returns the signed proofs of a dataset.
    `copies` are those at standbys, and `sets` those that are complete here.
    """

    view: NodeView | None
    local: Local
    failures: PMap[ChangeKey, Failed] = field(default_factory=pmap)
    moves: PMap[DatasetId, MoveProgress] = field(default_factory=pmap)
    pulls: PMap[str, ImagePull] = field(default_factory=pmap)
    histories: restart_policy.RestartHistories = field(default_factory=pmap)
    starting: frozenset[str] = frozenset()
    unhealthy: Mapping[str, str] = field(default_factory=pmap)
    health: Mapping[str, str] = field(default_factory=pmap)
    counts: Mapping[int, PortState] = field(default_factory=pmap)
    discovery_trouble: str | None = None
    stuck: frozenset[str] = frozenset()
    crashing: Mapping[str, str] = field(default_factory=pmap)
    starts_at: Mapping[str, float] = field(default_factory=pmap)
    held_back: Mapping[str, str] = field(default_factory=pmap)
    proof_of: Callable[[DatasetId], tuple[Signed, ...]] = lambda _: ()
    machine: Machine | None = None
    copies: Copies = Copies()  # noqa: RUF009
    sets: PMap[DatasetId, SnapshotSet] = field(default_factory=pmap)


def report(me: NodeId, facts: NodeFacts) -> NodeState:
    """The state of this node, including what failed to come about here, with its error."""
    view, local = facts.view or NodeView(), facts.local
    failed = _failed_by_resource(facts.failures)
    datasets: dict[str, DatasetState] = {}
    containers: dict[str, ContainerState] = {}
    found = groups(view, local)
    for group in found:
        for dataset in group.datasets:
            if (dataset_state := _report_dataset(me, dataset, facts, failed)) is not None:
                datasets[dataset.dataset_id] = dataset_state
        if group.name is None:
            continue
        if (container_state := _report_container(me, group, group.name, facts, failed)) is not None:
            containers[group.name] = container_state
    images = _image_states(view, local, failed, facts.pulls)
    ports = routing_plan.ports(me, view, local, facts.counts)
    asides = _aside_states(local, failed)
    adoptions = {
        name: AdoptionState(note.move_id, note.step, note.why)
        for name, note in local.adoptions.items()
    }
    machine = pmap({MACHINE: facts.machine} if facts.machine is not None else {})
    return NodeState(
        *(pmap(datasets), pmap(containers), facts.moves, images, ports, local.kept, asides),
        adoptions=pmap(adoptions),
        machine=machine,
        replications=replications(me, found, view, facts.copies, failed),
    )


def _report_dataset(
    me: NodeId, dataset: GroupDataset, facts: NodeFacts, failed: Mapping[Resource, Failed]
) -> DatasetState | None:
    resource, copy = DatasetResource(dataset.dataset_id), dataset.local
    error = _error_of(me, dataset, facts.discovery_trouble, failed.get(resource))
    again = _again_at(failed, resource, error)
    if copy is None:
        if error is None or not _belongs_to(me, dataset):
            return None
        return DatasetState(dataset.dataset_id, None, error=error, next_try_at=again)
    is_replica = dataset.role is Role.REPLICA
    last = increments.last_pushed(copy.snapshots) if is_replica else None
    return DatasetState(
        dataset.dataset_id,
        copy.lease,
        copy.mounted,
        copy.path,
        copy.maximum_size,
        error,
        proof=facts.proof_of(dataset.dataset_id) if copy.lease is not None else (),
        next_try_at=again,
        warning=copy.warning,
        base=last.guid if last is not None else None,
        complete_set=_complete_set(dataset, facts.sets) if is_replica else None,
        size_bytes=copy.size_bytes,
    )


def _complete_set(
    dataset: GroupDataset, sets: Mapping[DatasetId, SnapshotSet]
) -> SnapshotSet | None:
    """The set that is complete here, as long as the replica has its snapshot."""
    complete = sets.get(dataset.dataset_id)
    if complete is None or dataset.local is None:
        return None
    guid = complete.snapshots.get(dataset.dataset_id)
    has = any(snapshot.guid == guid for snapshot in dataset.local.snapshots)
    return complete if has else None


def _report_container(
    me: NodeId, group: Group, name: str, facts: NodeFacts, failed: Mapping[Resource, Failed]
) -> ContainerState | None:
    resource, histories = ContainerResource(name), facts.histories
    error = facts.discovery_trouble or _trouble(me, group, failed.get(resource), facts.stuck)
    error = error or facts.held_back.get(name)
    note = facts.local.adoptions.get(name)
    view = facts.view or NodeView()
    error = error or adoption_plan.problem(group, view, note)
    error = error or release_plan.problem(group, view, note)
    state = _container_state(me, group, error, facts.pulls, histories)
    if state is None:
        return None
    is_unreachable = name in facts.starting or is_on_trial(facts.local, state.container)
    serving = state.running and not is_unreachable and name not in facts.unhealthy
    if state.running and state.error is None:
        state = replace(state, error=_doubt(name, group.have, facts.unhealthy, facts.crashing))
    if group.lost is not None:
        state, serving = _without_data(state, group.lost), False
    again = _again_at(failed, resource, state.error)
    if again is None and _is_started_again(me, group, histories):
        again = facts.starts_at.get(name)
    by_docker = group.have.health if group.have is not None else None
    health = facts.health.get(name) or (by_docker.status if by_docker is not None else "")
    return replace(
        state, serving=serving, next_try_at=again, health=health if state.running else ""
    )


def _doubt(
    name: str,
    have: LocalContainer | None,
    unhealthy: Mapping[str, str],
    crashing: Mapping[str, str],
) -> str | None:
    """What is wrong with a running container."""
    by_docker = have.health.trouble if have is not None and have.health is not None else None
    sick = unhealthy.get(name, by_docker)
    return f"not healthy: {sick}" if sick is not None else crashing.get(name)


def _image_states(
    view: NodeView, local: Local, failed: Mapping[Resource, Failed], pulls: PMap[str, ImagePull]
) -> PMap[str, ImageState]:
    states: dict[str, ImageState] = {}
    for image_id, desired in view.images.items():
        trouble = failed.get(ImageResource(desired.image))
        error = None if trouble is None else trouble.error
        again = _again_at(failed, ImageResource(desired.image), error)
        here = desired.image in local.images
        states[image_id] = ImageState(desired.image, here, error, pulls.get(desired.image), again)
    return pmap(states)


def _aside_states(local: Local, failed: Mapping[Resource, Failed]) -> PMap[str, AsideState]:
    states: dict[str, AsideState] = {}
    for name, copy in local.asides.items():
        trouble = failed.get(AsideResource(name))
        error = None if trouble is None else trouble.error
        again = _again_at(failed, AsideResource(name), error)
        states[name] = AsideState(
            copy.dataset_id, copy.reason, copy.set_aside_at, copy.size_bytes, error, again
        )
    return pmap(states)


def _error_of(
    me: NodeId, dataset: GroupDataset, discovery_trouble: str | None, failed: Failed | None
) -> str | None:
    """What is wrong with a dataset here; a dead mount shows even while ZFS does not answer."""
    amiss = problem_with(me, dataset)
    if discovery_trouble is not None and dataset.lost is not None:
        return f"{amiss}; {discovery_trouble}"
    return discovery_trouble or (failed.error if failed is not None else None) or amiss


def _container_state(
    me: NodeId,
    group: Group,
    error: str | None,
    pulls: PMap[str, ImagePull],
    histories: restart_policy.RestartHistories,
) -> ContainerState | None:
    have, desired = group.have, group.desired
    pull = None
    if desired is not None and desired.node == me and (have is None or have.container != desired):
        pull = pulls.get(desired.image)
    is_stopped = desired is not None and not desired.running
    finished = None if is_stopped else _finished(me, group, error, pull, histories)
    if finished is not None:
        return finished
    if have is None:
        if desired is None or desired.node != me:
            return None
        # Show a new container from the beginning, but one that moves here only once it arrives.
        if error is None and pull is None and not _begins_here(me, group, desired):
            return None
        return ContainerState(desired, False, error, pull=pull)
    history, exit_code = histories.get(have.container.name), None
    last_output: tuple[str, ...] = ()
    policy = desired.restart_policy if desired is not None else have.container.restart_policy
    was_stopped = _was_stopped_for_a_move(group, history)
    if (
        history is not None
        and have.last_exit is not None
        and not (was_stopped or is_stopped)
        and restart_policy.has_ended(history, have)
    ):
        error = error or restart_policy.trouble(
            policy, history, have.last_exit, moves=plan_move(me, group) is not None
        )
        exit_code = have.last_exit.exit_code
        last_output = have.last_exit.output
    if is_halted(history, have) and not is_stopped:
        error = error or unhealthy_restarts.WAITS
    # Agents, not Docker, carry out the restart policy: so it is as configured now.
    carried_out = _carried_out(
        have.container,
        restart_policy=policy,
        running=not is_stopped or have.has_processes,
        restart_generation=restart_policy.generation_of(history, have),
    )
    return ContainerState(
        carried_out,
        have.running,
        error,
        restart_policy.restarts(history, have),
        exit_code,
        pull,
        paused=have.paused,
        stays_behind=have.stays_behind,
        ended=restart_policy.ended_for_good(history, have, policy) if not is_stopped else None,
        image_id=have.image_id,
        image_digest=have.image_digest,
        last_output=last_output,
    )


def _carried_out(container: Container, **fields: Any) -> Container:
    """The container with these fields: itself if they differ in nothing, as nearly always."""
    if all(getattr(container, name) == value for name, value in fields.items()):
        return container
    return replace(container, **fields)


def _finished(
    me: NodeId,
    group: Group,
    error: str | None,
    pull: ImagePull | None,
    histories: restart_policy.RestartHistories,
) -> ContainerState | None:
    """The state of a container that belongs here and has ended for good; None for all others."""
    have, desired = group.have, group.desired
    if desired is None:
        return None
    ended = restart_policy.finished(histories, have, desired)
    if ended is None or not belongs_here(me, group):
        return None
    policy = desired.restart_policy
    error = error or restart_policy.trouble(policy, *restart_policy.as_local(ended))
    made_from = have.container if have is not None else desired
    return ContainerState(
        *(made_from, False, error, ended.times - 1, ended.exit_code, pull),
        ended=ended,
        image_id=have.image_id if have is not None else "",
        image_digest=have.image_digest if have is not None else "",
    )


def _was_stopped_for_a_move(group: Group, history: RestartHistory | None) -> bool:
    """Whether the exit that this agent found at its own start was the stop of a move."""
    is_going = bool(group.with_role(*lease.GOING))
    return is_going and history is not None and history.configuration == restart_policy.UNSURE


def _trouble(me: NodeId, group: Group, failed: Failed | None, stuck: frozenset[str]) -> str | None:
    """What keeps a container from being as configured."""
    error = failed.error if failed is not None else None
    gate = STUCK if group.name in stuck else None
    return group.trouble or why_left_alone(me, group) or error or gate


def _begins_here(me: NodeId, group: Group, desired: Container) -> bool:
    """Whether all datasets of the container are created here, so that none comes by a move."""
    owners = {each.desired.grant.owner for each in group.datasets if each.desired is not None}
    return owners <= {me} and len(group.datasets) == len(desired.volumes)


def _without_data(state: ContainerState, lost: str) -> ContainerState:
    """The state of a container that lost its data: it counts as stopped, whatever still runs."""
    said = state.error if state.error != lost else None
    return replace(state, running=False, error="; ".join(filter(None, (lost, said))))


def _belongs_to(me: NodeId, dataset: GroupDataset) -> bool:
    """Whether the dataset is in the view of this node whatever the node reports.

    Otherwise the report alone would keep the dataset in the view, and the view in the report.
    """
    desired = dataset.desired
    return desired is not None and me in (desired.dataset.primary, desired.grant.owner)


def _failed_by_resource(failures: PMap[ChangeKey, Failed]) -> dict[Resource, Failed]:
    """The failure of each resource; of several, the one that is tried again last."""
    found: dict[Resource, Failed] = {}
    in_order = sorted(
        failures.items(), key=lambda item: (not item[1].is_past, item[1].until_seconds)
    )
    for key, failed in in_order:
        found |= dict.fromkeys(key.resources, failed)
    return found


def _again_at(
    failed: Mapping[Resource, Failed], resource: Resource, error: str | None
) -> float | None:
    """When the failed change is tried again, if `error` is the error of that change."""
    found = failed.get(resource)
    return (found.until_seconds or None) if found is not None and found.error == error else None


def _is_started_again(me: NodeId, group: Group, histories: restart_policy.RestartHistories) -> bool:
    """Whether this node will restart a container that ended by itself."""
    have, desired = group.have, group.desired
    if have is None or have.last_exit is None or desired is None or not desired.running:
        return False
    if plan_move(me, group) is not None:
        return False
    history = histories.get(desired.name)
    if is_halted(history, have):
        return True
    over = history is None or restart_policy.is_over(
        desired.restart_policy, history, have.last_exit
    )
    return not over and restart_policy.has_ended(history, have)
