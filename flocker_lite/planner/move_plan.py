"""When a group's datasets leave this node, and how an interrupted handoff continues; pure."""

from __future__ import annotations

from collections.abc import Iterable

from flocker_lite.model.container_fields.ports import held
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.lease import HOLDERS, Lease, Role
from flocker_lite.model.membership import Fate
from flocker_lite.model.records import Container, DatasetId, HealthCheck, NodeId
from flocker_lite.model.state import LocalContainer
from flocker_lite.planner.changes import (
    IStateChange,
    MountDataset,
    PrepareContainer,
    RemoveContainer,
    Sequence,
    SettleDataset,
    StartContainer,
)
from flocker_lite.planner.groups import Group, GroupDataset
from flocker_lite.planner.move_changes import (
    AcquireDatasets,
    CommitDatasets,
    DeliverDatasets,
    GiveBackDatasets,
    HandoffDatasets,
    Moved,
    PostponeMove,
    PushDatasets,
    RecallDatasets,
    ReclaimDatasets,
)


def postponed(move: Sequence, why: str) -> IStateChange:
    """A change that reports why this move cannot begin."""
    push = next(change for change in move.changes if isinstance(change, PushDatasets))
    return PostponeMove(push.datasets, push.container, push.destination, push.address, why)


def plan_move(me: NodeId, group: Group) -> Sequence | None:
    """Push and hand over, when the user wants the datasets of the group at another node."""
    leaving = [
        dataset
        for dataset in group.with_role(Role.PRIMARY)
        if dataset.primary not in (None, me) and _is_known_to_be_here(dataset)
    ]
    if not leaving:
        return None
    destination = leaving[0].primary
    assert destination is not None
    desired = leaving[0].desired
    address = desired.addresses.get(destination) if desired is not None else None
    if address is None or any(dataset.primary != destination for dataset in leaving):
        return None
    if any(dataset.superseded(me) for dataset in leaving):
        return None
    moved = _moved(leaving)
    return Sequence(
        (
            PushDatasets(moved, group.name, destination, address),
            HandoffDatasets(
                moved,
                group.name,
                destination,
                address,
                _ports(group),
                _health_check(group, moved),
            ),
        )
    )


def plan_unfinished_handoff(group: Group, starts_again: bool = True) -> list[IStateChange]:
    """Finish an interrupted handoff: complete what was committed, and undo the rest.

    Datasets that moved together follow their coordinator (`model.membership`). A dataset without a
    coordinator moved alone, or an older release began the handoff: its own lease decides, even
    where others of the group are completed, because only their last snapshots are known to have
    arrived. The planner then moves it again. `starts_again` is false for a container that had
    ended by itself.
    """
    changes = [*_acquire(group), *_give_back(group)]
    going = group.with_role(Role.RELEASING, Role.LENT)
    if following := [dataset for dataset in going if dataset.fate is Fate.FORWARD]:
        return [*changes, CommitDatasets(_moved(following), group.name)]
    kept = [dataset for dataset in going if not dataset.deleted or dataset.role is Role.LENT]
    if kept:
        kept.sort(key=lambda dataset: dataset.is_coordinator)
        name = group.name
        if name is not None and group.desired is None and group.with_role(Role.LENT):
            # The container is stopped here, so its deletion does not wait for the trial.
            changes += [RemoveContainer(name)] if group.have is not None else []
            name = None
        steps: list[IStateChange] = [
            *_recall(group, name),
            ReclaimDatasets(_moved(kept), name),
            *(_start_again(group) if starts_again else ()),
        ]
        changes.append(Sequence(tuple(steps)) if len(steps) > 1 else steps[0])
    return [*changes, *_deliver(group, is_all=not kept)]


def _deliver(group: Group, is_all: bool) -> list[IStateChange]:
    """Tell the new primary, in one request for each handoff, until it is known to have the data.

    The container starts there once its last dataset has arrived, if `is_all` is released.
    """
    changes: list[IStateChange] = []
    released = [dataset for dataset in group.with_role(Role.RELEASED) if not dataset.deleted]
    parts: dict[tuple[NodeId, DatasetId], list[GroupDataset]] = {}
    here = {dataset.dataset_id for dataset in released if not _is_acquired(dataset)}
    for dataset in released:
        held = _lease(dataset)
        note = dataset.local.membership if dataset.local is not None else None
        if dataset.dataset_id not in here:
            changes.append(SettleDataset(dataset.dataset_id, held))
        elif held.peer is not None:
            together = dataset.fate is Fate.FORWARD and note is not None
            # When its coordinator is known to have arrived, ask for this one alone.
            first = note.coordinator if together and note is not None else dataset.dataset_id
            first = first if first in here else dataset.dataset_id
            parts.setdefault((held.peer, first), []).append(dataset)
    for (peer, _), datasets in parts.items():
        if (
            address := next(filter(None, (_address(each, peer) for each in datasets)), None)
        ) is None:
            continue
        ports = _ports(group) if is_all and released[-1] in datasets else ()
        changes.append(DeliverDatasets(_moved(datasets), group.name, peer, address, ports))
    return changes


