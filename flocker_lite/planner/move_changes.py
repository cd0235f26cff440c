"""The changes by which datasets leave a node or arrive at it, alone or with their container.

The order of the durable steps makes a move safe: see `model.lease`. Several datasets are handed
over as one, and follow the coordinator of their group: see `model.membership`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from zope.interface import implementer

from flocker_lite.model.lease import Lease
from flocker_lite.model.records import DatasetId, HealthCheck, NodeId
from flocker_lite.model.state import NodeView
from flocker_lite.planner.changes import IStateChange, ShortChange
from flocker_lite.planner.resources import ContainerResource, DatasetResource, Resource


@dataclass(frozen=True)
class Moved:
    """One dataset of a move; `lease` is that of the copy here when the change was planned."""

    dataset_id: DatasetId
    lease: Lease


@dataclass(frozen=True)
class GroupChange(ShortChange):
    """Base of the changes of a container with all of its datasets."""

    datasets: tuple[Moved, ...]
    container: str | None

    @property
    def resources(self) -> frozenset[Resource]:
        name = {ContainerResource(self.container)} if self.container is not None else set()
        return frozenset(name | {DatasetResource(moved.dataset_id) for moved in self.datasets})


@dataclass(frozen=True)
class ChangeTowards(GroupChange):
    """Base of the changes that send something to another node, given by UUID and address."""

    destination: NodeId
    address: str

    @property
    def kind(self) -> str:
        """It names the address, so that a failure to reach one node does not delay another."""
        return f"{type(self).__name__}({self.address})"

    def is_desired_by(self, view: NodeView) -> bool:
        """Whether this view still wants all of it at that node."""
        if self.container is not None and self.container not in view.containers:
            return False
        return all(self._is_desired(moved, view) for moved in self.datasets)

    def _is_desired(self, moved: Moved, view: NodeView) -> bool:
        desired = view.datasets.get(moved.dataset_id)
        if desired is None:
            return True
        dataset, grant = desired.dataset, desired.grant
        is_superseded = grant.epoch > moved.lease.epoch and grant.owner != self.destination
        return dataset.primary == self.destination and not (dataset.deleted or is_superseded)


@implementer(IStateChange)
@dataclass(frozen=True)
class PushDatasets(ChangeTowards):
    """Replicate datasets to another node while they are in use, until the rest is small.

    It can be cancelled at any time, because the container does not notice it.
    """

    transfers: ClassVar[bool] = True

    def withdrawn_by(self, view: NodeView) -> bool:
        return not self.is_desired_by(view)


@implementer(IStateChange)
@dataclass(frozen=True)
class PostponeMove(ChangeTowards):
    """Report why a move cannot begin; it fails until the planner no longer asks for it."""

    transfers: ClassVar[bool] = False
    why: str


@implementer(IStateChange)
@dataclass(frozen=True)
class HandoffDatasets(ChangeTowards):
    """Stop the container, send the rest, and hand its datasets over to another node.

    Everything slow (connections, the start of the receiver) happens before the stop. A failure
    before the stop leaves everything as it was. A failure after the stop leaves "releasing"
    leases, from which `ReclaimDatasets` brings the service back. A failure after the commit point
    leaves "released" leases, from which `DeliverDatasets` continues. The lease of the coordinator
    commits all datasets of a group (`model.membership`): after a crash the others follow it.

    With a `health_check` the container runs there on trial before the commit point. A failure
    during the trial leaves "lent" leases, from which `RecallDatasets` and `ReclaimDatasets` bring
    the service back.
    """

    transfers: ClassVar[bool] = True
    ports: tuple[int, ...]
    health_check: HealthCheck | None = None

    def withdrawn_by(self, view: NodeView) -> bool:
        """At any time: the leases show how far it came, and an uncommitted handoff is undone."""
        return not self.is_desired_by(view)


@implementer(IStateChange)
@dataclass(frozen=True)
class DeliverDatasets(ChangeTowards):
    """Tell the node that datasets were released to that it is their primary, until it knows.

    Several datasets belong to one handoff, and their coordinator is among them.
    """

    transfers: ClassVar[bool] = False
    ports: tuple[int, ...]


@implementer(IStateChange)
@dataclass(frozen=True)
class RecallDatasets(GroupChange):
    """Make sure that the node of the trial no longer writes to the datasets that were lent to it.

    `address` is None when that node has left the cluster. A node that does not answer has lost the
    datasets once the trial and a margin are over, because its fence ended the trial.
    """

    transfers: ClassVar[bool] = False
    destination: NodeId
    address: str | None

    def withdrawn_by(self, view: NodeView) -> bool:
        """When its container was deleted: removing that need not wait for the trial."""
        return self.container is not None and self.container not in view.containers


@implementer(IStateChange)
@dataclass(frozen=True)
class GiveBackDatasets(GroupChange):
    """End a trial here: stop the container, keep what it wrote, and become a replica again.

    A snapshot keeps what it wrote. The next push finds that the copy has diverged, and sets it
    aside.
    """

    transfers: ClassVar[bool] = False


@implementer(IStateChange)
@dataclass(frozen=True)
class ReclaimDatasets(GroupChange):
    """Undo a handoff that did not reach its commit point, so that the service runs here again.

    The container is removed first, while the leases still say that the handoff stopped it; the
    planner then recreates and starts it. Lent datasets must be recalled before. The leases change
    in the order of `datasets`: the coordinator comes last.
    """

    transfers: ClassVar[bool] = False


@implementer(IStateChange)
@dataclass(frozen=True)
class CommitDatasets(GroupChange):
    """Release the datasets of a handoff whose coordinator is released already."""

    transfers: ClassVar[bool] = False


@implementer(IStateChange)
@dataclass(frozen=True)
class AcquireDatasets(GroupChange):
    """Become primary of the datasets of a handoff whose coordinator is primary here already.

    If their trial is over, the container is removed first: the end of the trial may have stopped
    it, and the planner must recreate it whatever its restart policy says.
    """

    transfers: ClassVar[bool] = False
