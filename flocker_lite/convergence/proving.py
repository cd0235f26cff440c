"""Signing what was released, at each step that may be the first after its commit."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import replace

from zope.interface import implementer

from flocker_lite.interfaces import IProofs, Released
from flocker_lite.model.grants import Signed
from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.model.state import WantedDataset


@implementer(IProofs)
class Unproven:
    """A node without certificates: it signs nothing, and keeps nothing."""

    signs = False

    def __init__(self) -> None:
        self.changed: Callable[[], None] = lambda: None

    def of(self, dataset_id: DatasetId) -> tuple[Signed, ...]:
        return ()

    async def release(
        self, destination: NodeId, released: Mapping[DatasetId, tuple[int, str]]
    ) -> Mapping[DatasetId, tuple[Signed, ...]]:
        return {}

    async def take(self, proofs: Mapping[DatasetId, tuple[Signed, ...]]) -> None:
        """Nothing."""

    def told(
        self,
        dataset_ids: Iterable[DatasetId],
        wanted: Mapping[DatasetId, WantedDataset],
        present: Container[DatasetId],
    ) -> None:
        """Nothing."""

    def told_all(
        self, wanted: Mapping[DatasetId, WantedDataset], present: Container[DatasetId]
    ) -> None:
        """Nothing."""


async def proven(
    proofs: IProofs, destination: NodeId, items: tuple[Released, ...]
) -> tuple[Released, ...]:
    """What was released to a node, each with what shows it; signed on disk when this returns."""
    signed = await proofs.release(
        destination, {item.dataset_id: (item.epoch, item.guid) for item in items}
    )
    return tuple(replace(item, proof=signed.get(item.dataset_id, ())) for item in items)
