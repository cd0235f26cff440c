"""What a peer may ask of this node: grants, announced moves and earlier streams decide; pure.

Whatever the policy allows, the lease on the copy here has the last word: see `peers.service`.

    announced  The control service told this node that the dataset should be here, as the primary or
               as the copy of a standby, and that the peer owns it. The peer may begin to send it,
               and have a copy that is in the way set aside.
    known      The peer owns the dataset; or it was the last to send it here, and no other node has
               been granted a later epoch since. The peer may finish what it began, whatever is
               configured meanwhile, and whether or not the control service can be reached.

A node that was promoted since believes nothing of the epochs before.

`acquire` and `start_trial` hand the dataset over. Their epoch must be the one after the grant's
epoch, or after the epoch of the last stream: an owner can give the dataset away only once.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from pyrsistent import PMap, pmap

from flocker_lite.errors import PeerRefused
from flocker_lite.model.records import DatasetId, Grant, NodeId
from flocker_lite.model.state import DesiredDataset, LastSender, LocalContainer, NodeView


@dataclass(frozen=True, slots=True)
class PeerPolicy:
    """The policy for `peer` at the node `me`, by what `me` is told, has and remembers.

    `view` is None until the control service has been reached. `last_senders` says which node sent
    each copy.
    """

    me: NodeId
    peer: NodeId
    view: NodeView | None = None
    containers: PMap[str, LocalContainer] = field(default_factory=pmap)
    last_senders: PMap[DatasetId, LastSender] = field(default_factory=pmap)

    def require_announced(self, dataset_id: DatasetId, epoch: int | None = None) -> None:
        """PeerRefused unless the peer may begin to send the dataset, as its primary of `epoch`."""
        desired = self._desired(dataset_id)
        if desired is None or desired.dataset.deleted or not self._belongs_here(desired):
            raise PeerRefused(f"{dataset_id}: as far as this node knows, it should not be here")
        if desired.grant.owner != self.peer:
            raise PeerRefused(f"{dataset_id}: {self._not_the_owner(desired.grant)}")
        if epoch is not None and epoch != desired.grant.epoch:
            raise PeerRefused(
                f"{dataset_id}: epoch {epoch} is not the epoch of the grant that this node knows, "
                f"{desired.grant.epoch}"
            )

    def require_known(self, dataset_id: DatasetId) -> None:
        """PeerRefused unless the dataset is the peer's to hand over."""
        if not self._is_owner(dataset_id) and self._sender(dataset_id) is None:
            desired = self._desired(dataset_id)
            why = "that node did not send it"
            if desired is not None:
                why = self._not_the_owner(desired.grant)
            raise PeerRefused(f"{dataset_id}: {why}")

    def require_epoch(self, dataset_id: DatasetId, epoch: int) -> None:
        """PeerRefused unless the peer may hand the dataset over to this node as of `epoch`."""
        self.require_known(dataset_id)
        desired, sender = self._desired(dataset_id), self._sender(dataset_id)
        epochs = {sender.epoch + 1} if sender is not None else set()
        if desired is not None and self._is_owner(dataset_id):
            epochs.add(desired.grant.epoch + 1)
        if epoch not in epochs:
            raise PeerRefused(f"{dataset_id}: epoch {epoch} does not follow that node's own epoch")

    def require_container(self, name: str, dataset_ids: Collection[DatasetId]) -> None:
        """PeerRefused unless a container of this node has all these datasets of the peer's."""
        known = self._volumes(name)
        if not dataset_ids or not known.issuperset(dataset_ids):
            raise PeerRefused(f"container {name} does not have these datasets here")
        for dataset_id in dataset_ids:
            self.require_known(dataset_id)

    def require_a_volume(self, name: str) -> None:
        """PeerRefused unless the container has a dataset here that the peer may hand over."""
        if not any(self._is_known(dataset_id) for dataset_id in self._volumes(name)):
            raise PeerRefused(f"container {name} has no data of that node, as far as we know")

    def _is_known(self, dataset_id: DatasetId) -> bool:
        return self._is_owner(dataset_id) or self._sender(dataset_id) is not None

    def _volumes(self, name: str) -> frozenset[DatasetId]:
        """The datasets of the container, both as configured and as it was made here."""
        desired = self.view.containers.get(name) if self.view is not None else None
        made = self.containers.get(name)
        containers = [desired, made.container if made is not None else None]
        return frozenset(
            volume.dataset_id
            for container in containers
            if container is not None
            for volume in container.volumes
        )

    def _desired(self, dataset_id: DatasetId) -> DesiredDataset | None:
        return self.view.datasets.get(dataset_id) if self.view is not None else None

    def _belongs_here(self, desired: DesiredDataset) -> bool:
        """Whether this node is to have it: as its primary, or as one of its standbys."""
        replicas = desired.dataset.replicas
        is_standby = replicas is not None and self.me in replicas.standbys(desired.grant.owner)
        return is_standby or desired.dataset.primary == self.me

    def _is_owner(self, dataset_id: DatasetId) -> bool:
        desired = self._desired(dataset_id)
        return desired is not None and desired.grant.owner == self.peer

    def _sender(self, dataset_id: DatasetId) -> LastSender | None:
        """The peer's last stream to here, unless another node was granted the dataset since.

        A node can hand over its own epoch alone: where this one was granted a later epoch than the
        next one, it was promoted since.
        """
        sender, desired = self.last_senders.get(dataset_id), self._desired(dataset_id)
        if sender is None or sender.node_id != self.peer:
            return None
        if desired is not None and desired.grant.epoch > sender.epoch + 1:
            return None
        if desired is None or desired.grant.owner in (self.me, self.peer):
            return sender
        return sender if desired.grant.epoch <= sender.epoch else None

    def _not_the_owner(self, grant: Grant) -> str:
        return f"it belongs to node {grant.owner} as of epoch {grant.epoch}, not to {self.peer}"
