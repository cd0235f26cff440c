"""What this node signs of the datasets that it releases, and what it keeps of those that it gets.

A chain of statements goes with a dataset from node to node. The grant that the control service
signs for the owner takes the place of all that came before it; who released the dataset keeps its
release until the grant has moved on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Iterable, Mapping
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IProofs, ISeal
from flocker_lite.model.grants import CHAIN_MAX, Signed, Statement, continued
from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.model.state import WantedDataset


class Chains(Protocol):
    """Where they are kept; see `ChainFiles`."""

    @property
    def known(self) -> Mapping[DatasetId, tuple[Signed, ...]]: ...  # pragma: no cover

    def write(
        self, dataset_id: DatasetId, links: tuple[Signed, ...]
    ) -> Awaitable[None]: ...  # pragma: no cover


@implementer(IProofs)
class Proofs:
    """Those of node `me`; without a `seal`, in a cluster without certificates, it signs nothing.

    `changed` is called when there is something else to be reported.
    """

    log = Logger()

    def __init__(
        self,
        me: NodeId,
        chains: Chains,
        seal: ISeal | None = None,
        cluster_id: Callable[[], str] = str,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.changed = changed
        self._me = me
        self._chains = chains
        self._seal = seal
        self._cluster_id = cluster_id
        self._noted = dict(chains.known)

    @property
    def signs(self) -> bool:
        """Whether this node signs what it releases."""
        return self._seal is not None

    def of(self, dataset_id: DatasetId) -> tuple[Signed, ...]:
        return self._noted.get(dataset_id, ())

    async def release(
        self, destination: NodeId, released: Mapping[DatasetId, tuple[int, str]]
    ) -> Mapping[DatasetId, tuple[Signed, ...]]:
        signed: dict[DatasetId, tuple[Signed, ...]] = {}
        for dataset_id, (epoch, guid) in released.items():
            chain = self.of(dataset_id)
            if self._seal is not None and not _is_released(chain, destination, epoch):
                cluster_id = self._cluster_id()
                statement = Statement(cluster_id, dataset_id, destination, epoch, self._me, guid)
                signed[dataset_id] = continued(chain, self._seal.sign(statement))
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

    def told(
        self,
        dataset_ids: Iterable[DatasetId],
        wanted: Mapping[DatasetId, WantedDataset],
        present: Container[DatasetId],
    ) -> None:
        changed: dict[DatasetId, tuple[Signed, ...]] = {}
        for dataset_id in dataset_ids:
            known = self.of(dataset_id)
            after = self._as_told(dataset_id, known, wanted.get(dataset_id), present)
            if after != known:
                changed[dataset_id] = after
        if changed:
            # One report for all of them: many are told at once when an agent connects.
            keeping = Deferred.fromCoroutine(self._keep(changed))
            keeping.addCallback(lambda _: self.changed())
            keeping.addErrback(lambda failure: self.log.failure("proofs were not kept", failure))

    def told_all(
        self, wanted: Mapping[DatasetId, WantedDataset], present: Container[DatasetId]
    ) -> None:
        self.told(tuple(self._noted), wanted, present)

    def _as_told(
        self,
        dataset_id: DatasetId,
        chain: tuple[Signed, ...],
        wanted: WantedDataset | None,
        present: Container[DatasetId],
    ) -> tuple[Signed, ...]:
        if wanted is None:
            # Who has no copy any more is nobody of whom it could have come.
            return chain if dataset_id in present else ()
        signed, grant = wanted.signed, wanted.grant
        if signed is not None and dataset_id in present and self._is_for_me(dataset_id, (signed,)):
            epoch = signed.statement.epoch
            return (signed, *(link for link in chain if link.statement.epoch > epoch))[-CHAIN_MAX:]
        has_moved_on = bool(chain) and grant.epoch >= chain[-1].statement.epoch
        return () if has_moved_on and grant.owner != self._me else chain

    def _is_for_me(self, dataset_id: DatasetId, chain: tuple[Signed, ...]) -> bool:
        """Whether it leads to this node; what does not is of no use here."""
        return (
            0 < len(chain) <= CHAIN_MAX
            and all(link.statement.dataset_id == dataset_id for link in chain)
            and chain[-1].statement.owner == self._me
        )

    def _has(self, dataset_id: DatasetId, link: Signed) -> bool:
        """Whether this node can show how it got the dataset, as of that epoch or a later one."""
        mine = (each.statement for each in self.of(dataset_id) if each.statement.owner == self._me)
        return any(said.epoch >= link.statement.epoch for said in mine)

    async def _keep(self, chains: Mapping[DatasetId, tuple[Signed, ...]]) -> None:
        """Have them on disk; what does not get there is shown nevertheless, as long as this runs.

        Nobody is kept waiting for a disk that is full: what was released is shown by both sides.
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
                "what is signed of {dataset} is not on disk: {reason}",
                dataset=dataset_id,
                reason=error,
            )


def _is_released(chain: tuple[Signed, ...], destination: NodeId, epoch: int) -> bool:
    """Whether it was signed before."""
    if not chain:
        return False
    last = chain[-1].statement
    return (last.owner, last.epoch) == (destination, epoch) and last.released_by is not None
