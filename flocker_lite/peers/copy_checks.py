"""What the lease on a copy here allows a peer, whatever the policy says; pure."""

from __future__ import annotations

from flocker_lite.errors import PeerRefused
from flocker_lite.model.lease import Role
from flocker_lite.model.state import LocalDataset


def require_replica(local: LocalDataset, epoch: int | None) -> None:
    """PeerRefused unless the primary of `epoch` (None: whatever epoch) may change the copy."""
    held, note = local.lease, local.membership
    if held is not None and held.role is not Role.REPLICA:
        raise PeerRefused(f"{local.dataset_id}: this node holds it as {held}")
    if held is not None and epoch is not None and held.epoch > epoch:
        raise PeerRefused(f"{local.dataset_id}: epoch {epoch} is older than {held}")
    # The handoff of an epoch can be taken back; a promotion, which skips an epoch, cannot.
    if note is not None and epoch is not None and note.epoch > epoch + 1:
        raise PeerRefused(f"{local.dataset_id}: this node is promoted as of epoch {note.epoch}")
    if local.mounted:
        raise PeerRefused(f"{local.dataset_id}: it is mounted here")
