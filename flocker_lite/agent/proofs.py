"""Signs the releases of this node's datasets, and keeps the proofs of those that it got.

A chain of signed statements goes with a dataset from node to node. The grant that the control
service signs for the owner replaces all earlier statements. The node that released a dataset keeps
its release until the grant has moved on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Iterable, Mapping
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IProofs, ISigner
from flocker_lite.model.grants import CHAIN_MAX, Signed, Statement, continued
from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.model.state import DesiredDataset


class Chains(Protocol):
    """Keeps chains durably; see `ChainFiles`."""

    @property
    def known(self) -> Mapping[DatasetId, tuple[Signed, ...]]: ...  # pragma: no cover

    def write(
        self, dataset_id: DatasetId, links: tuple[Signed, ...]
    ) -> Awaitable[None]: ...  # pragma: no cover


@implementer(IProofs)
class Proofs:
    """The proofs of node `me`; without a `signer` (no certificates) it signs nothing.

    `changed` is called when the report of this node changes.
    """

    log = Logger()

    def __init__(
        self,
        me: NodeId,
        chains: Chains,
        signer: ISigner | None = None,
        cluster_id: Callable[[], str] = str,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._changed = changed
        self._me = me
        self._chains = chains
        self._signer = signer
        self._cluster_id = cluster_id
        self._noted = dict(chains.known)

    @property
    def signs(self) -> bool:
        """Whether this node signs what it releases."""
        return self._signer is not None

    def of(self, dataset_id: DatasetId) -> tuple[Signed, ...]:
        return self._noted.get(dataset_id, ())

    async def release(
        self, destination: NodeId, released: Mapping[DatasetId, tuple[int, str]]
    ) -> Mapping[DatasetId, tuple[Signed, ...]]:
        signed: dict[DatasetId, tuple[Signed, ...]] = {}
        for dataset_id, (epoch, guid) in released.items():
            chain = self.of(dataset_id)
            if self._signer is not None and not _is_released(chain, destination, epoch):
                cluster_id = self._cluster_id()
                statement = Statement(cluster_id, dataset_id, destination, epoch, self._me, guid)
                signed[dataset_id] = continued(chain, self._signer.sign(statement))
        await self._keep(signed)
        return {dataset_id: self.of(dataset_id) for dataset_id in released}

    async def take(self, proofs: Mapping[DatasetId, tuple[Signed, ...]]) -> None:
        await self._keep(
            {
                dataset_id: chain
                for dataset_id, chain in proofs.items()
                if self._is_for_me(dataset_id, chain) and not self._has(dataset_id, chain[-1])
            }
        )

    def apply_grants(
        self,
        dataset_ids: Iterable[DatasetId],
        desired: Mapping[DatasetId, DesiredDataset],
        present: Container[DatasetId],
    ) -> None:
        changed: dict[DatasetId, tuple[Signed, ...]] = {}
        for dataset_id in dataset_ids:
            known = self.of(dataset_id)
            after = self._as_told(dataset_id, known, desired.get(dataset_id), present)
            if after != known:
                changed[dataset_id] = after
        if changed:
            # One report for all of them: many change at once when an agent connects.
            keeping = Deferred.fromCoroutine(self._keep(changed))
            keeping.addCallback(lambda _: self._changed())
            keeping.addErrback(lambda failure: self.log.failure("cannot keep proofs", failure))

    def apply_all_grants(
        self, desired: Mapping[DatasetId, DesiredDataset], present: Container[DatasetId]
    ) -> None:
        self.apply_grants(tuple(self._noted), desired, present)

    def _as_told(
        self,
        dataset_id: DatasetId,
        chain: tuple[Signed, ...],
        desired: DesiredDataset | None,
        present: Container[DatasetId],
    ) -> tuple[Signed, ...]:
        if desired is None:
            # Without a copy, this node cannot be the one that a dataset came from.
            return chain if dataset_id in present else ()
        signed, grant = desired.signed, desired.grant
        if signed is not None and dataset_id in present and self._is_for_me(dataset_id, (signed,)):
            epoch = signed.statement.epoch
            return (signed, *(link for link in chain if link.statement.epoch > epoch))[-CHAIN_MAX:]
        has_moved_on = bool(chain) and grant.epoch >= chain[-1].statement.epoch
        return () if has_moved_on and grant.owner != self._me else chain

    def _is_for_me(self, dataset_id: DatasetId, chain: tuple[Signed, ...]) -> bool:
        """Whether the chain is well formed and its last owner is this node."""
        return (
            0 < len(chain) <= CHAIN_MAX
            and all(link.statement.dataset_id == dataset_id for link in chain)
            and chain[-1].statement.owner == self._me
        )

    def _has(self, dataset_id: DatasetId, link: Signed) -> bool:
        """Whether this node has a proof for the dataset of that epoch or a later one."""
        mine = (each.statement for each in self.of(dataset_id) if each.statement.owner == self._me)
        return any(said.epoch >= link.statement.epoch for said in mine)

    async def _keep(self, chains: Mapping[DatasetId, tuple[Signed, ...]]) -> None:
        """Write the chains to disk; those that cannot be written are used until the agent ends.

        A full disk delays no move: both sides of a release have its proof.
        """
        for dataset_id, chain in chains.items():
            self._noted[dataset_id] = chain
            if not chain:
                del self._noted[dataset_id]
        writing = [
            Deferred.fromCoroutine(self._write(dataset_id, chain))
            for dataset_id, chain in chains.items()
        ]
        for written in writing:
            await written

    async def _write(self, dataset_id: DatasetId, chain: tuple[Signed, ...]) -> None:
        try:
            await self._chains.write(dataset_id, chain)
        except FlockerError as error:
            self.log.error(
                "cannot write the proof of {dataset} to disk: {reason}",
                dataset=dataset_id,
                reason=error,
            )


def _is_released(chain: tuple[Signed, ...], destination: NodeId, epoch: int) -> bool:
    """Whether this release is signed already."""
    if not chain:
        return False
    last = chain[-1].statement
    return (last.owner, last.epoch) == (destination, epoch) and last.released_by is not None
