"""What this node runs, or is about to run, only under a fencing deadline; pure.

That are containers of ours, and volumes of Docker's (`model.fenced_units`): one of those counts as
running while it is mounted, since Docker's containers may use it then.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pyrsistent import pmap

from flocker_lite.model.fencing.claims import Epochs
from flocker_lite.model.fencing.names import volume_of, volume_unit
from flocker_lite.model.fencing.primary import Counting
from flocker_lite.model.lease import Role
from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.model.state import NodeView
from flocker_lite.planner.groups import Group, GroupDataset, Local, groups

_OWN = (Role.PRIMARY, Role.RELEASING, Role.LENT)


@dataclass(frozen=True, slots=True)
class UnderDeadline:
    """A container, or a volume, that this node runs only until a fencing deadline, or is about to.

    `epochs` are those of its copies here, or those that they will have once they are handed over.
    `is_owner` says that the control service granted this node these very epochs.
    """

    container: str
    dataset_ids: frozenset[DatasetId]
    epochs: Epochs
    counting: Counting
    is_owner: bool


def under_deadline(
    me: NodeId,
    view: NodeView,
    local: Local,
    expected: Collection[str] = (),
) -> dict[str, UnderDeadline]:
    """The containers and volumes of this node that need renewals, by name.

    Those in `expected` are about to be handed over to this node, so it asks for renewals of its
    own.
    """
    found: dict[str, UnderDeadline] = {}
    if not view.fencings:
        return found
    for group in groups(view, local):
        name = _name(group)
        if name is None or name not in view.fencings or not group.datasets:
            continue
        if group.desired is not None and len(group.datasets) < len(group.desired.volumes):
            continue
        is_held = all(each.role in _OWN for each in group.datasets)
        is_coming = name in expected or bool(group.with_role(Role.PROBATION))
        if not is_held and not is_coming:
            continue
        fencing = view.fencings[name]
        epochs = {each.dataset_id: _epoch(me, each) for each in group.datasets}
        found[name] = UnderDeadline(
            name,
            frozenset(epochs),
            pmap(epochs),
            Counting(fencing.generation, fencing.witnesses, fencing.after_seconds),
            is_held and fencing.owner == me and fencing.epochs == pmap(epochs),
        )
    return found


def remembered(
    local: Local, running: Collection[str], countings: Mapping[str, Counting]
) -> dict[str, UnderDeadline]:
    """What runs here under a deadline, as long as the control service has told nothing yet.

    It goes on with the witnesses that this node counted last, by the leases of its copies.
    """
    found: dict[str, UnderDeadline] = {}
    for name, counting in countings.items():
        if name not in running:
            continue
        copies = [local.datasets.get(each) for each in _data_of(local, name)]
        epochs = {
            copy.dataset_id: copy.lease.epoch
            for copy in copies
            if copy is not None and copy.lease is not None and copy.lease.role is Role.PRIMARY
        }
        if copies and len(epochs) == len(copies):
            found[name] = UnderDeadline(name, frozenset(epochs), pmap(epochs), counting, True)
    return found


def without_deadline(
    me: NodeId, view: NodeView, local: Local, names: Collection[str]
) -> frozenset[str]:
    """Those of the named containers that this node may run as long as it likes, as their owner.

    What this node owns no more is not among them, though it is told of no deadline any more.
    """
    names = frozenset(names).difference(view.fencings)
    found: set[str] = set()
    for group in groups(view, local) if names else ():
        owned = [each for each in group.datasets if each.role in _OWN and _is_granted(me, each)]
        # A volume that a container of ours uses by now goes by the deadline of that, if any.
        found |= {volume_unit(each.dataset_id) for each in owned}
        if group.name is not None and group.desired is not None:
            found |= {group.name} if len(owned) == len(group.datasets) else set()
    return names & found


def mounted_volumes(local: Local, names: Collection[str]) -> frozenset[str]:
    """Those of the named units that are volumes, and are mounted here."""
    copies = {name: local.datasets.get(volume_of(name) or "") for name in names}
    return frozenset(name for name, copy in copies.items() if copy is not None and copy.mounted)


def _name(group: Group) -> str | None:
    """What the fencing protocol calls a group; None for one that no deadline can be for."""
    if group.name is None and len(group.datasets) == 1 and not group.shared:
        return volume_unit(group.datasets[0].dataset_id)
    return group.name if group.desired is not None else None


def _data_of(local: Local, name: str) -> tuple[DatasetId, ...]:
    """The datasets of a unit, by what is here of it."""
    dataset_id, have = volume_of(name), local.containers.get(name)
    if dataset_id is not None:
        return (dataset_id,)
    volumes = have.container.volumes if have is not None else ()
    return tuple(each.dataset_id for each in volumes)


def _is_granted(me: NodeId, dataset: GroupDataset) -> bool:
    grant = dataset.desired.grant if dataset.desired is not None else None
    return grant is not None and grant.owner == me and grant.epoch == _epoch(me, dataset)


def _epoch(me: NodeId, dataset: GroupDataset) -> int:
    """The epoch that the copy here has as a writer's, or will have after the handoff to here."""
    held = dataset.local.lease if dataset.local is not None else None
    grant = dataset.desired.grant if dataset.desired is not None else None
    if held is not None and held.role in (Role.PRIMARY, Role.RELEASING, Role.PROBATION):
        return held.epoch
    if grant is None:
        return held.epoch if held is not None else 0
    return grant.epoch if grant.owner == me else grant.epoch + 1