def _acquire(group: Group) -> list[IStateChange]:
    """Become primary of the datasets whose coordinator is primary here already."""
    arrived = [
        dataset
        for dataset in group.with_role(Role.REPLICA, Role.PROBATION)
        if dataset.fate is Fate.FORWARD
    ]
    return [AcquireDatasets(_moved(arrived), group.name)] if arrived else []


def _give_back(group: Group) -> list[IStateChange]:
    """Give back datasets on probation whose trial is over, or whose container was deleted."""
    is_deleted = group.name is not None and group.desired is None
    over = [
        dataset
        for dataset in group.with_role(Role.PROBATION)
        if (is_deleted or not dataset.on_trial) and dataset.fate is not Fate.FORWARD
    ]
    return [GiveBackDatasets(_moved(over), group.name)] if over else []


def _recall(group: Group, name: str | None) -> list[IStateChange]:
    """One recall for each node that has a trial; there is rarely more than one."""
    lent: dict[NodeId, list[GroupDataset]] = {}
    for dataset in group.with_role(Role.LENT):
        lent.setdefault(_lease(dataset).peer or "", []).append(dataset)
    return [
        RecallDatasets(
            _moved(datasets),
            name,
            peer,
            next(filter(None, (_address(dataset, peer) for dataset in datasets)), None),
        )
        for peer, datasets in lent.items()
    ]


def _start_again(group: Group) -> list[IStateChange]:
    """Restart the container that the handoff stopped, before anything else is tried.

    If the container is gone, nobody knows whether it ran here: the next plan decides then.
    """
    if group.desired is None or group.have is None:
        return []
    if any(dataset.role not in HOLDERS for dataset in group.datasets):
        return []
    ids = tuple(dataset.dataset_id for dataset in group.datasets)
    return [
        *(MountDataset(dataset_id) for dataset_id in ids),
        PrepareContainer(group.desired.name, group.desired, _same_image(group.desired, group.have)),
        StartContainer(group.desired.name, ids, held(group.desired.ports)),
    ]


def _same_image(desired: Container, have: LocalContainer) -> ExactImage | None:
    """The image it ran with, whatever its tag means by now; None when the user chose another."""
    if not have.image_id or desired.image != have.container.image:
        return None
    return ExactImage(desired.image, have.image_id)


def _is_known_to_be_here(dataset: GroupDataset) -> bool:
    """Whether the desired primary was set knowing that this node has the dataset.

    An older one may be what brought the dataset here, or away from here before it came back.
    """
    return dataset.desired is not None and dataset.desired.grant.epoch >= _lease(dataset).epoch


def _address(dataset: GroupDataset, peer: NodeId) -> str | None:
    return dataset.desired.addresses.get(peer) if dataset.desired is not None else None


def _is_acquired(dataset: GroupDataset) -> bool:
    """Whether the node that it was released to, or a later owner, is known to have it."""
    if dataset.desired is None:
        return False
    epoch = _lease(dataset).epoch
    holder = dataset.desired.holders.get(_lease(dataset).peer or "")
    copies = (Role.REPLICA, Role.PROBATION)
    seen = holder is not None and holder.role not in copies and holder.epoch >= epoch
    return seen or dataset.desired.grant.epoch >= epoch


def _ports(group: Group) -> tuple[int, ...]:
    """The external TCP ports of the group's container as it is or was here."""
    container = group.have.container if group.have is not None else group.desired
    return held(container.ports) if container is not None else ()


def _health_check(group: Group, moved: tuple[Moved, ...]) -> HealthCheck | None:
    """The health check for the trial; None, so no trial, unless all of its data goes along.

    A failed trial gives the data back as it was. What it wrote to a dataset that was at the
    destination before would stay there, and the container's datasets would no longer match.
    What depends on others that move together with it has no trial: nobody serves it before they
    are committed.
    """
    desired = group.desired
    if desired is None or not desired.running or group.follows_others:
        return None
    if desired.ended is not None and not (group.have is not None and group.have.has_begun):
        return None  # it will not run there
    going = {item.dataset_id for item in moved}
    goes_whole = all(volume.dataset_id in going for volume in desired.volumes)
    return desired.health_check if goes_whole else None


def _moved(datasets: Iterable[GroupDataset]) -> tuple[Moved, ...]:
    return tuple(Moved(dataset.dataset_id, _lease(dataset)) for dataset in datasets)


def _lease(dataset: GroupDataset) -> Lease:
    assert dataset.local is not None
    assert dataset.local.lease is not None
    return dataset.local.lease
