"""What a peer shows of datasets before it has this node acquire them."""

from __future__ import annotations

from collections.abc import Mapping

from flocker_lite.errors import PeerRefused
from flocker_lite.model.grants import Signed
from flocker_lite.model.records import DatasetId
from flocker_lite.ssh import checking


class Shown:
    """The proofs of one session, until the request that they belong to."""

    def __init__(self) -> None:
        self._proofs: dict[DatasetId, tuple[Signed, ...]] = {}

    def add(self, dataset_id: str, chain: str) -> None:
        """One more; PeerRefused for what is none, and for too many."""
        if len(self._proofs) >= checking.LIST_LENGTH_MAX:
            raise PeerRefused(f"{len(self._proofs)} proofs, and no request that they belong to")
        self._proofs[checking.dataset(dataset_id)] = checking.chain(chain)

    def taken(self) -> Mapping[DatasetId, tuple[Signed, ...]]:
        """Those that were shown; there are none from now on."""
        proofs, self._proofs = self._proofs, {}
        return proofs
