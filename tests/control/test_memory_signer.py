"""The signer in memory does as the one with certificates does."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.interfaces import ISigner
from flocker_lite.model.records import NodeId
from flocker_lite.testing.memory_signer import MemoryAuthority, MemorySigner
from flocker_lite.testing.signer_contract import SignerContract


class MemorySignerTests(SignerContract, SynchronousTestCase):
    """The contract."""

    def setUp(self) -> None:
        self.own, self.other = MemoryAuthority("own"), MemoryAuthority("other")
        self.signers: dict[NodeId | None, MemorySigner] = {}

    def signer(self, node_id: NodeId | None = None) -> ISigner:
        """See SignerContract."""
        return self.signers.setdefault(node_id, self.own.signer(node_id))

    def other_authority(self, node_id: NodeId | None = None) -> ISigner:
        """See SignerContract."""
        return self.other.signer(node_id)

    def revoke(self, node_id: NodeId) -> None:
        """See SignerContract."""
        self.own.revoked.add(self.signers[node_id].certificate)

    def renew(self, node_id: NodeId) -> None:
        """See SignerContract."""
        self.signers[node_id].certificate = self.own.signer(node_id).certificate
