"""When a group's datasets leave this node, and how a handoff that was cut off goes on; pure."""

from __future__ import annotations

from collections.abc import Iterable

from flocker_lite.convergence.changes import (
    IStateChange,
    MountDataset,
    PrepareContainer,
    RemoveContainer,
    Sequence,
    SettleDataset,
    StartContainer,
)
from flocker_lite.convergence.following import AcquireDatasets, CommitDatasets
from flocker_lite.convergence.groups import Group, GroupDataset
from flocker_lite.convergence.handoff import (
    DeliverDatasets,
    GiveBackDatasets,
    HandoffDatasets,
    RecallDatasets,
    ReclaimDatasets,
)
from flocker_lite.convergence.pushing import PostponeMove, PushDatasets
from flocker_lite.convergence.transfer import Moved
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.lease import HOLDERS, Lease, Role
from flocker_lite.model.membership import Fate
from flocker_lite.model.records import Container, DatasetId, HealthCheck, NodeId
from flocker_lite.model.state import LocalContainer


def wait_to_move(move: Sequence, why: str) -> IStateChange:
    """What stands in the way of this move, said where the move is shown."""
    push = next(change for change in move.changes if isinstance(change, PushDatasets))
    return PostponeMove(push.datasets, push.container, push.destination, push.address, why)


def plan_move(me: NodeId, group: Group) -> Sequence | None:
    """Push and hand over, when the datasets of the group are wanted elsewhere."""
    leaving = [
        dataset
        for dataset in group.with_role(Role.PRIMARY)
        if dataset.primary not in (None, me) and _is_known_to_be_here(dataset)
    ]
    if not leaving:
        return None
    destination = leaving[0].primary
    assert destination is not None
    wanted = leaving[0].wanted
    address = wanted.addresses.get(destination) if wanted is not None else None
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
                _health_check(group, moved, destination),
            ),
        )
    )


def plan_handed_over(group: Group, starts_again: bool = True) -> list[IStateChange]:
    """Finish what a handoff left: what was committed goes forward, what was not goes back.

    What moved together follows its coordinator (`model.membership`). A dataset that names none,
    because it moved alone or an older release began it, goes by its own lease, also where others
    of the group went forward: that its last snapshot was sent is known of those alone. It is moved
    again then. A container that had ended by itself is not one that `starts_again`.
    """
    changes = [*_acquire(group), *_give_back(group)]
    going = group.with_role(Role.RELEASING, Role.LENT)
    if following := [dataset for dataset in going if dataset.fate is Fate.FORWARD]:
        return [*changes, CommitDatasets(_moved(following), group.name)]
    kept = [dataset for dataset in going if not dataset.deleted or dataset.role is Role.LENT]
    if kept:
        kept.sort(key=lambda dataset: dataset.decides)
        name = group.name
        if name is not None and group.wanted is None and group.with_role(Role.LENT):
            # What was lent is stopped here: who deleted it does not wait for the loan.
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
    """Tell whom it was released to, in one request for each handoff, until it is known there.

    Once the last of them has arrived the container starts there, if that is all.
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
            # What its coordinator is known to have brought there is there, or asked for alone.
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
    """What came together with a coordinator that is primary here is this node's own."""
    arrived = [
        dataset
        for dataset in group.with_role(Role.REPLICA, Role.PROBATION)
        if dataset.fate is Fate.FORWARD
    ]
    return [AcquireDatasets(_moved(arrived), group.name)] if arrived else []


def _give_back(group: Group) -> list[IStateChange]:
    """What is on probation without a loan has been on trial for too long.

    So has what its container was deleted of: nothing more can come of the trial.
    """
    is_deleted = group.name is not None and group.wanted is None
    over = [
        dataset
        for dataset in group.with_role(Role.PROBATION)
        if (is_deleted or not dataset.on_trial) and dataset.fate is not Fate.FORWARD
    ]
    return [GiveBackDatasets(_moved(over), group.name)] if over else []


def _recall(group: Group, name: str | None) -> list[IStateChange]:
    """One for each node that something was lent to; there is more than one in odd cases only."""
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
    """Have the container that was stopped run again before anything else is tried.

    Once it is gone it is not known whether it ran here: then it waits for the planner.
    """
    if group.wanted is None or group.have is None:
        return []
    if any(dataset.role not in HOLDERS for dataset in group.datasets):
        return []
    ids = tuple(dataset.dataset_id for dataset in group.datasets)
    return [
        *(MountDataset(dataset_id) for dataset_id in ids),
        PrepareContainer(group.wanted.name, group.wanted, _same_image(group.wanted, group.have)),
        StartContainer(group.wanted.name, ids, tuple(port.external for port in group.wanted.ports)),
    ]


def _same_image(wanted: Container, have: LocalContainer) -> ExactImage | None:
    """What it ran with, whatever its tag means here by now; None when another one is wanted."""
    if not have.image_id or wanted.image != have.container.image:
        return None
    return ExactImage(wanted.image, have.image_id)


def _is_known_to_be_here(dataset: GroupDataset) -> bool:
    """Whether the wish to have it elsewhere was uttered by who knew that it is here.

    An older wish may be the one that brought it here, or away from here before it came back.
    """
    return dataset.wanted is not None and dataset.wanted.grant.epoch >= _lease(dataset).epoch


def _address(dataset: GroupDataset, peer: NodeId) -> str | None:
    return dataset.wanted.addresses.get(peer) if dataset.wanted is not None else None


def _is_acquired(dataset: GroupDataset) -> bool:
    """Whether the node that it was released to, or a later one, is known to have it."""
    if dataset.wanted is None:
        return False
    epoch = _lease(dataset).epoch
    holder = dataset.wanted.holders.get(_lease(dataset).peer or "")
    copies = (Role.REPLICA, Role.PROBATION)
    seen = holder is not None and holder.role not in copies and holder.epoch >= epoch
    return seen or dataset.wanted.grant.epoch >= epoch


def _ports(group: Group) -> tuple[int, ...]:
    """The external ports of the group's container as it is or was here."""
    container = group.have.container if group.have is not None else group.wanted
    return tuple(port.external for port in container.ports) if container is not None else ()


def _health_check(
    group: Group, moved: tuple[Moved, ...], destination: NodeId
) -> HealthCheck | None:
    """How the copy is tried; not at all when not all of its data is there then, or on its way."""
    if group.wanted is None:
        return None
    if group.wanted.ended is not None and not (group.have is not None and group.have.has_begun):
        return None  # it does not run there
    going = {item.dataset_id for item in moved}
    rest = [dataset for dataset in group.datasets if dataset.dataset_id not in going]
    complete = len(group.datasets) == len(group.wanted.volumes)
    is_whole = complete and all(_is_there(dataset, destination) for dataset in rest)
    return group.wanted.health_check if is_whole else None


def _is_there(dataset: GroupDataset, destination: NodeId) -> bool:
    """Whether that node is the primary of a dataset, and to be so, as far as is known."""
    if dataset.wanted is None or dataset.primary != destination:
        return False
    holder = dataset.wanted.holders.get(destination)
    return holder is not None and holder.role is Role.PRIMARY


def _moved(datasets: Iterable[GroupDataset]) -> tuple[Moved, ...]:
    return tuple(Moved(dataset.dataset_id, _lease(dataset)) for dataset in datasets)


def _lease(dataset: GroupDataset) -> Lease:
    assert dataset.local is not None
    assert dataset.local.lease is not None
    return dataset.local.lease
