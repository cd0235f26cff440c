"""Adds signed proofs to released datasets; and what a node without certificates does instead."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace

from zope.interface import implementer

from flocker_lite.interfaces import IProofs, Released
from flocker_lite.model.grants import Signed
from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.model.state import DesiredDataset


@implementer(IProofs)
class NoProofs:
    """The proofs of a node without certificates: it signs nothing and keeps nothing."""

    signs = False

    def of(self, dataset_id: DatasetId) -> tuple[Signed, ...]:
        return ()

    async def release(
        self, destination: NodeId, released: Mapping[DatasetId, tuple[int, str]]
    ) -> Mapping[DatasetId, tuple[Signed, ...]]:
        return {}

    async def take(self, proofs: Mapping[DatasetId, tuple[Signed, ...]]) -> None:
        """Nothing."""

    def apply_grants(
        self,
        dataset_ids: Iterable[DatasetId],
        desired: Mapping[DatasetId, DesiredDataset],
        present: Container[DatasetId],
    ) -> None:
        """Nothing."""

    def apply_all_grants(
        self, desired: Mapping[DatasetId, DesiredDataset], present: Container[DatasetId]
    ) -> None:
        """Nothing."""


async def with_proofs(
    proofs: IProofs, destination: NodeId, items: tuple[Released, ...]
) -> tuple[Released, ...]:
    """The released datasets, each with its proof, which is on disk when this returns."""
    signed = await proofs.release(
        destination, {item.dataset_id: (item.epoch, item.guid) for item in items}
    )
    return tuple(replace(item, proof=signed.get(item.dataset_id, ())) for item in items)
