"""The proofs that a peer sends ahead of a request that has this node acquire datasets."""

from __future__ import annotations

from flocker_lite.errors import PeerRefused
from flocker_lite.interfaces.request import Proofs
from flocker_lite.interfaces.wire import LIST_LENGTH_MAX
from flocker_lite.model.grants import Signed
from flocker_lite.model.records import DatasetId


class ShownProofs:
    """The proofs of one session, kept until the request that they belong to."""

    def __init__(self) -> None:
        self._proofs: dict[DatasetId, tuple[Signed, ...]] = {}

    def add(self, dataset_id: DatasetId, chain: tuple[Signed, ...]) -> None:
        """Keep one more proof; PeerRefused when there are too many."""
        if len(self._proofs) >= LIST_LENGTH_MAX:
            raise PeerRefused(f"{len(self._proofs)} proofs came without the request they belong to")
        self._proofs[dataset_id] = chain

    def taken(self) -> Proofs:
        """The proofs that were sent so far; none are kept after this."""
        proofs, self._proofs = self._proofs, {}
        return proofs
