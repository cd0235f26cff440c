"""The seal in memory does as the one with certificates does."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.interfaces import ISeal
from flocker_lite.model.records import NodeId
from flocker_lite.testing.memory_seal import MemoryAuthority, MemorySeal
from flocker_lite.testing.seal_contract import SealContract


class MemorySealTests(SealContract, SynchronousTestCase):
    """The contract."""

    def setUp(self) -> None:
        self.own, self.other = MemoryAuthority("own"), MemoryAuthority("other")
        self.seals: dict[NodeId | None, MemorySeal] = {}

    def seal(self, node_id: NodeId | None = None) -> ISeal:
        """See SealContract."""
        return self.seals.setdefault(node_id, self.own.seal(node_id))

    def stranger(self, node_id: NodeId | None = None) -> ISeal:
        """See SealContract."""
        return self.other.seal(node_id)

    def revoke(self, node_id: NodeId) -> None:
        """See SealContract."""
        self.own.revoked.add(self.seals[node_id].certificate)

    def renew(self, node_id: NodeId) -> None:
        """See SealContract."""
        self.seals[node_id].certificate = self.own.seal(node_id).certificate
