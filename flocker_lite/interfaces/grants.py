"""The doors to what is signed of grants: the key of a certificate, and what a node keeps of it."""

from __future__ import annotations

from collections.abc import Awaitable, Container, Iterable, Mapping

from zope.interface import Attribute, Interface

from flocker_lite.model.grants import Signed, Statement
from flocker_lite.model.records import DatasetId, NodeId
from flocker_lite.model.state import WantedDataset


class ISeal(Interface):
    """The key of this service's certificate, and the authority of its cluster."""

    certificate: str = Attribute("This service's certificate as it is now, in PEM.")

    def sign(statement: Statement) -> Signed:
        """The statement, signed with the certificate's key."""

    def objection(signed: Signed) -> str | None:
        """Why it is not good, in words; None when it is.

        It is when a certificate of this cluster's authority, which may have expired and was not
        revoked, is that of who may say so, and the signature is of its key.
        """


class IProofs(Interface):
    """What this node can show of how its datasets came here and where they went; durable."""

    signs: bool = Attribute("Whether it signs what it releases: it has a certificate.")
    changed = Attribute("Called when there is something else to be reported of it.")

    def of(dataset_id: DatasetId) -> tuple[Signed, ...]:
        """What is known of a dataset, oldest first."""

    def release(
        destination: NodeId, released: Mapping[DatasetId, tuple[int, str]]
    ) -> Awaitable[Mapping[DatasetId, tuple[Signed, ...]]]:
        """Sign that these were released, each as of an epoch, and with its last snapshot's guid.

        Their leases say so already. Returns what to hand over with each, when it is on disk. What
        was signed before is not signed anew; nothing is without a certificate.
        """

    def take(proofs: Mapping[DatasetId, tuple[Signed, ...]]) -> Awaitable[None]:
        """Keep these, which came with their datasets; they are on disk when this returns."""

    def told(
        dataset_ids: Iterable[DatasetId],
        wanted: Mapping[DatasetId, WantedDataset],
        present: Container[DatasetId],
    ) -> None:
        """The control service says something else of these; of `present` there are copies here.

        The grant that it signed for this node is kept in place of what was before it, and what has
        moved on is not kept any longer.
        """

    def told_all(wanted: Mapping[DatasetId, WantedDataset], present: Container[DatasetId]) -> None:
        """The same, of all that is kept."""
