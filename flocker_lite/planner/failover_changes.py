"""The changes of a failover: a copy becomes the primary, and the old primary's a replica again.

See `model.lease` for the steps, and `docs/failover.rst` for what is lost and what is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from zope.interface import implementer

from flocker_lite.model.lease import Lease
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import NodeView
from flocker_lite.planner.changes import IStateChange, ShortChange
from flocker_lite.planner.resources import ContainerResource, DatasetResource, Resource


@dataclass(frozen=True)
class Promoted:
    """One dataset of a promotion, whose copy here has this `lease` when the change is planned.

    It becomes primary of `epoch`; `guid` is that of the snapshot from which the copy goes on.
    """

    dataset_id: DatasetId
    lease: Lease
    epoch: int
    guid: str


@implementer(IStateChange)
@dataclass(frozen=True)
class PromoteDatasets(ShortChange):
    """Become primary of the datasets of a group, because this node was granted them.

    What a copy has after its snapshot is set aside first. The datasets are promoted as one: see
    `model.membership`. Where `goes_on`, all of them are primaries here already, of an earlier
    epoch: then nothing is set aside.
    """

    transfers: ClassVar[bool] = False
    datasets: tuple[Promoted, ...]
    container: str | None
    goes_on: bool = False

    @property
    def resources(self) -> frozenset[Resource]:
        name = {ContainerResource(self.container)} if self.container is not None else set()
        return frozenset(name | {DatasetResource(each.dataset_id) for each in self.datasets})

    def withdrawn_by(self, view: NodeView) -> bool:
        return False


@implementer(IStateChange)
@dataclass(frozen=True)
class RejoinDataset(ShortChange):
    """Keep what a deposed copy alone may have as a snapshot, and become a replica again.

    The next stream of the new primary finds that the copies have parted, and sets that aside.
    """

    transfers: ClassVar[bool] = False
    dataset_id: DatasetId
    lease: Lease

    @property
    def resources(self) -> frozenset[Resource]:
        return frozenset({DatasetResource(self.dataset_id)})
