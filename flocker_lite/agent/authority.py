"""What a peer may ask of this node, by the grants, by moves that were announced, and by what it
sent here before; pure.

Whatever the authority, the lease on the copy here has the last word: see `agent.gate`.

    announced  This node is told that the dataset is wanted here, and that the peer owns it. It may
               begin to send it, and have a copy that is in its way kept aside.
    known      The peer owns the dataset; or it was the last that sent it here, and since then no
               other node was granted a later epoch. It may see to the end what was begun, whatever
               is wanted meanwhile, and whether or not the control service can be reached.

What hands the dataset over, `acquire` and `lend`, is of the one epoch that follows on that of the
grant, or of what was sent: to own it once is to give it away once.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from pyrsistent import PMap, pmap

from flocker_lite.errors import PeerRefused
from flocker_lite.model.records import DatasetId, Grant, NodeId
from flocker_lite.model.state import LocalContainer, NodeView, Origin, WantedDataset


@dataclass(frozen=True, slots=True)
class Authority:
    """That of `peer` at the node `me`, as of what it is told, has, and remembers.

    `view` is None before the control service was reached. `origins` are where copies came from.
    """

    me: NodeId
    peer: NodeId
    view: NodeView | None = None
    containers: PMap[str, LocalContainer] = field(default_factory=pmap)
    origins: PMap[DatasetId, Origin] = field(default_factory=pmap)

    def require_announced(self, dataset_id: DatasetId, epoch: int | None = None) -> None:
        """PeerRefused unless it may begin to send the dataset, as its primary of `epoch`."""
        wanted = self._wanted(dataset_id)
        if wanted is None or wanted.dataset.deleted or wanted.dataset.primary != self.me:
            raise PeerRefused(f"{dataset_id}: it is not wanted here, as far as is known here")
        if wanted.grant.owner != self.peer:
            raise PeerRefused(f"{dataset_id}: {self._not_the_owner(wanted.grant)}")
        if epoch is not None and epoch != wanted.grant.epoch:
            raise PeerRefused(
                f"{dataset_id}: epoch {epoch} is not that of its grant, {wanted.grant.epoch}, "
                "as far as is known here"
            )

    def require_known(self, dataset_id: DatasetId) -> None:
        """PeerRefused unless the dataset is the peer's to hand over."""
        if not self._is_owner(dataset_id) and self._origin(dataset_id) is None:
            wanted = self._wanted(dataset_id)
            why = "it did not send it here" if wanted is None else self._not_the_owner(wanted.grant)
            raise PeerRefused(f"{dataset_id}: {why}")

    def require_epoch(self, dataset_id: DatasetId, epoch: int) -> None:
        """PeerRefused unless it may have this node write to the dataset as of `epoch`."""
        self.require_known(dataset_id)
        wanted, origin = self._wanted(dataset_id), self._origin(dataset_id)
        epochs = {origin.epoch + 1} if origin is not None else set()
        if wanted is not None and self._is_owner(dataset_id):
            epochs.add(wanted.grant.epoch + 1)
        if epoch not in epochs:
            raise PeerRefused(f"{dataset_id}: epoch {epoch} is not the one that follows on its own")

    def require_container(self, name: str, dataset_ids: Collection[DatasetId]) -> None:
        """PeerRefused unless the container is one of this node, and has all these, its own."""
        known = self._volumes(name)
        if not dataset_ids or not known.issuperset(dataset_ids):
            raise PeerRefused(f"container {name} does not have these datasets here")
        for dataset_id in dataset_ids:
            self.require_known(dataset_id)

    def require_a_volume(self, name: str) -> None:
        """PeerRefused unless the container has data here that is the peer's to hand over."""
        if not any(self._is_known(dataset_id) for dataset_id in self._volumes(name)):
            raise PeerRefused(f"container {name} is not known here to have data of that node")

    def _is_known(self, dataset_id: DatasetId) -> bool:
        return self._is_owner(dataset_id) or self._origin(dataset_id) is not None

    def _volumes(self, name: str) -> frozenset[DatasetId]:
        """Those of the container, as it is wanted and as it was made here."""
        wanted = self.view.containers.get(name) if self.view is not None else None
        made = self.containers.get(name)
        containers = [wanted, made.container if made is not None else None]
        return frozenset(
            volume.dataset_id
            for container in containers
            if container is not None
            for volume in container.volumes
        )

    def _wanted(self, dataset_id: DatasetId) -> WantedDataset | None:
        return self.view.datasets.get(dataset_id) if self.view is not None else None

    def _is_owner(self, dataset_id: DatasetId) -> bool:
        wanted = self._wanted(dataset_id)
        return wanted is not None and wanted.grant.owner == self.peer

    def _origin(self, dataset_id: DatasetId) -> Origin | None:
        """What it sent here last, unless another node was granted the dataset since."""
        origin, wanted = self.origins.get(dataset_id), self._wanted(dataset_id)
        if origin is None or origin.node_id != self.peer:
            return None
        if wanted is None or wanted.grant.owner in (self.me, self.peer):
            return origin
        return origin if wanted.grant.epoch <= origin.epoch else None

    def _not_the_owner(self, grant: Grant) -> str:
        return f"it belongs to node {grant.owner} as of epoch {grant.epoch}, not to {self.peer}"
