"""The changes by which a primary keeps the copies at its standbys fresh, and nodes tidy theirs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from zope.interface import implementer

from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.model.state import NodeView, Snapshot
from flocker_lite.planner.changes import IStateChange, ShortChange
from flocker_lite.planner.move_changes import Moved
from flocker_lite.planner.resources import CopyResource, DatasetResource, Resource


class DatedChange(ShortChange):
    """Base of the changes that wait until `due_at`, in seconds of the agent's clock."""

    due_at: float


@dataclass(frozen=True)
class CopyChange(DatedChange):
    """Base of the changes about the copies of a group's datasets at one standby."""

    datasets: tuple[Moved, ...]
    destination: NodeId
    due_at: float = field(compare=False)

    @property
    def resources(self) -> frozenset[Resource]:
        return frozenset(CopyResource(each.dataset_id, self.destination) for each in self.datasets)


@implementer(IStateChange)
@dataclass(frozen=True)
class ReplicateDatasets(CopyChange):
    """Send a snapshot set of a group to one standby, while its container runs.

    It is due early enough that the set is complete there in time, and can be cancelled at any time.
    `is_seed` says that the standby is not known to have a copy: then it may take long, and others
    need not wait for it.
    """

    transfers: ClassVar[bool] = False
    address: str
    is_seed: bool = field(default=False, compare=False)

    @property
    def kind(self) -> str:
        """It names the address, so that a failure to reach one node does not delay another."""
        return f"ReplicateDatasets({self.address})"

    def withdrawn_by(self, view: NodeView) -> bool:
        return not all(self._is_desired(moved, view) for moved in self.datasets)

    def _is_desired(self, moved: Moved, view: NodeView) -> bool:
        desired = view.datasets.get(moved.dataset_id)
        if desired is None or desired.dataset.deleted or desired.move is not None:
            return False
        dataset, grant = desired.dataset, desired.grant
        if dataset.replicas is None or dataset.primary != grant.owner:
            return False
        is_standby = self.destination in dataset.replicas.standbys(grant.owner)
        return is_standby and grant.epoch <= moved.lease.epoch


@implementer(IStateChange)
@dataclass(frozen=True)
class ReviewBases(CopyChange):
    """Let go of the snapshots kept for a standby that is away if they hold too much of the pool."""

    transfers: ClassVar[bool] = False


@implementer(IStateChange)
@dataclass(frozen=True)
class PruneSnapshots(DatedChange):
    """Destroy those snapshots of a copy here that nobody needs, now that no push will do it."""

    dataset_id: DatasetId
    snapshots: tuple[Snapshot, ...]
    due_at: float = field(compare=False)

    @property
    def resources(self) -> frozenset[Resource]:
        return frozenset({DatasetResource(self.dataset_id)})


TowardsStandby: TypeAlias = ReplicateDatasets | ReviewBases
"""What is planned for a standby."""
